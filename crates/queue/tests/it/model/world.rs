//! The world of the model: what SQL holds, what the workers hold, and the server itself.

use std::collections::BTreeMap;

use contract::JobId;
use proptest::sample::Index;
use queue::{DoneReader, Outcome};
use redis::aio::MultiplexedConnection;

use super::{facts::Facts, operation::Operation, texts::Asked};
use crate::ground::Ground;

/// How long a worker of the model may be silent.
pub(super) const LEASE_MS: u64 = 60_000;

/// A row of SQL.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: JobId,
    pub(super) state: RowState,
    pub(super) generation: u64,
    pub(super) attempts: u32,
    pub(super) max_attempts: u32,
    pub(super) cancel: bool,
    pub(super) rank: u8,
    pub(super) model: u8,
    pub(super) lease_ms: u64,
    /// How often Valkey had lost data when this was published for certain.
    pub(super) published_in: Option<u32>,
}

/// The states in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    Queued,
    Published,
    Ended(Outcome),
}

/// What a worker holds, or believes to hold.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) id: JobId,
    pub(super) token: String,
    pub(super) worker: String,
}

/// The world of the model.
pub(super) struct World {
    pub(super) ground: Ground,
    pub(super) raw: MultiplexedConnection,
    pub(super) done: DoneReader,
    pub(super) rows: Vec<Row>,
    pub(super) held: Vec<Held>,
    pub(super) asked: Asked,
    /// Ends that workers were told to be accepted, with the number of losses by then.
    pub(super) accepted: Vec<(JobId, Outcome, u32)>,
    /// How often Valkey lost data.
    pub(super) losses: u32,
    pub(super) image: Option<Vec<(String, Vec<u8>)>>,
    pub(super) tokens: u64,
    pub(super) tally: Tally,
}

impl World {
    pub(super) async fn new(ground: Ground) -> Self {
        let raw = ground.raw().await;
        let done = ground.queue.done_reader("api").await.unwrap();
        let asked = Asked::new(&ground.valkey.url()).await;
        Self {
            ground,
            raw,
            done,
            rows: Vec::new(),
            held: Vec::new(),
            asked,
            accepted: Vec::new(),
            losses: 0,
            image: None,
            tokens: 0,
            tally: Tally::default(),
        }
    }

    /// Begins a new series on empty ground.
    pub(super) async fn begin(&mut self) {
        self.lose_all().await;
        self.done = self.ground.queue.done_reader("api").await.unwrap();
        self.rows.clear();
        self.held.clear();
        self.forget_texts().await;
        self.accepted.clear();
        self.losses = 0;
        self.image = None;
    }

    pub(super) async fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Submit(job) => self.submit(job),
            Operation::SubmitPublishLease(job, worker) => self.submit_publish_lease(job, *worker).await,
            Operation::Pump { dies } => self.pump(*dies).await,
            Operation::PublishLate { job, is_older } => self.publish_late(job, *is_older).await,
            Operation::Lease(request) => drop(self.lease(request).await),
            Operation::ExpireLease(request) => self.expire_lease(request).await,
            Operation::LoseAnswer(request) => self.lose_answer(request).await,
            Operation::Forget { held } => self.forget(held),
            Operation::Beat { held, reports } => self.beat(held, *reports).await,
            Operation::Finish { held, outcome, hears, stays } => self.finish(held, *outcome, *hears, *stays).await,
            Operation::FinishAndLease { held, outcome, request } => {
                self.finish_and_lease(held, *outcome, request).await;
            }
            Operation::Release { held, stays } => self.release(held, *stays).await,
            Operation::PassOn { held, stays } => self.pass_on(held, *stays).await,
            Operation::Cancel { job, is_heard } => self.cancel(job, *is_heard).await,
            Operation::Recall { job } => self.recall(job).await,
            Operation::Expire { which } => self.expire(*which).await,
            Operation::Project { dies, is_pending } => self.project(*dies, *is_pending).await,
            Operation::Reap => self.reap().await,
            Operation::Reconcile => self.reconcile().await,
            Operation::Snapshot => self.take_image().await,
            Operation::RollBack => self.roll_back().await,
            Operation::LoseAll => self.lose_all().await,
            Operation::Dance => self.dance().await,
            Operation::AskText(job) => self.ask_text(job).await,
            Operation::CancelText { ask } => self.cancel_text(ask).await,
            Operation::EndWait { ask } => self.end_wait(ask).await,
        }
    }

    pub(super) async fn look(&mut self) -> Facts {
        Facts::look(&mut self.raw).await
    }

    pub(super) fn row(&mut self, id: JobId) -> &mut Row {
        self.rows.iter_mut().find(|row| row.id == id).expect("the queue knows a job that SQL does not")
    }

    /// Picks one of the rows, if there are any.
    pub(super) fn pick_row(&self, index: &Index) -> Option<usize> {
        (!self.rows.is_empty()).then(|| index.index(self.rows.len()))
    }
}

/// Counts what happened, so that a test that meets nothing interesting cannot pass for a good one.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<&'static str, u32>);

impl Tally {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn assert_everything_happened(&self) {
        let interesting = [
            "handed over",
            "taken over",
            "closed as dead",
            "closed as cancelled",
            "reaped",
            "finish accepted",
            "finish lost",
            "finish repeated",
            "finish brought the next",
            "beat ok",
            "beat cancel",
            "beat lost",
            "released",
            "passed on",
            "too large for all",
            "recovered",
            "recalled",
            "cancelled while waiting",
            "cancelled while running",
            "published again",
            "published late",
            "purged",
            "settled twice",
            "rolled back",
            "lost everything",
            "asked for text",
            "text finished",
            "text cancelled",
            "text dead",
            "text expired",
        ];
        for what in interesting {
            assert!(self.0.contains_key(what), "in all these series nothing was ever {what:?}: {self:?}");
        }
    }
}

/// Returns how much memory a worker has, in MiB; 0 for the last, which takes jobs of any size.
pub(super) fn memory_of(worker: u8) -> u64 {
    [100, 200, 300].get(usize::from(worker)).copied().unwrap_or_default()
}

/// Returns what stands for a model in the name of its lane.
pub(super) fn lane_of_model(model: u8) -> String {
    // FNV-1a, as in `src/keys.rs`: an own copy, because the names of lanes must never change.
    let hash = (0xcbf2_9ce4_8422_2325_u64 ^ u64::from(b'a' + model)).wrapping_mul(0x0100_0000_01b3);
    format!("{hash:016x}")
}

/// Returns the name of a model.
pub(super) fn model_name(model: u8) -> String {
    char::from(b'a' + model).to_string()
}
