//! Which device a child sees.
//!
//! An engine takes the first GPU that it finds, so a worker that serves another one hides the rest.

/// Returns the variables of the environment that leave only the wanted device to see.
/// A name that is not known changes nothing: the engine then takes what it finds.
pub fn variables(device: &str) -> Vec<(&'static str, String)> {
    const VISIBLE: [(&str, &[&str]); 3] = [
        ("cuda", &["CUDA_VISIBLE_DEVICES"]),
        ("hip", &["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"]),
        ("vulkan", &["GGML_VK_VISIBLE_DEVICES"]),
    ];
    if device == "cpu" {
        let all = VISIBLE.iter().flat_map(|(_, names)| names.iter());
        return all.map(|name| (*name, String::new())).collect();
    }
    let Some((kind, index)) = device.split_once(':') else { return Vec::new() };
    let wanted = VISIBLE.iter().filter(|(known, _)| *known == kind).flat_map(|(_, names)| names.iter());
    let visible = wanted.map(|name| (*name, index.to_owned()));
    // CUDA counts the fastest card as the first, the driver and people the one in the first slot.
    let order = (kind == "cuda").then(|| ("CUDA_DEVICE_ORDER", "PCI_BUS_ID".to_owned()));
    visible.chain(order).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_sees_the_wanted_device_alone() {
        let (visible, order) =
            (("CUDA_VISIBLE_DEVICES", "1".to_owned()), ("CUDA_DEVICE_ORDER", "PCI_BUS_ID".to_owned()));
        assert_eq!(variables("cuda:1"), [visible, order]);
        assert_eq!(variables(""), []);
        assert!(variables("cpu").contains(&("CUDA_VISIBLE_DEVICES", String::new())));
    }
}
