//! What the engines compute on: `ATELIER_ENGINE_FEATURES`.

use std::{env, path::Path};

use anyhow::{Context as _, bail};

use crate::program;

const VARIABLE: &str = "ATELIER_ENGINE_FEATURES";

/// What an engine computes on beside the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Cards of NVIDIA.
    Cuda,
    /// Any card with a driver for Vulkan.
    Vulkan,
    /// The graphics of a Mac.
    Metal,
}

impl Feature {
    const ALL: [Self; 3] = [Self::Cuda, Self::Vulkan, Self::Metal];

    /// Returns the features that were chosen, in the order of this list; none means the CPU.
    pub(crate) fn chosen() -> anyhow::Result<Vec<Self>> {
        let Some(chosen) = env::var_os(VARIABLE) else { return Ok(Vec::new()) };
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
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
        }
    }

    /// Returns whether what the build needs for it is there.
    pub(crate) fn can_be_built(self) -> bool {
        match self {
            Self::Cuda => env::var_os("CUDACXX").is_some() || program::find("nvcc").is_some(),
            Self::Vulkan => program::find("glslc").is_some() && Path::new("/usr/include/vulkan/vulkan.h").is_file(),
            Self::Metal => cfg!(target_os = "macos"),
        }
    }

    /// Reads names with commas or blanks between them, as cargo takes them.
    fn in_words(text: &str) -> anyhow::Result<Vec<Self>> {
        let words: Vec<_> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        if let Some(unknown) = words.iter().find(|word| Self::ALL.iter().all(|feature| feature.name() != **word)) {
            let known = Self::ALL.map(Self::name).join(", ");
            bail!("{VARIABLE} names {unknown:?}; an engine can be built for {known}, or for the CPU if it is empty");
        }
        Ok(Self::ALL.into_iter().filter(|feature| words.contains(&feature.name())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_any_order_and_an_unknown_one_is_refused_with_those_that_there_are() {
        assert_eq!(Feature::in_words("").unwrap(), []);
        assert_eq!(Feature::in_words("vulkan,cuda").unwrap(), [Feature::Cuda, Feature::Vulkan]);
        assert_eq!(Feature::in_words(" cuda ").unwrap(), [Feature::Cuda]);
        let error = Feature::in_words("cuda rocket").unwrap_err().to_string();
        assert!(error.contains("\"rocket\"") && error.contains("cuda, vulkan, metal"), "{error}");
    }
}
