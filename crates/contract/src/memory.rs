//! The memory of devices, as the ledger has it: who holds what, and who waits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The memory of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceMemory {
    /// Which: the machine and the device, `host:cuda:0` or `host:cpu`.
    pub device: String,
    /// What there is.
    pub total_mib: u64,
    /// Beyond this, models must leave before others come.
    pub comfortable_mib: u64,
    /// Who holds how much, the largest first.
    pub holdings: Vec<MemoryHolding>,
    /// Who waits, in the order in which it is their turn.
    pub waiting: Vec<MemoryRequest>,
    /// What is used of it by whomever, as a worker measured it; none where nobody can measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredMemory>,
    /// What of that none of the holdings explains: other programs and the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_mib: Option<u64>,
    /// The workers that share it.
    #[serde(default)]
    pub workers: Vec<String>,
}

/// The memory of a device, as the driver or the kernel measures it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredMemory {
    /// What the device calls itself.
    pub name: String,
    /// What there is.
    pub total_mib: u64,
    /// What is used, by whomever.
    pub used_mib: u64,
}

/// Whether a model fits into the memory of the device that would run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fit {
    /// Which device: of those with a worker for such models, the one with the most memory.
    pub device: String,
    /// How much it needs at most: for a picture of its usual size, or with the context that it would get.
    pub needs_mib: u64,
    /// Whether that was measured; otherwise it is estimated.
    pub is_measured: bool,
    /// What all models may hold there together.
    pub comfortable_mib: u64,
    /// What there is.
    pub total_mib: u64,
    /// Whether it fits.
    pub verdict: FitVerdict,
    /// All that in a sentence, with what to choose instead where it does not fit well.
    pub message: String,
}

/// Whether a model fits into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FitVerdict {
    /// It fits beside others.
    Fits,
    /// It fits while it does what saves memory, which takes longer.
    Slower,
    /// It fits once all others have left.
    Alone,
    /// It does not fit.
    TooLarge,
}

/// A model in the memory of a device, or on its way there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemoryHolding {
    /// Its id.
    pub model: String,
    /// The worker that holds it.
    pub worker: String,
    /// How much it holds, or may hold while it works.
    pub mib: u64,
    /// What it does.
    pub state: HoldingState,
    /// For how many seconds it has been doing that.
    pub for_s: u64,
    /// For how many seconds it will still work, by its own estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_s: Option<u64>,
    /// Whether it stays, whoever waits.
    #[serde(default)]
    pub is_pinned: bool,
    /// Whether it was asked to leave.
    #[serde(default)]
    pub is_leaving: bool,
}

/// A request for memory that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemoryRequest {
    /// For which model.
    pub model: String,
    /// The worker that asks.
    pub worker: String,
    /// How much it needs.
    pub needed_mib: u64,
    /// For how many seconds it has been waiting.
    pub for_s: u64,
}

/// What a model in memory does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldingState {
    /// It is being loaded.
    Loading,
    /// It works.
    Busy,
    /// It waits for work.
    Idle,
}
