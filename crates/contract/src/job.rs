//! A job as people and programs see it, and as it travels through the queue.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    GroupId, JobId,
    asset::AssetRef,
    cost::Cost,
    event::Progress,
    result::JobResult,
    spec::{JobKind, JobSpec},
    tag::PictureTags,
};

/// A job as `GET /api/jobs/{id}` returns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its name for ever.
    pub id: JobId,
    /// What kind of job it is.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// What it makes.
    pub spec: JobSpec,
    /// How urgent it is.
    pub priority: Priority,
    /// True from the moment that somebody asked for its end.
    pub cancel_requested: bool,
    /// True while it waits and somebody keeps it from the workers.
    #[serde(default)]
    pub paused: bool,
    /// How often a worker has taken it.
    pub attempts: u32,
    /// After how many attempts it is set aside.
    pub max_attempts: u32,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// When a worker first took it.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<OffsetDateTime>,
    /// Its place in line, from 1, while it waits; only where one job is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// What it waits for, in a sentence, where that is not for the jobs before it; only where one job is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The latest progress, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What it made, once it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// What its pictures show, as far as they are tagged; only where one job is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<PictureTags>,
    /// Why it failed, or why its last attempt did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The group that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// Its place in the grid of the group, from 0; none of the contact sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u32>,
}

/// Where a job stands, for people. The last four are ends and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// It made what it was asked for.
    Succeeded,
    /// It cannot be done; another try would not help.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// Every attempt went wrong; a person may retry it.
    Dead,
}

impl JobState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Dead];

    /// Returns the name that stands in JSON, SQL and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Returns whether the job has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// How urgent a job is. A more urgent lane is always served first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody waits in front of the screen.
    Interactive,
    /// The usual.
    #[default]
    Normal,
    /// Whenever there is time.
    Batch,
}

impl Priority {
    /// Returns the rank in the queue: 0 is served first.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Interactive => 0,
            Self::Normal => 1,
            Self::Batch => 2,
        }
    }

    /// Returns the priority of a rank; what is beyond the last rank is the last.
    #[must_use]
    pub fn from_rank(rank: u8) -> Self {
        match rank {
            0 => Self::Interactive,
            1 => Self::Normal,
            _ => Self::Batch,
        }
    }
}

/// Why a job, or one attempt of it, failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What class of failure it is.
    pub code: FailureCode,
    /// A sentence for the person who asked for the job.
    pub message: String,
    /// What to do about it, where something can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The classes of failure. After `Rejected` and `TooLarge` another attempt would not help; after the others it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The engine can never do this: a broken model file, a combination that it does not know.
    Rejected,
    /// It needs more memory than any worker has.
    TooLarge,
    /// The engine said no this time.
    Engine,
    /// The engine process died.
    EngineCrashed,
    /// The worker disappeared too often.
    WorkerLost,
    /// Files could not be stored.
    Storage,
}

/// What stands in the queue for a worker: all that it needs, nothing that it must look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedJob {
    /// Which job.
    pub id: JobId,
    /// What to make. Complete: model and seed are set.
    pub spec: JobSpec,
    /// The assets that the spec names, so that a worker finds their files. Each once, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<AssetRef>,
    /// What earlier jobs of the model cost, the newest first, for a worker that has not run it yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Cost>,
    /// When the person submitted it.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// The trace that began with the request, as in W3C Trace Context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// One attempt to run a job, for `GET /api/jobs/{id}/attempts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// Which worker took it.
    pub worker: String,
    /// When it was taken.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended, as far as is known.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<OffsetDateTime>,
    /// How it ended: `succeeded`, `failed`, `retry`, `crashed`, `cancelled`, `released`, `lost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The body of `POST /api/jobs/{id}/move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveJob {
    /// Where to put it among the waiting jobs of its kind and priority.
    pub to: Place,
    /// A new priority, if it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before all others.
    Front,
    /// Behind all others.
    Back,
}
