//! What can happen.

use proptest::{prelude::*, sample::Index};
use queue::Outcome;

/// One thing that happens. An `Index` picks one of whatever there is at that moment.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// Somebody submits a job: SQL has it, the queue does not.
    Submit(NewJob),
    /// The usual beginning, so that the faults below meet running jobs.
    SubmitPublishLease(NewJob, u8),
    /// The API publishes what waits in SQL; or it dies between SQL and the queue.
    Pump { dies: bool },
    /// A second API, or a call that was repeated, publishes what is published already, or an older generation of it.
    PublishLate { job: Index, is_older: bool },
    /// A worker asks for a job.
    Lease(Request),
    /// All leases run out, and a worker asks for a job.
    ExpireLease(Request),
    /// A worker asks for a job, never hears the answer, and gives back what it may have got.
    LoseAnswer(Request),
    /// A worker dies, or forgets a job.
    Forget { held: Index },
    /// A worker beats for a job that it has or had.
    Beat { held: Index, reports: bool },
    /// A worker ends a job that it has or had. One that does not hear the answer asks again at once, one that stays tries
    /// again later.
    Finish { held: Index, outcome: Outcome, hears: bool, stays: bool },
    /// A worker ends a job that it has or had, and asks for the next one in the same call.
    FinishAndLease { held: Index, outcome: Outcome, request: Request },
    /// A worker gives a job back that it has or had.
    Release { held: Index, stays: bool },
    /// A worker leaves a job that it has or had to those with more memory.
    PassOn { held: Index, stays: bool },
    /// Somebody cancels a job; if it runs, its holder may hear of it with the next beat.
    Cancel { job: Index, is_heard: bool },
    /// The API takes a job back out of the window.
    Recall { job: Index },
    /// Time passes: the leases of some running jobs run out.
    Expire { which: u32 },
    /// The API writes ends to SQL; or it dies between SQL and settling.
    Project { dies: bool, is_pending: bool },
    /// The API closes expired leases.
    Reap,
    /// The API compares SQL with the queue.
    Reconcile,
    /// Keeps an image of the data.
    Snapshot,
    /// Valkey wakes up with the last image.
    RollBack,
    /// Valkey loses everything.
    LoseAll,
    /// Loss, repair, then an older image comes back, repair again.
    Dance,
    /// Somebody asks for text, and waits for the answer.
    AskText(NewJob),
    /// Whoever asked for text goes away.
    CancelText { ask: Index },
    /// Somebody has waited long enough for a worker.
    EndWait { ask: Index },
}

/// What is submitted.
#[derive(Debug, Clone)]
pub(super) struct NewJob {
    pub(super) model: u8,
    pub(super) rank: u8,
    pub(super) max_attempts: u32,
    pub(super) lease_ms: u64,
}

/// How a worker asks.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) worker: u8,
    pub(super) takes_over: bool,
    pub(super) prefers_warm: bool,
    pub(super) warm: Vec<u8>,
    pub(super) excluded: Option<u8>,
}

/// Returns all that can happen, the usual more often than the rare.
pub(super) fn strategy() -> impl Strategy<Value = Operation> {
    let index = any::<Index>;
    let outcome = prop_oneof![
        4 => Just(Outcome::Succeeded),
        1 => Just(Outcome::Failed),
        2 => Just(Outcome::Retry),
        1 => Just(Outcome::Crashed),
        1 => Just(Outcome::Cancelled),
    ];
    prop_oneof![
        4 => new_job().prop_map(Operation::Submit),
        6 => (new_job(), 0..3_u8).prop_map(|(job, worker)| Operation::SubmitPublishLease(job, worker)),
        4 => prop::bool::weighted(0.3).prop_map(|dies| Operation::Pump { dies }),
        2 => (index(), any::<bool>()).prop_map(|(job, is_older)| Operation::PublishLate { job, is_older }),
        6 => request().prop_map(Operation::Lease),
        3 => request().prop_map(Operation::ExpireLease),
        2 => request().prop_map(Operation::LoseAnswer),
        2 => index().prop_map(|held| Operation::Forget { held }),
        6 => (index(), any::<bool>()).prop_map(|(held, reports)| Operation::Beat { held, reports }),
        4 => (index(), outcome.clone(), request())
            .prop_map(|(held, outcome, request)| Operation::FinishAndLease { held, outcome, request }),
        8 => (index(), outcome, prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(held, outcome, hears, stays)| Operation::Finish { held, outcome, hears, stays }),
        3 => (index(), any::<bool>()).prop_map(|(held, stays)| Operation::Release { held, stays }),
        4 => (index(), any::<bool>()).prop_map(|(held, stays)| Operation::PassOn { held, stays }),
        5 => (index(), any::<bool>()).prop_map(|(job, is_heard)| Operation::Cancel { job, is_heard }),
        5 => index().prop_map(|job| Operation::Recall { job }),
        4 => any::<u32>().prop_map(|which| Operation::Expire { which }),
        5 => (any::<bool>(), any::<bool>()).prop_map(|(dies, is_pending)| Operation::Project { dies, is_pending }),
        2 => Just(Operation::Reap),
        3 => Just(Operation::Reconcile),
        2 => Just(Operation::Snapshot),
        2 => Just(Operation::RollBack),
        1 => Just(Operation::LoseAll),
        1 => Just(Operation::Dance),
        5 => new_job().prop_map(Operation::AskText),
        2 => index().prop_map(|ask| Operation::CancelText { ask }),
        8 => index().prop_map(|ask| Operation::EndWait { ask }),
    ]
}

fn new_job() -> impl Strategy<Value = NewJob> {
    // Some jobs allow a holder to be silent for longer than the workers of this test look for.
    let lease_ms = prop_oneof![5 => Just(60_000_u64), 1 => Just(10_000_000)];
    let max_attempts = prop_oneof![2 => Just(1_u32), 1 => Just(2), 1 => Just(3)];
    (0..3_u8, 0..3_u8, max_attempts, lease_ms).prop_map(|(model, rank, max_attempts, lease_ms)| NewJob {
        model,
        rank,
        max_attempts,
        lease_ms,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let warm = prop::sample::subsequence(vec![0_u8, 1, 2], 0..=2).prop_shuffle();
    let excluded = prop::option::weighted(0.2, 0..3_u8);
    (0..3_u8, any::<bool>(), any::<bool>(), warm, excluded).prop_map(
        |(worker, takes_over, prefers_warm, warm, excluded)| Request {
            worker,
            takes_over,
            prefers_warm,
            warm,
            excluded,
        },
    )
}
