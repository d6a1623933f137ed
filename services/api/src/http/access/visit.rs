//! A visit that outlives its request: streams and conversations end when their key is revoked.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::debug;

use super::Caller;
use crate::http::Api;

/// How often it is looked whether the key still exists.
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

    /// Waits until the visitor may not stay any longer. A call that is dropped looks again at the next turn.
    pub(crate) async fn ended(&mut self) {
        loop {
            self.looks.tick().await;
            match self.api.access.may_stay(&self.api, &self.caller).await {
                Ok(true) => {}
                Ok(false) => return,
                // Nobody is sent away because the database is slow.
                Err(error) => debug!("could not look whether a key still exists: {:#}", anyhow::Error::from(error)),
            }
        }
    }
}
