//! The mutants: one rule of the queue each, what the functions look like without it, and the test that sees it.

mod lanes;
mod leases;
mod memory;
mod texts;

/// A change that must be noticed.
pub(super) struct Mutant {
    /// The file in `crates/queue/src/functions`.
    pub(super) file: &'static str,
    /// What stands there, exactly once.
    pub(super) before: &'static str,
    /// What stands there instead.
    pub(super) after: &'static str,
    /// What is wrong with it.
    pub(super) why: &'static str,
    /// The test of the queue that notices. Empty while nobody knows one: then all are tried, and those that notice are named.
    pub(super) killer: &'static str,
}

/// Returns every mutant.
pub(super) fn all() -> Vec<&'static Mutant> {
    [leases::MUTANTS, lanes::MUTANTS, texts::MUTANTS, memory::MUTANTS].into_iter().flatten().collect()
}

const fn mutant(
    file: &'static str,
    before: &'static str,
    after: &'static str,
    why: &'static str,
    killer: &'static str,
) -> Mutant {
    Mutant { file, before, after, why, killer }
}
