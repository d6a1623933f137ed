//! What a fault run found, for people and programs.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::load::Accepted;

/// What can be wrong with the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// An accepted job is not there, has no result and no reason, or its files are not what they should be.
    Lost,
    /// A job has not ended.
    Stuck,
    /// A job was accepted or ended more than once, or ended in two ways.
    Doubled,
    /// Something is left that belongs to nothing: a file, a queue entry, a process.
    Orphaned,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Of which class.
    pub wrong: Wrong,
    /// What exactly.
    pub what: String,
}

impl Finding {
    /// Returns a finding.
    pub fn new(wrong: Wrong, what: impl Into<String>) -> Self {
        Self { wrong, what: what.into() }
    }
}

/// What was counted in the run of one seed, or in several.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// Jobs that were accepted.
    pub jobs: usize,
    /// Groups that were accepted.
    pub groups: usize,
    /// Submissions that were sent again.
    pub repetitions: usize,
    /// Faults that happened.
    pub faults: usize,
    /// See [`Wrong::Lost`].
    pub lost: usize,
    /// See [`Wrong::Stuck`].
    pub stuck: usize,
    /// See [`Wrong::Doubled`].
    pub doubled: usize,
    /// See [`Wrong::Orphaned`].
    pub orphaned: usize,
    /// How often a worker began a job.
    pub attempts: u64,
    /// Which seeds were run.
    pub seeds: Vec<u64>,
    /// How long it took.
    pub seconds: f64,
    /// Which fault happened how often.
    pub by_fault: BTreeMap<String, usize>,
    /// How the jobs ended.
    pub ends: BTreeMap<String, u64>,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// Where the logs are, if they were kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Tally {
    /// Returns the tally of one seed.
    #[must_use]
    pub fn of(seed: u64, accepted: &Accepted, by_fault: &BTreeMap<String, usize>, findings: Vec<Finding>) -> Self {
        let count = |wrong| findings.iter().filter(|finding| finding.wrong == wrong).count();
        Self {
            jobs: accepted.submissions.len(),
            groups: accepted.groups.len(),
            repetitions: accepted.repetitions,
            faults: by_fault.values().sum(),
            lost: count(Wrong::Lost),
            stuck: count(Wrong::Stuck),
            doubled: count(Wrong::Doubled),
            orphaned: count(Wrong::Orphaned),
            seeds: vec![seed],
            by_fault: by_fault.clone(),
            findings,
            ..Self::default()
        }
    }

    /// Returns whether the books agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.lost + self.stuck + self.doubled + self.orphaned == 0
    }

    /// Takes the figures of another seed in.
    pub fn add(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.groups += other.groups;
        self.repetitions += other.repetitions;
        self.faults += other.faults;
        self.lost += other.lost;
        self.stuck += other.stuck;
        self.doubled += other.doubled;
        self.orphaned += other.orphaned;
        self.attempts += other.attempts;
        self.seeds.extend(other.seeds);
        self.seconds += other.seconds;
        for (fault, count) in other.by_fault {
            *self.by_fault.entry(fault).or_default() += count;
        }
        for (state, count) in other.ends {
            *self.ends.entry(state).or_default() += count;
        }
        self.findings.extend(other.findings);
        self.folder = other.folder.or(self.folder.take());
    }

    /// Returns one line for people.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        format!(
            "{name:<14} {:>6} {:>7} {:>9} {:>5} {:>6} {:>8} {:>9} {:>8.1}",
            self.jobs, self.faults, self.attempts, self.lost, self.stuck, self.doubled, self.orphaned, self.seconds
        )
    }

    /// Returns the head of the table that the lines make.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<14} {:>6} {:>7} {:>9} {:>5} {:>6} {:>8} {:>9} {:>8}",
            "seed", "jobs", "faults", "attempts", "lost", "stuck", "doubled", "orphaned", "seconds"
        )
    }
}
