//! The state of the whole, for `GET /api/system` and `atelier doctor`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{memory::DeviceMemory, tag::TaggingDepth};

/// The state of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// The version of the server.
    pub version: String,
    /// Whether jobs can be accepted now.
    pub is_ready: bool,
    /// Each dependency.
    pub checks: Vec<Check>,
    /// How much waits and runs, by kind of worker.
    pub queues: Vec<QueueDepth>,
    /// Memory of the machine.
    pub memory_total_mib: u64,
    /// What of it is free.
    pub memory_available_mib: u64,
    /// Who holds the memory of the devices, and who waits for it.
    #[serde(default)]
    pub memory: Vec<DeviceMemory>,
    /// How much there is to tag in idle time.
    #[serde(default)]
    pub tagging: TaggingDepth,
    /// Free space where assets are stored; none if the store is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free_mib: Option<u64>,
}

/// One dependency, looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Which.
    pub name: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub finding: String,
    /// What to do, unless all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but should be changed.
    Warning,
    /// It does not work.
    Bad,
}

/// How much waits and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueDepth {
    /// For which workers.
    pub worker_kind: crate::spec::WorkerKind,
    /// Jobs that wait, in SQL and in Valkey.
    pub queued: u64,
    /// Jobs that run.
    pub running: u64,
    /// Seconds that the oldest waiting job has waited.
    pub oldest_queued_s: u64,
    /// Whether these workers get nothing new until somebody resumes the queue. What runs goes on.
    #[serde(default)]
    pub is_paused: bool,
}
