//! What people do with the queue as a whole, and with many jobs at once: pause, resume, clear, retry.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    job::JobState,
    spec::{JobKind, WorkerKind},
};

/// The body of `POST /api/queue/pause` and `POST /api/queue/resume`. It may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseQueue {
    /// For which workers; for all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_kind: Option<WorkerKind>,
}

/// The body of `POST /api/jobs/clear`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearJobs {
    /// Jobs that have ended in one of these ways.
    #[schema(min_items = 1)]
    pub state: Vec<EndedState>,
    /// Only these kinds; all of them without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<JobKind>,
    /// Only jobs that had ended before this.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub before: Option<OffsetDateTime>,
}

/// The body of `POST /api/jobs/retry`. It may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryJobs {
    /// Jobs that have ended in one of these ways; failed and dead ones without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<RetryableState>,
    /// Only these kinds; all of them without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<JobKind>,
    /// Only jobs that had ended before this.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub before: Option<OffsetDateTime>,
}

/// The answer to a change of many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedJobs {
    /// How many were changed.
    pub count: u64,
    /// Whether more are left than one request changes: ask again.
    pub has_more: bool,
}

/// The states in which a job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndedState {
    /// It made what it was asked for.
    Succeeded,
    /// It cannot be done.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// Every attempt went wrong.
    Dead,
}

/// The states out of which a job gets another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryableState {
    /// It could not be done.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// Every attempt went wrong.
    Dead,
}

impl EndedState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Succeeded, Self::Failed, Self::Cancelled, Self::Dead];
}

impl From<EndedState> for JobState {
    fn from(state: EndedState) -> Self {
        match state {
            EndedState::Succeeded => Self::Succeeded,
            EndedState::Failed => Self::Failed,
            EndedState::Cancelled => Self::Cancelled,
            EndedState::Dead => Self::Dead,
        }
    }
}

impl From<RetryableState> for JobState {
    fn from(state: RetryableState) -> Self {
        match state {
            RetryableState::Failed => Self::Failed,
            RetryableState::Cancelled => Self::Cancelled,
            RetryableState::Dead => Self::Dead,
        }
    }
}
