//! Previews while a picture is sampled: small JPEG pictures, framed in binary.
//!
//! The same bytes travel from the worker through Valkey to the WebSocket clients:
//! 16 bytes job id (big-endian UUID), 4 bytes step (u32, big-endian), then the JPEG.

use crate::JobId;

/// The bytes before the picture.
pub const HEADER_BYTES: usize = 20;

/// A preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview<'a> {
    /// Of which job.
    pub job_id: JobId,
    /// After which step.
    pub step: u32,
    /// The picture.
    pub jpeg: &'a [u8],
}

impl<'a> Preview<'a> {
    /// Returns the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEADER_BYTES + self.jpeg.len());
        frame.extend_from_slice(self.job_id.0.as_bytes());
        frame.extend_from_slice(&self.step.to_be_bytes());
        frame.extend_from_slice(self.jpeg);
        frame
    }

    /// Reads a frame; none if it is shorter than its header.
    #[must_use]
    pub fn decode(frame: &'a [u8]) -> Option<Self> {
        let (id, rest) = frame.split_first_chunk::<16>()?;
        let (step, jpeg) = rest.split_first_chunk::<4>()?;
        Some(Self { job_id: JobId(uuid::Uuid::from_bytes(*id)), step: u32::from_be_bytes(*step), jpeg })
    }
}
