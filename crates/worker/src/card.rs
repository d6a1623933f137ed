//! NVIDIA cards as their driver measures them.
//!
//! The driver's library (NVML) is loaded when somebody first asks, and never linked: where it is not, nothing can be said of
//! cards, and nothing else is missing.

use std::{ffi::OsStr, sync::OnceLock};

use contract::memory::MeasuredMemory;
use nvml_wrapper::{Nvml, enums::device::UsedGpuMemory, error::NvmlError};
use tracing::debug;

/// The name under which every driver installs it; the one without the number is for those who link it.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The driver of NVIDIA cards.
#[derive(Debug)]
pub struct Driver(Nvml);

/// Returns the driver of this machine; none where there is none. The first call loads it.
pub fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
    let load =
        || Driver::load(LIBRARY.as_ref()).inspect_err(|error| debug!("no driver says anything of cards: {error}"));
    DRIVER.get_or_init(|| load().ok()).as_ref()
}

/// Returns the number of a card by the name of the device: `cuda:1`, or `cuda0` as engines say; none for other devices.
pub(crate) fn number(device: &str) -> Option<u32> {
    let number = device.strip_prefix("cuda")?.trim_start_matches(':');
    if number.is_empty() { Some(0) } else { number.parse().ok() }
}

impl Driver {
    /// Loads the library of the driver.
    pub fn load(library: &OsStr) -> Result<Self, NvmlError> {
        Nvml::builder().lib_path(library).init().map(Self)
    }

    /// Returns what a card is and how much of its memory is used, by whomever; none where the driver cannot say.
    pub fn card(&self, number: u32) -> Option<MeasuredMemory> {
        let card = self.0.device_by_index(number).ok()?;
        let memory = card.memory_info().ok()?;
        let name = card.name().unwrap_or_else(|_| "a card without a name".to_owned());
        Some(MeasuredMemory { name, total_mib: memory.total >> 20, used_mib: memory.used >> 20 })
    }

    /// Returns what a process holds on all cards. In a container the driver may know processes by other numbers; then, and
    /// where it cannot say, nothing is known.
    pub fn held_mib(&self, process_id: u32) -> Option<u64> {
        let cards = (0..self.0.device_count().ok()?).filter_map(|number| self.0.device_by_index(number).ok());
        let processes = cards.filter_map(|card| card.running_compute_processes().ok()).flatten();
        let held =
            processes.filter(|process| process.pid == process_id).filter_map(|process| match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes >> 20),
                UsedGpuMemory::Unavailable => None,
            });
        held.reduce(|sum, mib| sum + mib)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_number() {
        assert_eq!(number("cuda:1"), Some(1));
        assert_eq!(number("cuda0"), Some(0));
        assert_eq!(number("cuda"), Some(0));
        assert_eq!(number("vulkan:1"), None);
        assert_eq!(number("cpu"), None);
    }
}
