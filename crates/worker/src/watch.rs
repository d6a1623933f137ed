//! Passes on what an engine reports during one attempt: progress through the lease, previews through the queue.

use std::{convert::Infallible, future, time::Instant};

use queue::{Lease, Queue};
use tokio::sync::mpsc;

use crate::{
    engine::{Reports, StepReport},
    pace::{Expectation, Measured},
    preview,
    progress::Tracker,
};

/// Follows one attempt.
pub(crate) struct Watch<'a> {
    lease: &'a Lease,
    tracker: Tracker,
    began: Instant,
}

impl<'a> Watch<'a> {
    /// Begins to follow.
    pub(crate) fn begin(lease: &'a Lease, expected: Expectation) -> Self {
        Self { lease, tracker: Tracker::new(expected), began: Instant::now() }
    }

    /// Passes on one step.
    pub(crate) fn tell(&mut self, report: StepReport) {
        self.lease.report(self.tracker.report(self.began.elapsed(), report));
    }

    /// Runs `engine`, and passes on what it reports meanwhile.
    pub(crate) async fn during<T>(&mut self, queue: &Queue, reports: Reports, engine: impl Future<Output = T>) -> T {
        let Reports { mut steps, preview, .. } = reports;
        let done = {
            let previews = preview::forward(queue, self.lease.job.id, preview);
            tokio::select! {
                biased;
                never = self.follow(&mut steps) => match never {},
                never = previews => match never {},
                done = engine => done,
            }
        };
        while let Ok(report) = steps.try_recv() {
            self.tell(report);
        }
        done
    }

    /// Returns what the attempt has taught about its model.
    pub(crate) fn measure(&mut self) -> Measured {
        self.tracker.measure(self.began.elapsed())
    }

    async fn follow(&mut self, steps: &mut mpsc::UnboundedReceiver<StepReport>) -> Infallible {
        while let Some(report) = steps.recv().await {
            self.tell(report);
        }
        future::pending().await
    }
}
