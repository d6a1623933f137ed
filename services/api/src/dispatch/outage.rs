//! Whether the outside answers: said once in the log when it stops, and once when it is back.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{info, warn};

/// Why a step of the dispatch did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Db(#[from] crate::db::Error),
    #[error(transparent)]
    Queue(#[from] queue::Error),
    #[error(transparent)]
    Assets(#[from] assets::Error),
}

/// Since when the dispatch gets no further.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Notes that a step failed.
    pub(super) fn begin(&self, step: &str, error: Trouble) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none() {
            *since = Some(Instant::now());
            let error = anyhow::Error::new(error);
            warn!("{step} failed and is tried again until it succeeds: {error:#}");
        }
    }

    /// Notes that all is well; returns whether it was not before.
    pub(super) fn end(&self) -> bool {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(since) = since {
            let duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            info!(duration_ms, "the dispatch goes on after {duration_ms} ms");
        }
        since.is_some()
    }

    /// Returns how long this has lasted; none if all is well.
    pub(super) fn lasted(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }
}

/// The pause before the next try: short at first, and never long.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self(Self::SHORTEST)
    }

    /// Returns how long to wait now; twice as long the next time.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        pause
    }

    /// Begins again with the shortest.
    pub(super) fn reset(&mut self) {
        self.0 = Self::SHORTEST;
    }
}
