//! What came of earlier trials, in a file: while neither the program nor the machine has changed, it is still true.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use tracing::debug;

/// A fresh one at every start of the machine: drivers are loaded then.
const START_OF_MACHINE: &str = "/proc/sys/kernel/random/boot_id";
/// Written whenever libraries come or go.
const LIBRARIES: &str = "/etc/ld.so.cache";
/// Where cards show, and what their names begin with.
const CARDS: [(&str, &str); 3] = [("/dev", "nvidia"), ("/dev", "kfd"), ("/dev/dri", "")];

/// What came of trials.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    trials: Vec<Note>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    of: Circumstances,
    outcome: Outcome,
}

/// What a trial depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Circumstances {
    program: PathBuf,
    size_bytes: u64,
    /// Of the program, in nanoseconds since 1970.
    modified: String,
    /// What the worker was told to compute on.
    device: String,
    /// The start of the machine, its libraries, its cards.
    machine: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// On this device.
    Works(String),
    /// For this reason.
    Fails(String),
}

impl Notes {
    /// Reads a file; what is not there or cannot be read says nothing.
    pub(super) fn load(path: &Path) -> Self {
        let read = || -> io::Result<Self> { serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other) };
        read().unwrap_or_else(|error| {
            debug!("nothing is known of earlier trials ({}): {error}", path.display());
            Self::default()
        })
    }

    /// Returns what came of the trial of a program that is still the same, on a machine that is still the same.
    pub(super) fn find(&self, program: &Path, device: &str) -> Option<Result<String, String>> {
        let of = circumstances(program, device)?;
        let note = self.trials.iter().find(|note| note.of == of)?;
        Some(match note.outcome.clone() {
            Outcome::Works(device) => Ok(device),
            Outcome::Fails(why) => Err(why),
        })
    }

    /// Notes what came of a trial, in the place of what came of an earlier one.
    pub(super) fn note(&mut self, program: &Path, device: &str, outcome: &Result<String, String>) {
        let Some(of) = circumstances(program, device) else { return };
        self.trials.retain(|note| (&note.of.program, &note.of.device) != (&of.program, &of.device));
        let outcome = match outcome.clone() {
            Ok(device) => Outcome::Works(device),
            Err(why) => Outcome::Fails(why),
        };
        self.trials.push(Note { of, outcome });
    }

    /// Writes the file. Where that cannot be done, the next start tries the builds again.
    pub(super) fn save(&self, path: &Path) {
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            let partial = path.with_extension(format!("{}.new", std::process::id()));
            fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
            fs::rename(&partial, path)
        };
        if let Err(error) = write() {
            debug!("could not note what came of the trials in {}: {error}", path.display());
        }
    }
}

/// Returns what the trial of a program depends on; none where the program cannot be looked at.
fn circumstances(program: &Path, device: &str) -> Option<Circumstances> {
    let file = program.metadata().ok()?;
    let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Circumstances {
        program: program.to_owned(),
        size_bytes: file.len(),
        modified: modified.as_nanos().to_string(),
        device: device.to_owned(),
        machine: machine(),
    })
}

fn machine() -> String {
    let start = fs::read_to_string(START_OF_MACHINE).unwrap_or_default();
    let libraries = Path::new(LIBRARIES).metadata().and_then(|file| file.modified()).ok();
    let libraries = libraries.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let cards: BTreeSet<String> =
        CARDS.into_iter().flat_map(|(folder, beginning)| cards_in(folder, beginning)).collect();
    let cards = Vec::from_iter(cards).join(" ");
    format!("{} {} {cards}", start.trim(), libraries.as_nanos())
}

fn cards_in(folder: &str, beginning: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(beginning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_holds_until_the_program_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (program, file) = (folder.path().join("painter"), folder.path().join("notes/painter.json"));
        fs::write(&program, "one").unwrap();
        let mut notes = Notes::load(&file);
        notes.note(&program, "", &Err("no card".to_owned()));
        notes.note(&program, "cpu", &Ok("cpu".to_owned()));
        notes.save(&file);
        let notes = Notes::load(&file);
        assert_eq!(notes.find(&program, ""), Some(Err("no card".to_owned())));
        assert_eq!(notes.find(&program, "cpu"), Some(Ok("cpu".to_owned())));
        assert_eq!(notes.find(&program, "cuda:0"), None);
        fs::write(&program, "another").unwrap();
        assert_eq!(notes.find(&program, ""), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("painter");
        fs::write(&program, "{").unwrap();
        assert_eq!(Notes::load(&program).find(&program, ""), None);
    }
}
