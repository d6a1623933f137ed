//! The budget: how much memory the models of a device may hold together.
//!
//! Who may have how much of it, and who must leave, is decided by the ledger of the device (`queue::memory`), which all
//! workers of the device share.

pub(super) mod found;

/// Without measurements, what is held together should stay below this share of what there is.
const COMFORTABLE_PERCENT: u64 = 75;

/// How much memory the models of a device may hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Whoever wants to go beyond this makes others leave first.
    pub(super) comfortable_mib: u64,
    /// Nothing can be larger than this.
    pub(super) whole_mib: u64,
}

impl Budget {
    /// Returns a budget that somebody set: exactly that.
    pub(super) fn set(mib: u64) -> Self {
        Self { comfortable_mib: mib, whole_mib: mib }
    }

    /// Returns the budget of a device with so much memory.
    pub(super) fn of_device(whole_mib: u64) -> Self {
        Self { comfortable_mib: whole_mib * COMFORTABLE_PERCENT / 100, whole_mib }
    }
}
