//! What a picture says about how it was made: the `parameters` text that A1111 and Civitai read, and our own JSON.

use contract::spec::JobSpec;

use crate::picture::Error;

/// A text in a PNG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it is.
    pub keyword: String,
    /// What it says.
    pub text: String,
}

/// Returns the texts that go into one picture of a job: `parameters` and `atelier`.
pub fn texts(_spec: &JobSpec, _seed: u32) -> Result<Vec<Text>, Error> {
    todo!()
}

/// Returns the texts of a PNG file.
pub fn read_texts(_png: &[u8]) -> Result<Vec<Text>, Error> {
    todo!()
}

/// Returns what a picture of ours was asked for, with its own seed; none if it is not one.
#[must_use]
pub fn read_spec(_png: &[u8]) -> Option<JobSpec> {
    todo!()
}
