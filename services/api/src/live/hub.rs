//! Reads the event stream once and hands each event to the clients that watch its job.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chassis::clock::Clock;
use contract::{JobId, event::JobEvent, preview::Preview, socket::Watched};
use queue::Queue;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{Encoded, Watch, memory, outbox::Outbox, previews, pulse};
use crate::db::Db;

/// How long one read of the stream waits.
const BLOCK: Duration = Duration::from_secs(5);
/// The pause after a failed read.
const PAUSE: Duration = Duration::from_millis(500);

/// What the live part works with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
}

/// A handle on the live part; cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    parts: Parts,
    watchers: Mutex<Watchers>,
    next_client: AtomicU64,
}

type Clients = HashMap<u64, Arc<Outbox>>;

/// Who watches what.
#[derive(Default)]
struct Watchers {
    of_all: Clients,
    of_job: HashMap<JobId, Clients>,
    /// Who gets the state of the whole.
    of_pulse: Clients,
    /// Who gets told who holds memory.
    of_memory: Clients,
}

impl Live {
    /// Starts to follow the events, previews and the state of the whole. Ends soon after `stop` fires.
    pub(crate) fn start(parts: Parts, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let live = Self(Arc::new(Inner { parts, watchers: Mutex::default(), next_client: AtomicU64::new(0) }));
        tasks.spawn(stop.clone().run_until_cancelled_owned(follow(live.clone())));
        tasks.spawn(stop.clone().run_until_cancelled_owned(previews::follow(live.clone())));
        tasks.spawn(stop.clone().run_until_cancelled_owned(pulse::send(live.clone())));
        tasks.spawn(stop.clone().run_until_cancelled_owned(memory::send(live.clone())));
        live
    }

    /// Opens a client's view on the events. It watches nothing yet.
    pub(crate) fn open(&self) -> Watch {
        Watch::new(self.clone(), self.0.next_client.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Lets a client hear of these jobs and of no others.
    pub(super) fn register(&self, client: u64, watched: &Watched, outbox: &Arc<Outbox>) {
        let mut watchers = self.lock();
        watchers.remove(client);
        match watched {
            Watched::All => {
                watchers.of_all.insert(client, Arc::clone(outbox));
            }
            Watched::Jobs(ids) => {
                for id in ids {
                    watchers.of_job.entry(*id).or_default().insert(client, Arc::clone(outbox));
                }
            }
        }
    }

    /// Lets a client hear of the state of the whole, too.
    pub(super) fn register_for_pulse(&self, client: u64, outbox: &Arc<Outbox>) {
        self.lock().of_pulse.insert(client, Arc::clone(outbox));
    }

    /// Lets a client hear who holds memory, too.
    pub(super) fn register_for_memory(&self, client: u64, outbox: &Arc<Outbox>) {
        self.lock().of_memory.insert(client, Arc::clone(outbox));
    }

    /// Lets a client hear no more of who holds memory.
    pub(super) fn remove_memory(&self, client: u64) {
        self.lock().of_memory.remove(&client);
    }

    /// Lets a client hear of no job any more.
    pub(super) fn remove_jobs(&self, client: u64) {
        self.lock().remove(client);
    }

    /// Lets a client hear nothing any more.
    pub(super) fn remove(&self, client: u64) {
        let mut watchers = self.lock();
        watchers.remove(client);
        watchers.of_pulse.remove(&client);
        watchers.of_memory.remove(&client);
    }

    pub(super) fn send_preview(&self, frame: &Bytes) {
        let Some(preview) = Preview::decode(frame) else { return };
        self.lock().each_of(preview.job_id, |outbox| outbox.push_preview(preview.job_id, frame));
    }

    pub(super) fn send_pulse(&self, pulse: &Bytes) {
        self.lock().of_pulse.values().for_each(|outbox| outbox.push_pulse(pulse));
    }

    pub(super) fn send_memory(&self, memory: &Bytes) {
        self.lock().of_memory.values().for_each(|outbox| outbox.push_memory(memory));
    }

    pub(super) fn is_memory_wanted(&self) -> bool {
        !self.lock().of_memory.is_empty()
    }

    pub(super) fn is_pulse_wanted(&self) -> bool {
        !self.lock().of_pulse.is_empty()
    }

    fn send(&self, event: JobEvent) {
        let event = Arc::new(Encoded::new(event));
        self.lock().each_of(event.job_id(), |outbox| outbox.push(&event));
    }

    fn lock(&self) -> MutexGuard<'_, Watchers> {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchers {
    fn each_of(&self, job: JobId, mut act: impl FnMut(&Outbox)) {
        self.of_all.values().for_each(|outbox| act(outbox));
        self.of_job.get(&job).into_iter().flat_map(Clients::values).for_each(|outbox| act(outbox));
    }

    fn remove(&mut self, client: u64) {
        self.of_all.remove(&client);
        self.of_job.retain(|_, clients| {
            clients.remove(&client);
            !clients.is_empty()
        });
    }
}

/// Follows the stream for ever. After an outage it goes on where it was, so that clients lose nothing.
async fn follow(live: Live) {
    let queue = &live.parts().queue;
    let mut reader = loop {
        let opened = async { queue.event_reader(queue.last_event_id().await?).await };
        match opened.await {
            Ok(reader) => break reader,
            Err(error) => pause_after(error).await,
        }
    };
    loop {
        match reader.next(BLOCK).await {
            Ok(events) => events.into_iter().for_each(|event| live.send(event)),
            Err(error) => pause_after(error).await,
        }
    }
}

async fn pause_after(error: queue::Error) {
    warn!("events are late: {:#}", anyhow::Error::from(error));
    tokio::time::sleep(PAUSE).await;
}
