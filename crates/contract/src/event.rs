//! What happens to jobs, as it is streamed to whoever watches.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{JobId, job::Failure, result::JobResult};

/// One thing that happened. The same envelope on SSE and WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// Its place in the stream, for `Last-Event-ID` and `resume`. Opaque; empty for a state sent on connecting.
    #[serde(default)]
    pub id: String,
    /// Which job.
    pub job_id: JobId,
    /// When, by the clock of Valkey.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What happened.
    pub change: JobChange,
}

/// What happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there are few at a time, and they are passed on at once")]
pub enum JobChange {
    /// It waits for a worker (again).
    Queued,
    /// A worker has taken it.
    Running {
        /// Which worker.
        worker: String,
        /// The how-manieth attempt, from 1.
        attempt: u32,
    },
    /// It came a step further.
    Progress(Progress),
    /// Somebody asked for its end while it ran.
    CancelRequested,
    /// An attempt went wrong; another follows.
    Retrying {
        /// Why.
        failure: Failure,
    },
    /// It ended well.
    Succeeded {
        /// What it made.
        result: JobResult,
    },
    /// It ended: cannot be done.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It ended: somebody asked for it.
    Cancelled,
    /// It ended: every attempt went wrong.
    Dead {
        /// Why.
        failure: Failure,
    },
}

/// How far a running job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Steps done in this phase.
    pub step: u32,
    /// Steps in this phase; 0 where nobody knows.
    pub steps: u32,
    /// Seconds a step, measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_per_step: Option<f64>,
    /// Seconds to the end of the job, estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_s: Option<f64>,
    /// Done share of the whole job, 0 to 1. Never runs backwards within an attempt.
    pub fraction: f64,
    /// What it waits for, in a sentence with numbers, while it cannot go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// The phases of a job, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The model is being loaded.
    Loading,
    /// The prompt is being read.
    Encoding,
    /// The picture appears.
    Sampling,
    /// The picture is being turned into pixels.
    Decoding,
    /// The picture is being enlarged.
    Upscaling,
    /// The files are being stored.
    Storing,
}
