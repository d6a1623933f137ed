//! A file that is read only as far as a header may reach.

use std::io::{self, Read};

use super::{Error, LONGEST_HEADER_BYTES};

/// The part of a file that may be its header, read from its beginning.
pub(super) struct Source<R> {
    file: R,
    format: &'static str,
    size_bytes: u64,
    read_bytes: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(file: R, size_bytes: u64, format: &'static str) -> Self {
        Self { file, format, size_bytes, read_bytes: 0 }
    }

    /// Returns the size of the whole file.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns how much was read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Reads a number of this many bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.reserve(N as u64)?;
        self.file.read_exact(&mut bytes).map_err(|error| self.failed(error))?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads a text that stands behind its length; one longer than `longest` is refused before it is read.
    pub(super) fn text(&mut self, what: &str, longest: u64) -> Result<String, Error> {
        let length = self.u64()?;
        if length > longest {
            return Err(self.broken(format!("{what} has {length} bytes; at most {longest} make sense")));
        }
        String::from_utf8(self.bytes(length)?).map_err(|_| self.broken(format!("{what} is no Unicode")))
    }

    /// Reads this many bytes, as many as the caller has memory for.
    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        self.reserve(count)?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(count).read_to_end(&mut bytes).map_err(|error| self.failed(error))?;
        if bytes.len() as u64 != count {
            return Err(self.truncated(self.read_bytes));
        }
        Ok(bytes)
    }

    /// Passes over this many bytes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Error> {
        self.reserve(count)?;
        if count == 0 {
            return Ok(());
        }
        let skipped = io::copy(&mut self.file.by_ref().take(count), &mut io::sink());
        match skipped.map_err(|error| self.failed(error))? {
            skipped if skipped == count => Ok(()),
            _ => Err(self.truncated(self.read_bytes)),
        }
    }

    /// Returns the next bytes to be read by somebody who reads no further.
    pub(super) fn part(&mut self, count: u64) -> Result<io::Take<&mut R>, Error> {
        self.reserve(count)?;
        Ok(self.file.by_ref().take(count))
    }

    pub(super) fn broken(&self, problem: impl Into<String>) -> Error {
        /// Names come out of the file.
        const LONGEST_PROBLEM: usize = 300;
        let problem: String = problem.into().chars().filter(|c| !c.is_control()).take(LONGEST_PROBLEM).collect();
        Error::Broken { format: self.format, problem }
    }

    pub(super) fn truncated(&self, expected_bytes: u64) -> Error {
        Error::Truncated { format: self.format, size_bytes: self.size_bytes, expected_bytes }
    }

    /// Makes sure that the next bytes are within the file, and within what a header may have.
    fn reserve(&mut self, count: u64) -> Result<(), Error> {
        let end = self.read_bytes.saturating_add(count);
        if end > LONGEST_HEADER_BYTES {
            return Err(self.broken(format!("it is longer than {LONGEST_HEADER_BYTES} bytes")));
        }
        if end > self.size_bytes {
            return Err(self.truncated(end));
        }
        self.read_bytes = end;
        Ok(())
    }

    /// The file may have become shorter since its size was taken.
    fn failed(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(self.read_bytes),
            _ => Error::Read(error),
        }
    }
}
