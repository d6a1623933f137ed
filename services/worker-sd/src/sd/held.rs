//! How a child holds its model, so that it takes less of the device's memory.

use contract::{engine::ModelFiles, result::MemoryStep};

use super::session::Load;

/// Returns what a child is to load, held as the steps demand.
pub(super) fn held(wanted: &Load, steps: &[MemoryStep]) -> Load {
    match wanted {
        Load::Model { files, embeddings } => {
            Load::Model { files: Box::new(held_files(files, steps)), embeddings: embeddings.clone() }
        }
        Load::Upscaler { .. } => wanted.clone(),
    }
}

fn held_files(files: &ModelFiles, steps: &[MemoryStep]) -> ModelFiles {
    ModelFiles {
        clip_on_cpu: files.clip_on_cpu || steps.contains(&MemoryStep::TextEncoderOnCpu),
        vae_on_cpu: files.vae_on_cpu || steps.contains(&MemoryStep::VaeOnCpu),
        offload_to_cpu: files.offload_to_cpu || steps.contains(&MemoryStep::WeightOffload),
        ..files.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_only_add_to_what_a_sidecar_asks_for() {
        let asked = ModelFiles { vae_on_cpu: true, ..ModelFiles::default() };
        let held = held_files(&asked, &[MemoryStep::VaeTiling, MemoryStep::TextEncoderOnCpu]);
        assert!(held.vae_on_cpu && held.clip_on_cpu && !held.offload_to_cpu);
    }
}
