//! Follows the event stream: who runs which job in which phase, and how each job was said to have ended.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::{
    JobId,
    event::{JobChange, JobEvent, Phase},
};
use queue::Queue;
use tokio::{
    sync::broadcast,
    task::{AbortHandle, JoinHandle},
};

use super::fleet::Fleet;

const BLOCK: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

/// A worker was seen in a phase of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The job.
    pub job_id: JobId,
    /// The name under which the queue knows the worker.
    pub worker: String,
    /// The phase.
    pub phase: Phase,
}

/// What the events have told.
#[derive(Clone)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    sightings: broadcast::Sender<Sighting>,
    _task: Arc<Task>,
}

#[derive(Default)]
struct Seen {
    workers: HashMap<JobId, String>,
    ends: HashMap<JobId, BTreeSet<&'static str>>,
}

struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// Begins to follow.
    pub async fn start(fleet: &Fleet) -> anyhow::Result<Self> {
        let queue = fleet.queue().await?;
        let after = queue.last_event_id().await?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sightings, _) = broadcast::channel(1024);
        let task: JoinHandle<()> = tokio::spawn(follow(queue, after, Arc::clone(&seen), sightings.clone()));
        Ok(Self { seen, sightings, _task: Arc::new(Task(task.abort_handle())) })
    }

    /// Waits until some worker is in this phase; none if that does not happen in time.
    pub async fn next_in_phase(&self, phase: Phase, limit: Duration) -> Option<Sighting> {
        let mut sightings = self.sightings.subscribe();
        let looking = async {
            loop {
                match sightings.recv().await {
                    Ok(sighting) if sighting.phase == phase => return Some(sighting),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        tokio::time::timeout(limit, looking).await.ok().flatten()
    }

    /// Returns the different ends that were announced for a job. More than one is a contradiction.
    #[must_use]
    pub fn ends(&self, id: JobId) -> BTreeSet<&'static str> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ends.get(&id).cloned().unwrap_or_default()
    }
}

async fn follow(queue: Queue, after: String, seen: Arc<Mutex<Seen>>, sightings: broadcast::Sender<Sighting>) {
    let Ok(mut reader) = queue.event_reader(after).await else { return };
    loop {
        match reader.next(BLOCK).await {
            Ok(events) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                for event in events {
                    if let Some(sighting) = seen.note(event) {
                        // Nobody listens most of the time.
                        let _ = sightings.send(sighting);
                    }
                }
            }
            // Valkey is being killed all the time; the reader goes on where it was.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

impl Seen {
    fn note(&mut self, event: JobEvent) -> Option<Sighting> {
        let end = match event.change {
            JobChange::Running { worker, .. } => {
                self.workers.insert(event.job_id, worker);
                return None;
            }
            JobChange::Progress(progress) => {
                let worker = self.workers.get(&event.job_id)?.clone();
                return Some(Sighting { job_id: event.job_id, worker, phase: progress.phase });
            }
            JobChange::Succeeded { .. } => "succeeded",
            JobChange::Failed { .. } => "failed",
            JobChange::Cancelled => "cancelled",
            JobChange::Dead { .. } => "dead",
            JobChange::Queued | JobChange::CancelRequested | JobChange::Retrying { .. } => return None,
        };
        self.ends.entry(event.job_id).or_default().insert(end);
        None
    }
}
