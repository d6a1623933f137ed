//! The graphics card, as the driver tells it.

use std::path::Path;

use contract::system::Check;

use super::{
    good,
    programs::{ask, find},
    warning,
};

/// Where distributions and containers put the library that measures the memory of the card.
const NVML: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
];

pub(super) fn look() -> Vec<Check> {
    let cards = find("nvidia-smi").and_then(|path| {
        ask(&path, &["--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader"])
    });
    let has_device = Path::new("/dev/nvidiactl").exists();
    vec![judge(cards.as_deref(), has_device, NVML.iter().any(|path| Path::new(path).exists()))]
}

fn judge(cards: Option<&str>, has_device: bool, has_nvml: bool) -> Check {
    match cards {
        Some(cards) if !cards.is_empty() => {
            let finding = cards.lines().map(str::trim).collect::<Vec<_>>().join("; ");
            if has_nvml {
                good("gpu", finding)
            } else {
                warning(
                    "gpu",
                    finding,
                    "libnvidia-ml.so.1 was not found: install the driver's libraries, so that memory can be measured",
                )
            }
        }
        _ if has_device => warning(
            "gpu",
            "there is an NVIDIA device, but nvidia-smi does not work",
            "reinstall the driver; in a container, pass --gpus all",
        ),
        _ => warning(
            "gpu",
            "no NVIDIA card was found: pictures are made by the processor, slowly",
            "with a card: install its driver, and build the engine for it (docs/operating.md)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use contract::system::Verdict;

    use super::*;

    #[test]
    fn a_card_is_good_only_if_its_memory_can_be_measured() {
        let card = "NVIDIA H200, 143771 MiB, 4 MiB, 570.00";
        assert_eq!(judge(Some(card), true, true).verdict, Verdict::Good);
        assert_eq!(judge(Some(card), true, false).verdict, Verdict::Warning);
    }

    #[test]
    fn a_card_without_a_driver_is_told_from_no_card() {
        assert!(judge(None, true, false).finding.contains("does not work"));
        assert!(judge(None, false, false).finding.contains("no NVIDIA card"));
    }
}
