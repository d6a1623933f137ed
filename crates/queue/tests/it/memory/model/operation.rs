//! What can happen.

use proptest::{prelude::*, sample::Index};

/// One thing that happens. An `Index` picks one of whatever there is at that moment.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// A worker asks for memory: for a model that it has not got, or for more for one that it has.
    Reserve { worker: usize, model: u8, mib: u64, load_ms: i64, is_pinned: bool },
    /// A worker takes a request back.
    Withdraw { worker: usize, which: Index },
    /// A model begins to work, or goes on.
    Work { worker: usize, which: Index },
    /// A model is done, and holds less.
    Rest { worker: usize, which: Index, percent: u64 },
    /// A model leaves without being asked.
    Leave { worker: usize, which: Index },
    /// A worker says what it has, and does what it is told.
    Obey { worker: usize },
    /// A worker speaks, and does not hear the answer.
    LoseAnswer { worker: usize },
    /// A worker dies; another takes its place, and the lease of the dead one runs out at some time.
    Die { worker: usize },
    /// A worker falls silent for longer than its lease, and comes back.
    FallSilent { worker: usize },
    /// A worker holds so much, falls silent for longer than its lease, and comes back when another one holds as much.
    ComeBackTooLate { worker: usize, mib: u64 },
    /// One worker holds something pinned, another takes all that is left beside it, and a third asks for what can never be free.
    FillUpBesidePinned { worker: usize, mib: u64 },
    /// Time passes, and everybody says what it has.
    Pass { ms: i64 },
    /// Valkey is away for longer than any lease.
    Outage,
    /// Valkey loses everything.
    Wipe,
}

/// Returns all that can happen, the usual more often than the rare.
pub(super) fn strategy() -> impl Strategy<Value = Operation> {
    let worker = || 0..3_usize;
    let index = any::<Index>;
    let mib = prop_oneof![8 => 1..600_u64, 1 => 600..1200_u64];
    let load_ms = prop_oneof![Just(0), Just(1000), Just(10_000)];
    prop_oneof![
        10 => (worker(), 0..3_u8, mib, load_ms, prop::bool::weighted(0.05)).prop_map(
            |(worker, model, mib, load_ms, is_pinned)| Operation::Reserve { worker, model, mib, load_ms, is_pinned }
        ),
        2 => (worker(), index()).prop_map(|(worker, which)| Operation::Withdraw { worker, which }),
        4 => (worker(), index()).prop_map(|(worker, which)| Operation::Work { worker, which }),
        6 => (worker(), index(), 10..=100_u64)
            .prop_map(|(worker, which, percent)| Operation::Rest { worker, which, percent }),
        2 => (worker(), index()).prop_map(|(worker, which)| Operation::Leave { worker, which }),
        6 => worker().prop_map(|worker| Operation::Obey { worker }),
        3 => worker().prop_map(|worker| Operation::LoseAnswer { worker }),
        1 => worker().prop_map(|worker| Operation::Die { worker }),
        1 => worker().prop_map(|worker| Operation::FallSilent { worker }),
        1 => (worker(), 501..700_u64).prop_map(|(worker, mib)| Operation::ComeBackTooLate { worker, mib }),
        1 => (worker(), 100..200_u64).prop_map(|(worker, mib)| Operation::FillUpBesidePinned { worker, mib }),
        5 => prop_oneof![Just(1000_i64), Just(6000), Just(21_000)].prop_map(|ms| Operation::Pass { ms }),
        1 => Just(Operation::Outage),
        1 => Just(Operation::Wipe),
    ]
}
