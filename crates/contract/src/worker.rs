//! Workers, as they announce themselves.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{JobId, spec::WorkerKind};

/// A worker that is alive. It renews this announcement; when it stops doing so, the announcement lapses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// A fresh name at every start: host, kind, random.
    pub name: String,
    /// What it takes.
    pub kind: WorkerKind,
    /// The engine and its version.
    pub engine: String,
    /// The device that it uses: `cpu`, `cuda:0`, …
    pub device: String,
    /// How much memory its models may take, in MiB; none where it takes jobs of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// What it is doing.
    pub state: WorkerState,
    /// The job that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The models in its memory.
    #[serde(default)]
    pub resident_models: Vec<String>,
    /// What each of them holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residents: Vec<Resident>,
    /// When it started.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// What went wrong last, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_problem: Option<String>,
    /// The builds of its engine that it found when it started, in the order in which it looked at them; none where it was told
    /// which one to use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engine_builds: Vec<EngineBuild>,
}

impl Worker {
    /// Returns a worker that has just started and has nothing in memory.
    #[must_use]
    pub fn idle(name: &str, kind: WorkerKind, engine: &str, device: &str, started_at: OffsetDateTime) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            engine: engine.to_owned(),
            device: device.to_owned(),
            memory_mib: None,
            state: WorkerState::Idle,
            job_id: None,
            resident_models: Vec::new(),
            residents: Vec::new(),
            started_at,
            last_problem: None,
            engine_builds: Vec::new(),
        }
    }
}

/// A build of an engine, as a worker found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineBuild {
    /// The name of its program: `sd-engine-cuda`.
    pub program: String,
    /// What became of it.
    pub verdict: BuildVerdict,
    /// What was found out, for people: what it computes on, or why it does not.
    pub finding: String,
}

/// What became of a build of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildVerdict {
    /// It works, and is used.
    Chosen,
    /// It does not work here.
    PassedOver,
    /// One before it works.
    NotTried,
}

/// A model in the memory of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resident {
    /// Its id.
    pub model: String,
    /// What it holds while it waits, in MiB, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It waits for work.
    Idle,
    /// It runs a job.
    Busy,
    /// It was told to stop and finishes what it has.
    Draining,
    /// Its engine cannot run at the moment.
    Broken,
}
