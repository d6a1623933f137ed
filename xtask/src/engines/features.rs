//! What the engines are built for: `--features`, or `ATELIER_ENGINE_FEATURES`.

use std::{env, path::Path};

use anyhow::{Context as _, bail};

use crate::program;

const VARIABLE: &str = "ATELIER_ENGINE_FEATURES";
/// In place of a list: everything that this machine has what it takes to build for.
const AUTO: &str = "auto";

/// What a build of an engine computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Cards of NVIDIA.
    Cuda,
    /// The graphics of a Mac.
    Metal,
    /// Any card with a driver for Vulkan.
    Vulkan,
    /// No card.
    Cpu,
}

impl Feature {
    /// The best first, as the workers try them.
    const ALL: [Self; 4] = [Self::Cuda, Self::Metal, Self::Vulkan, Self::Cpu];

    /// Returns what the variable chooses, the best first; the CPU without it.
    pub(crate) fn chosen() -> anyhow::Result<Vec<Self>> {
        let Some(chosen) = env::var_os(VARIABLE) else { return Ok(vec![Self::Cpu]) };
        Self::in_words(chosen.to_str().with_context(|| format!("{VARIABLE} is no Unicode"))?)
    }

    /// Returns the features without a word about one that nobody knows: the build will refuse it.
    pub(crate) fn known_ones_chosen() -> Vec<Self> {
        Self::chosen().unwrap_or_default()
    }

    /// Returns the name of the feature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Vulkan => "vulkan",
            Self::Cpu => "cpu",
        }
    }

    /// Returns whether what the build needs for it is there.
    pub(crate) fn can_be_built(self) -> bool {
        match self {
            Self::Cuda => env::var_os("CUDACXX").is_some() || program::find("nvcc").is_some(),
            Self::Metal => cfg!(target_os = "macos"),
            Self::Vulkan => program::find("glslc").is_some() && Path::new("/usr/include/vulkan/vulkan.h").is_file(),
            Self::Cpu => true,
        }
    }

    /// Reads names with commas or blanks between them, or `auto`. Nothing is the CPU.
    pub(crate) fn in_words(text: &str) -> anyhow::Result<Vec<Self>> {
        let words: Vec<_> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => return Ok(vec![Self::Cpu]),
            [AUTO] => return Ok(Self::ALL.into_iter().filter(|feature| feature.can_be_built()).collect()),
            _ => {}
        }
        if let Some(unknown) = words.iter().find(|word| Self::ALL.iter().all(|feature| feature.name() != **word)) {
            let known = Self::ALL.map(Self::name).join(", ");
            bail!("an engine cannot be built for {unknown:?}, but for {known}, or for what this machine has: {AUTO}");
        }
        Ok(Self::ALL.into_iter().filter(|feature| words.contains(&feature.name())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_any_order_and_an_unknown_one_is_refused_with_those_that_there_are() {
        assert_eq!(Feature::in_words("").unwrap(), [Feature::Cpu]);
        assert_eq!(Feature::in_words("cpu,vulkan,cuda").unwrap(), [Feature::Cuda, Feature::Vulkan, Feature::Cpu]);
        assert_eq!(Feature::in_words(" cuda ").unwrap(), [Feature::Cuda]);
        assert_eq!(Feature::in_words("auto").unwrap().last(), Some(&Feature::Cpu));
        let error = Feature::in_words("cuda rocket").unwrap_err().to_string();
        assert!(error.contains("\"rocket\"") && error.contains("cuda, metal, vulkan, cpu"), "{error}");
    }
}
