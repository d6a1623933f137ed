//! A visit that outlives its request: streams and conversations end when their key is revoked.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::debug;

use super::Caller;
use crate::http::Api;

/// How often it is looked whether the key still exists. Also the beat of keep-alives, so that a client has one timer.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Somebody who stays.
pub(crate) struct Visit {
    api: Arc<Api>,
    caller: Caller,
    looks: Interval,
}

impl Visit {
    pub(crate) fn new(api: Arc<Api>, caller: Caller) -> Self {
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { api, caller, looks }
    }

    /// Waits for the next look, and returns whether the visitor may stay. A call that is dropped looks at the next turn.
    pub(crate) async fn look(&mut self) -> bool {
        self.looks.tick().await;
        self.api.access.may_stay(&self.api, &self.caller).await.unwrap_or_else(|error| {
            // Nobody is sent away because the database is slow.
            debug!("could not look whether a key still exists: {:#}", anyhow::Error::from(error));
            true
        })
    }
}
