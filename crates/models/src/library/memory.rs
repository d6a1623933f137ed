//! Remembers what was found in which file, until the file changes.

use std::{
    collections::HashMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::files::Problem;
use crate::header::{self, Header};

/// What was found in each file.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    files: HashMap<PathBuf, Entry>,
    /// Counts the lists, so that files that a list no longer meets are forgotten.
    round: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    state: State,
    verdict: Result<Header, Problem>,
    round: u64,
}

/// Changes whenever the content may have changed: size, time of the last change of content and of anything, and which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State([i128; 4]);

impl State {
    fn of(found: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self([
            i128::from(found.size()),
            nanoseconds(found.mtime(), found.mtime_nsec()),
            nanoseconds(found.ctime(), found.ctime_nsec()),
            i128::from(found.ino()),
        ])
    }
}

impl Memory {
    /// Returns what the header of a file says, reading it only if the file has changed.
    pub(super) fn check(&self, path: &Path) -> Result<Header, Problem> {
        let state =
            fs::metadata(path).map(|found| State::of(&found)).map_err(|error| problem(&header::Error::Read(error)))?;
        {
            let mut entries = self.lock();
            let round = entries.round;
            if let Some(entry) = entries.files.get_mut(path).filter(|entry| entry.state == state) {
                entry.round = round;
                return entry.verdict.clone();
            }
        }
        // Not under the lock: this may take seconds on a network disk.
        let verdict = match header::check(path) {
            // May be over at any time, without a change of the file.
            Err(error @ header::Error::Read(_)) => return Err(problem(&error)),
            other => other.map_err(|error| problem(&error)),
        };
        let mut entries = self.lock();
        let round = entries.round;
        entries.files.insert(path.to_owned(), Entry { state, verdict: verdict.clone(), round });
        verdict
    }

    /// Says that a list of all models begins.
    pub(super) fn begin(&self) {
        self.lock().round += 1;
    }

    /// Says that the list is at its end: what it did not meet is gone.
    pub(super) fn forget_the_rest(&self) {
        let mut entries = self.lock();
        // Another list may have begun meanwhile, and not have met everything yet.
        let oldest = entries.round.saturating_sub(1);
        entries.files.retain(|_, entry| entry.round >= oldest);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn problem(error: &header::Error) -> Problem {
    let text = match error {
        header::Error::Read(cause) => format!("{error}: {cause}"),
        _ => error.to_string(),
    };
    Problem { text, remedy: error.remedy().to_owned() }
}
