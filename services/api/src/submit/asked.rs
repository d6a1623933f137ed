//! What a client asks for, before anything is filled in.

use bytes::Bytes;
use contract::{AssetId, spec::JobSpec};
use serde_json::{Map, Value};

/// What a client asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What to make, with the defaults of the API document in place of what was left out.
    pub(crate) spec: JobSpec,
    /// The fields that the client wrote. What is not among them, the model decides; without this, nothing is left to it.
    pub(crate) written: Option<Map<String, Value>>,
    /// The pictures that came with the request.
    pub(crate) pictures: Vec<InlinePicture>,
}

/// A picture that came with a request. It is examined and stored once everything else is right.
#[derive(Debug, Clone)]
pub(crate) struct InlinePicture {
    /// Where it stood.
    pub(crate) pointer: String,
    /// What stands in the spec in its place, until it is stored.
    pub(crate) placeholder: AssetId,
    pub(crate) bytes: Bytes,
}

impl From<JobSpec> for Asked {
    fn from(spec: JobSpec) -> Self {
        Self { spec, written: None, pictures: Vec::new() }
    }
}
