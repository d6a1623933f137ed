//! Which builds have been seen to work, in a file: while neither the program nor the machine has changed, that is still likely.

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

/// Which builds have been seen to work, and under which circumstances.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    works: Vec<Circumstances>,
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

impl Notes {
    /// Reads a file; what is not there or cannot be read says nothing.
    pub(super) fn load(path: &Path) -> Self {
        let read = || -> io::Result<Self> { serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other) };
        read().unwrap_or_else(|error| {
            debug!("nothing is known of earlier trials ({}): {error}", path.display());
            Self::default()
        })
    }

    /// Returns whether this program has been seen to work, as it still is, on the machine as it still is.
    pub(super) fn know(&self, program: &Path, device: &str) -> bool {
        circumstances(program, device).is_some_and(|of| self.works.contains(&of))
    }

    /// Notes whether a program works, in the place of what was known of it. That one failed is not kept: perhaps the driver was
    /// busy, or the machine, and the next start may find it working.
    pub(super) fn note(&mut self, program: &Path, device: &str, is_working: bool) {
        self.works.retain(|of| (of.program.as_path(), of.device.as_str()) != (program, device));
        self.works.extend(circumstances(program, device).filter(|_| is_working));
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
            debug!("could not note which builds work in {}: {error}", path.display());
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
    fn what_was_found_holds_until_the_program_changes_or_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (program, file) = (folder.path().join("painter"), folder.path().join("notes/painter.json"));
        fs::write(&program, "one").unwrap();
        let mut notes = Notes::load(&file);
        notes.note(&program, "", false);
        notes.note(&program, "cpu", true);
        notes.note(&program, "cuda:0", true);
        notes.note(&program, "cuda:0", false);
        notes.save(&file);
        let notes = Notes::load(&file);
        let known = ["", "cpu", "cuda:0", "vulkan"].map(|device| notes.know(&program, device));
        assert_eq!(known, [false, true, false, false]);
        fs::write(&program, "another").unwrap();
        assert!(!notes.know(&program, "cpu"));
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("painter");
        fs::write(&program, "{").unwrap();
        assert!(!Notes::load(&program).know(&program, ""));
    }
}
