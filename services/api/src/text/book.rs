//! The requests that are open, and where each of them stands.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use contract::{
    JobId,
    job::{Failure, Priority},
    text::{TextEvent, TextFrame, TextJob},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};

/// How often a request may get another job. More often means that something else is wrong with it.
const RENEWALS: u32 = 3;

/// What comes to whoever waits.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// What the worker says, in numbered pieces.
    Frame(TextFrame),
    /// What this server says, whatever the worker has said.
    Event(TextEvent),
}

/// The requests that are open, by their order.
#[derive(Default)]
pub(super) struct Book {
    asks: BTreeMap<u64, Ask>,
    /// Which request a job in the queue is for.
    jobs: HashMap<JobId, u64>,
    last: u64,
    /// Jobs that nobody waits for and that were cancelled since the last round: each frame would cancel them once more.
    strays: HashSet<JobId>,
}

/// A request that is open.
pub(super) struct Ask {
    pub(super) job: Arc<TextJob>,
    pub(super) priority: Priority,
    pub(super) asked_at: Instant,
    pub(super) phase: Phase,
    /// In how many rounds one after the other Valkey did not have it.
    pub(super) missed: u32,
    renewals: u32,
    /// Whether the queue may have it.
    may_be_there: bool,
    /// Whether it was told that it failed.
    has_failed: bool,
    /// Why it waits, as it was told last.
    reason: String,
    sender: UnboundedSender<Message>,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is not in the queue.
    Held,
    /// It is in the queue, and no worker has said anything.
    Waiting,
    /// A worker has spoken.
    Spoken,
    /// It has ended; whoever asked has not read everything.
    Ended,
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.asks.len()
    }

    /// Counts the requests that somebody waits for: all but those of the lowest priority.
    pub(super) fn count_awaited(&self) -> usize {
        self.asks.values().filter(|ask| ask.priority < Priority::Batch).count()
    }

    /// Enters a request. Returns its number, and where the messages come.
    pub(super) fn enter(&mut self, job: TextJob, priority: Priority) -> (u64, UnboundedReceiver<Message>) {
        let (sender, receiver) = unbounded_channel();
        self.last += 1;
        self.jobs.insert(job.id, self.last);
        let ask = Ask {
            job: Arc::new(job),
            priority,
            asked_at: Instant::now(),
            phase: Phase::Held,
            missed: 0,
            renewals: 0,
            may_be_there: false,
            has_failed: false,
            reason: String::new(),
            sender,
        };
        self.asks.insert(self.last, ask);
        (self.last, receiver)
    }

    /// Strikes a request out. Returns the job that is still to be cancelled.
    pub(super) fn strike_out(&mut self, number: u64) -> Option<JobId> {
        let ask = self.asks.remove(&number)?;
        self.jobs.remove(&ask.job.id);
        ask.may_be_there.then(|| {
            self.strays.insert(ask.job.id);
            ask.job.id
        })
    }

    /// Returns what is to be published. From now on the queue may have it.
    pub(super) fn take_to_publish(&mut self, id: JobId) -> Option<(Arc<TextJob>, Priority)> {
        let ask = self.find(id)?;
        ask.may_be_there = true;
        Some((ask.job.clone(), ask.priority))
    }

    /// Notes that a request is in the queue.
    pub(super) fn note_published(&mut self, id: JobId) {
        if let Some(ask) = self.find(id).filter(|ask| ask.phase == Phase::Held) {
            // A worker that is quicker than the answer to the publication has spoken already.
            ask.phase = Phase::Waiting;
            ask.missed = 0;
        }
    }

    /// Notes that a request was taken back out of the queue.
    pub(super) fn note_recalled(&mut self, id: JobId) {
        if let Some(ask) = self.find(id).filter(|ask| ask.phase == Phase::Waiting) {
            ask.phase = Phase::Held;
            ask.may_be_there = false;
        }
    }

    /// Passes a frame on. Returns how long the request waited if these are the first words of its worker.
    pub(super) fn pass_on(&mut self, frame: TextFrame) -> Result<Option<std::time::Duration>, Stray> {
        let id = frame.id;
        let Some(ask) = self.find(id) else {
            return Err(Stray { id, is_new: self.strays.insert(id) });
        };
        let is_first = matches!(ask.phase, Phase::Held | Phase::Waiting);
        if is_first {
            ask.phase = Phase::Spoken;
        }
        ask.send(Message::Frame(frame));
        Ok(is_first.then(|| ask.asked_at.elapsed()))
    }

    /// Ends a request with a failure, if it is open.
    pub(super) fn fail(&mut self, id: JobId, failure: Failure) {
        if let Some(ask) = self.find(id).filter(|ask| ask.is_open()) {
            ask.has_failed = true;
            ask.send(Message::Event(TextEvent::Failed { failure }));
        }
    }

    /// Notes that the queue has nothing of this request any more.
    pub(super) fn note_ended(&mut self, id: JobId) {
        if let Some(ask) = self.find(id) {
            ask.phase = Phase::Ended;
            ask.may_be_there = false;
        }
    }

    /// Tells why a request waits, unless that was told already.
    pub(super) fn tell(&mut self, id: JobId, reason: String) {
        if let Some(ask) = self.find(id).filter(|ask| ask.waits())
            && ask.reason != reason
        {
            ask.reason.clone_from(&reason);
            ask.send(Message::Event(TextEvent::Waiting { reason }));
        }
    }

    /// Gives a request that the queue has lost another job, so that what the first may still say is not taken for its
    /// answer. Returns the id of that job; none where it was tried often enough.
    pub(super) fn renew(&mut self, id: JobId) -> Option<JobId> {
        let ask = self.find(id).filter(|ask| ask.renewals < RENEWALS)?;
        let new = JobId::new();
        ask.job = Arc::new(TextJob { id: new, ..TextJob::clone(&ask.job) });
        (ask.phase, ask.missed, ask.may_be_there) = (Phase::Held, 0, false);
        ask.renewals += 1;
        if let Some(number) = self.jobs.remove(&id) {
            self.jobs.insert(new, number);
        }
        Some(new)
    }

    pub(super) fn find(&mut self, id: JobId) -> Option<&mut Ask> {
        self.asks.get_mut(self.jobs.get(&id)?)
    }

    /// Returns the requests that have not ended, in the order in which they came.
    pub(super) fn open(&mut self) -> impl Iterator<Item = &mut Ask> {
        self.asks.values_mut().filter(|ask| ask.is_open())
    }

    /// Forgets which strays were cancelled: who still speaks is cancelled again.
    pub(super) fn forget_strays(&mut self) {
        self.strays.clear();
    }
}

/// Somebody speaks of a job that nobody waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub(super) id: JobId,
    /// Whether it was not cancelled since the last round.
    pub(super) is_new: bool,
}

impl Ask {
    /// Returns whether no worker has said anything.
    pub(super) fn waits(&self) -> bool {
        self.is_open() && matches!(self.phase, Phase::Held | Phase::Waiting)
    }

    fn is_open(&self) -> bool {
        self.phase != Phase::Ended && !self.has_failed
    }

    fn send(&self, message: Message) {
        // Whoever no longer reads is about to strike it out.
        let _ = self.sender.send(message);
    }
}
