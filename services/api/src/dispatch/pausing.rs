//! Pause and resume: whether workers get anything new, or one certain job. What runs goes on, and jobs are accepted all the
//! same.

use contract::{
    JobId,
    job::{Job, JobState},
    spec::WorkerKind,
};

use super::{Dispatch, outage::Trouble, pump, shared::Shared};
use crate::db::{self, PauseRequest, window::Waiting};

impl Dispatch {
    /// Keeps everything new from these workers, and takes back what lies ready for them.
    ///
    /// Other instances see it before they publish anything; what they were publishing at this moment their pump takes back.
    pub async fn pause(&self, kinds: &[WorkerKind]) -> Result<(), db::Error> {
        let shared = &self.shared;
        shared.parts.db.pause(kinds, shared.parts.clock.now()).await?;
        let _window = shared.window.lock().await;
        let taken_back = async { take_back_paused(shared, &shared.parts.db.list_window().await?).await };
        // The pump tries again until it succeeds.
        if let Err(error) = taken_back.await {
            shared.trouble("taking back what lies ready for paused workers", error);
        }
        Ok(())
    }

    /// Lets these workers have jobs again.
    pub async fn resume(&self, kinds: &[WorkerKind]) -> Result<(), db::Error> {
        self.shared.parts.db.resume(kinds).await?;
        self.nudge();
        Ok(())
    }

    /// Keeps a waiting job from the workers, and takes it back if it lies ready for them. One that a worker took at this very
    /// moment runs on.
    pub async fn pause_job(&self, id: JobId) -> Result<PauseRequest, db::Error> {
        let shared = &self.shared;
        let db = &shared.parts.db;
        let request = db.pause_job(id).await?;
        let PauseRequest::Done(job) = request else { return Ok(request) };
        let _window = shared.window.lock().await;
        let taken_back = async {
            take_back_paused(shared, &db.list_window().await?).await?;
            Ok::<_, Trouble>(shared.parts.queue.snapshots(&[id]).await?)
        };
        let is_taken = match taken_back.await {
            Ok(found) => found.iter().flatten().any(|snapshot| snapshot.is_running),
            // The pump tries again until it succeeds.
            Err(error) => {
                shared.trouble("taking back a paused job", error);
                false
            }
        };
        if is_taken {
            db.resume_job(id, shared.parts.clock.now()).await?;
            return Ok(PauseRequest::NotWaiting(Job { state: JobState::Running, paused: false, ..job }));
        }
        Ok(PauseRequest::Done(job))
    }

    /// Lets the workers have a job again.
    pub async fn resume_job(&self, id: JobId) -> Result<PauseRequest, db::Error> {
        let request = self.shared.parts.db.resume_job(id, self.shared.parts.clock.now()).await?;
        self.nudge();
        Ok(request)
    }
}

/// Takes back the jobs of this window that are paused, or whose workers are. The caller holds the window.
pub(super) async fn take_back_paused(shared: &Shared, window: &[Waiting]) -> Result<(), Trouble> {
    let paused = window.iter().filter(|job| job.is_paused).map(|job| (job.id, job.generation));
    pump::recall(shared, &paused.collect::<Vec<_>>()).await
}
