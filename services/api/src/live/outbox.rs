//! What waits for one client: bounded, in the order of the stream, the newest progress of a job in place of older ones.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use contract::JobId;
use tokio::sync::Notify;

use super::{Encoded, StreamId};

/// Beyond these, everything but ends is dropped and the client is told to ask again.
const MOST_EVENTS: usize = 256;
/// Beyond these the client is given up: even its ends pile up. It connects again and resumes.
const MOST_ENDS: usize = 4 * MOST_EVENTS;
/// Previews of more jobs than these are not kept for a client that does not read.
const MOST_PREVIEWS: usize = 16;

/// What waits for one client.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: BTreeMap<StreamId, Arc<Encoded>>,
    /// Which of the events is the replaceable progress of a job.
    progress: HashMap<JobId, StreamId>,
    previews: HashMap<JobId, Bytes>,
    pulse: Option<Bytes>,
    wants_previews: bool,
    must_resync: bool,
    is_given_up: bool,
    /// What is not behind this place, the client knows already.
    floor: StreamId,
}

/// Something to send to a client.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// An event.
    Event(Arc<Encoded>),
    /// The states or the replay are complete; live events follow, from behind this place.
    CaughtUp(StreamId),
    /// Events were dropped.
    Resync,
    /// The state of the whole, as JSON.
    Pulse(Bytes),
    /// A preview frame.
    Preview(Bytes),
    /// The client reads so slowly that it must connect again.
    TooSlow,
}

impl Outbox {
    /// Adds an event. Never waits.
    pub(crate) fn push(&self, event: &Arc<Encoded>) {
        let mut waiting = self.lock();
        if event.id <= waiting.floor || waiting.is_given_up {
            return;
        }
        // Progress is only worth something while it is the latest that happened to its job.
        if let Some(older) = waiting.progress.remove(&event.job_id()) {
            waiting.events.remove(&older);
        }
        if event.is_progress() {
            waiting.progress.insert(event.job_id(), event.id);
        }
        if event.is_end() {
            waiting.previews.remove(&event.job_id());
        }
        waiting.events.insert(event.id, Arc::clone(event));
        if waiting.events.len() > MOST_EVENTS {
            waiting.keep_only_ends();
        }
        drop(waiting);
        self.ready.notify_one();
    }

    /// Adds a preview in place of an older one of the same job, if the client wants previews.
    pub(crate) fn push_preview(&self, job: JobId, frame: &Bytes) {
        let mut waiting = self.lock();
        let has_room = waiting.previews.len() < MOST_PREVIEWS || waiting.previews.contains_key(&job);
        if !waiting.wants_previews || !has_room {
            return;
        }
        waiting.previews.insert(job, frame.clone());
        drop(waiting);
        self.ready.notify_one();
    }

    /// Adds the state of the whole in place of an older one.
    pub(crate) fn push_pulse(&self, pulse: &Bytes) {
        self.lock().pulse = Some(pulse.clone());
        self.ready.notify_one();
    }

    /// Switches previews on or off.
    pub(crate) fn want_previews(&self, on: bool) {
        let mut waiting = self.lock();
        waiting.wants_previews = on;
        waiting.previews.clear();
    }

    /// Returns whether the client wants previews.
    pub(crate) fn wants_previews(&self) -> bool {
        self.lock().wants_previews
    }

    /// Drops everything that waits: the client watches other jobs now.
    pub(crate) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.events.clear();
        waiting.progress.clear();
        waiting.previews.clear();
        waiting.must_resync = false;
        waiting.floor = StreamId::default();
    }

    /// Drops the events up to this place, now and later: the client has learnt of them in another way.
    pub(crate) fn forget_until(&self, floor: StreamId) {
        let mut waiting = self.lock();
        waiting.floor = floor;
        waiting.events.retain(|id, _| *id > floor);
        waiting.progress.retain(|_, id| *id > floor);
    }

    /// Waits for something to send. Nothing is lost when the call is dropped.
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.lock().take() {
                return outgoing;
            }
            self.ready.notified().await;
        }
    }

    /// Returns something to send if it is there already.
    pub(crate) fn take(&self) -> Option<Outgoing> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn keep_only_ends(&mut self) {
        self.events.retain(|_, event| event.is_end());
        self.progress.clear();
        self.must_resync = true;
        if self.events.len() > MOST_ENDS {
            self.events.clear();
            self.previews.clear();
            self.is_given_up = true;
        }
    }

    fn take(&mut self) -> Option<Outgoing> {
        if self.is_given_up {
            return Some(Outgoing::TooSlow);
        }
        if std::mem::take(&mut self.must_resync) {
            return Some(Outgoing::Resync);
        }
        if let Some((_, event)) = self.events.pop_first() {
            if event.is_progress() {
                self.progress.remove(&event.job_id());
            }
            return Some(Outgoing::Event(event));
        }
        if let Some(pulse) = self.pulse.take() {
            return Some(Outgoing::Pulse(pulse));
        }
        let job = *self.previews.keys().next()?;
        self.previews.remove(&job).map(Outgoing::Preview)
    }
}
