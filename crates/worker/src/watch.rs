//! Passes on what an engine reports during one attempt: progress through the lease, previews through the queue.

use std::{
    convert::Infallible,
    future,
    time::{Duration, Instant},
};

use queue::{Lease, Queue};
use tokio::sync::{mpsc, watch};

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

    /// Passes on one step. Returns how many seconds the job will still take, where that is known.
    pub(crate) fn tell(&mut self, report: StepReport) -> Option<f64> {
        let progress = self.tracker.report(self.began.elapsed(), report);
        let remaining_s = progress.remaining_s;
        self.lease.report(progress);
        remaining_s
    }

    /// Runs `engine`, and passes on what it reports meanwhile.
    pub(crate) async fn during<T>(&mut self, queue: &Queue, reports: Reports, engine: impl Future<Output = T>) -> T {
        let Reports { mut steps, preview, mut waits, estimates, .. } = reports;
        let done = {
            let previews = preview::forward(queue, self.lease.job.id, preview);
            tokio::select! {
                biased;
                never = self.follow(&mut steps, &mut waits, &estimates) => match never {},
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

    async fn follow(
        &mut self,
        steps: &mut mpsc::UnboundedReceiver<StepReport>,
        waits: &mut watch::Receiver<Option<String>>,
        estimates: &watch::Sender<Option<Duration>>,
    ) -> Infallible {
        loop {
            tokio::select! {
                biased;
                Some(report) = steps.recv() => {
                    let remaining_s = self.tell(report);
                    estimates.send_replace(remaining_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()));
                }
                Ok(()) = waits.changed() => {
                    let reason = waits.borrow_and_update().clone();
                    self.lease.report(self.tracker.wait(self.began.elapsed(), reason));
                }
                else => future::pending().await,
            }
        }
    }
}
