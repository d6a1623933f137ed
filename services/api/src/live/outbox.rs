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
    memory: Option<Bytes>,
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
    /// Who holds memory, as JSON.
    Memory(Bytes),
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

    /// Adds the word about who holds memory in place of an older one.
    pub(crate) fn push_memory(&self, memory: &Bytes) {
        self.lock().memory = Some(memory.clone());
        self.ready.notify_one();
    }

    /// Drops the word about who holds memory.
    pub(crate) fn forget_memory(&self) {
        self.lock().memory = None;
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
        if let Some(memory) = self.memory.take() {
            return Some(Outgoing::Memory(memory));
        }
        let job = *self.previews.keys().next()?;
        self.previews.remove(&job).map(Outgoing::Preview)
    }
}

#[cfg(test)]
mod tests {
    use contract::event::{JobChange, JobEvent, Phase, Progress};
    use time::OffsetDateTime;

    use super::*;

    fn event(place: u64, job: JobId, change: JobChange) -> Arc<Encoded> {
        let id = format!("{place}-0");
        Arc::new(Encoded::new(JobEvent { id, job_id: job, at: OffsetDateTime::UNIX_EPOCH, change }))
    }

    fn step(step: u32) -> JobChange {
        let (seconds_per_step, remaining_s) = (None, None);
        JobChange::Progress(Progress {
            phase: Phase::Sampling,
            step,
            steps: 9,
            seconds_per_step,
            remaining_s,
            fraction: 0.5,
            waits_for: None,
        })
    }

    /// Returns the places of the events that wait; 0 for the word that some were dropped.
    fn places(outbox: &Outbox) -> Vec<String> {
        let place = |outgoing| match outgoing {
            Outgoing::Event(event) => event.id.to_string(),
            other => format!("{other:?}"),
        };
        std::iter::from_fn(|| outbox.take()).map(place).collect()
    }

    #[test]
    fn newer_progress_takes_the_place_of_older_and_the_order_stays() {
        let (outbox, a, b) = (Outbox::default(), JobId::new(), JobId::new());
        outbox.push(&event(1, a, step(1)));
        outbox.push(&event(2, b, step(1)));
        outbox.push(&event(3, a, step(2)));
        outbox.push(&event(4, b, JobChange::Queued));
        outbox.push(&event(5, b, step(1)));
        assert_eq!(places(&outbox), ["3-0", "4-0", "5-0"]);
        outbox.push(&event(6, a, step(3)));
        assert_eq!(places(&outbox), ["6-0"]);
    }

    #[test]
    fn what_overflows_is_dropped_except_for_ends_and_the_client_is_told() {
        let outbox = Outbox::default();
        for place in 1..=300 {
            let change = if place % 10 == 0 { JobChange::Cancelled } else { JobChange::Queued };
            outbox.push(&event(place, JobId::new(), change));
        }
        let kept = places(&outbox);
        assert_eq!(kept[0], "Resync");
        let ends: Vec<String> = (1..=30).map(|tens| format!("{tens}0-0")).collect();
        assert!(ends.iter().all(|end| kept.contains(end)), "{kept:?}");
        assert!(kept.len() <= 1 + ends.len() + (300 - 257), "{} events are kept", kept.len());
    }

    #[test]
    fn a_client_on_which_even_ends_pile_up_is_given_up_and_takes_no_more_memory() {
        let outbox = Outbox::default();
        for place in 1..=10_000 {
            outbox.push(&event(place, JobId::new(), JobChange::Cancelled));
        }
        assert!(matches!(outbox.take(), Some(Outgoing::TooSlow)));
        assert!(outbox.lock().events.is_empty());
    }

    #[test]
    fn what_the_client_knows_already_is_not_sent_again() {
        let (outbox, job) = (Outbox::default(), JobId::new());
        outbox.push(&event(1, job, JobChange::Queued));
        outbox.push(&event(7, job, step(1)));
        outbox.forget_until("5-3".parse().unwrap());
        outbox.push(&event(5, job, JobChange::Cancelled));
        outbox.push(&event(8, job, step(2)));
        assert_eq!(places(&outbox), ["8-0"]);
    }

    #[test]
    fn previews_wait_only_for_those_who_want_them_and_only_the_latest() {
        let (outbox, job) = (Outbox::default(), JobId::new());
        outbox.push_preview(job, &Bytes::from_static(b"1"));
        assert!(outbox.take().is_none());
        outbox.want_previews(true);
        outbox.push_preview(job, &Bytes::from_static(b"2"));
        outbox.push_preview(job, &Bytes::from_static(b"3"));
        assert!(matches!(outbox.take(), Some(Outgoing::Preview(frame)) if frame == "3"));
        outbox.push_preview(job, &Bytes::from_static(b"4"));
        // A picture of something that has ended would come after its end.
        outbox.push(&event(1, job, JobChange::Cancelled));
        assert_eq!(places(&outbox), ["1-0"]);
    }
}
