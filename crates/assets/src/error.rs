//! Why a file could not be stored or read, and what to do about it.

use std::{error::Error as StdError, io};

use crate::picture;

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("there is no stored file {0}")]
    NotFound(String),
    /// A name that no stored file can have.
    #[error("{what} is no name of a stored file: {problem}")]
    Name {
        /// What the name stands for.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The wanted part does not lie within the file.
    #[error("bytes {start} to {end} do not lie within a file of {size_bytes} bytes")]
    Range {
        /// The first byte wanted.
        start: u64,
        /// The first byte no longer wanted.
        end: u64,
        /// How many bytes there are.
        size_bytes: u64,
    },
    /// Thumbnails come in few widths, so that nobody can fill the disk with them.
    #[error("there are no thumbnails {0} px wide: take 160, 320, 640 or 1024")]
    Width(u32),
    /// The file holds other bytes than those that were stored.
    #[error("the stored file {0} is damaged: restore it from a backup, or make it again")]
    Damaged(String),
    /// The file is no picture that can be shown.
    #[error("the stored file {blake3} cannot be shown as a picture")]
    Picture {
        /// Which file.
        blake3: String,
        /// Why not.
        source: picture::Error,
    },
    /// The store's URL leads nowhere.
    #[error("the asset store {url} cannot be used: {problem}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The disk is full.
    #[error(
        "could not {action} {place}: no space is left; free some, or move the store (outputs_dir) to a larger disk"
    )]
    Full {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The folder belongs to somebody else, or is read-only.
    #[error(
        "could not {action} {place}: not permitted; give the user that runs Atelier the right to write in the store \
         (outputs_dir)"
    )]
    Denied {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The disk failed in another way.
    #[error("could not {action} {place}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// Why it failed.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Returns the error of an action on the store, named by what a person can do about it.
    pub(crate) fn of(
        action: &'static str,
        place: impl Into<String>,
        error: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let (error, place) = (error.into(), place.into());
        let Some(system) = system_error(error.as_ref()) else { return Self::Io { action, place, source: error } };
        let source = || system.raw_os_error().map_or_else(|| system.kind().into(), io::Error::from_raw_os_error);
        match system.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { action, place, source: source() },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { action, place, source: source() }
            }
            _ => Self::Io { action, place, source: error },
        }
    }
}

/// Returns what the system said; the store wraps it several times over.
fn system_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    match error.downcast_ref::<io::Error>() {
        // An error of this kind does not count what it carries among its sources.
        Some(system) => system.get_ref().and_then(|inner| system_error(inner)).or(Some(system)),
        None => error.source().and_then(system_error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ENOSPC and EROFS, wrapped as the store wraps them.
    fn wrapped(raw: i32) -> object_store::Error {
        let source = io::Error::other(io::Error::from_raw_os_error(raw));
        object_store::Error::Generic { store: "LocalFileSystem", source: source.into() }
    }

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_from_other_faults() {
        assert!(matches!(Error::of("write", "x", wrapped(28)), Error::Full { .. }));
        assert!(matches!(Error::of("write", "x", wrapped(122)), Error::Full { .. }));
        assert!(matches!(Error::of("write", "x", wrapped(30)), Error::Denied { .. }));
        assert!(matches!(Error::of("write", "x", wrapped(5)), Error::Io { .. }));
    }
}
