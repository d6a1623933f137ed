//! What a model is built like, told by the names of its tensors and the widths of a few.
//!
//! The marks are those by which stable-diffusion.cpp itself tells models apart, in its own names and in those of diffusers.

use contract::model::Family;

/// How other programs begin the names of the part that paints.
const PREFIXES: &[&str] = &["model.diffusion_model.", "diffusion_model.", "unet.", "transformer."];

/// Beginnings of names that one family alone has. The first that fits counts: FLUX.2 and Chroma have the blocks of FLUX, too.
const BEGINNINGS: &[(&str, Family)] = &[
    ("double_stream_modulation_img.", Family::Flux2),
    ("distilled_guidance_layer.", Family::Chroma),
    ("nerf_final_layer_conv.", Family::Chroma),
    ("joint_blocks.", Family::Sd3),
    ("transformer_blocks.0.img_mod.1.", Family::QwenImage),
    ("cap_embedder.0.", Family::ZImage),
    ("blocks.0.cross_attn.norm_k.", Family::Wan),
    ("double_blocks.", Family::Flux),
    ("single_transformer_blocks.", Family::Flux),
    ("conditioner.embedders.1.", Family::Sdxl),
    ("label_emb.0.", Family::Sdxl),
    ("add_embedding.", Family::Sdxl),
];

/// Where the U-Nets of Stable Diffusion read the prompt. The width of that is the width of their text encoder.
const READS_THE_PROMPT: &str = "attn2.to_k.weight";

/// Parts of names that only LoRAs and their kin have, and endings.
const PARTS_OF_LORAS: &[&str] = &["lora_", ".lora", ".hada_", ".lokr_", ".oft_"];
const ENDINGS_OF_LORAS: &[&str] = &[".alpha", ".diff", ".diff_b", ".dora_scale"];

/// What was seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    /// The place in [`BEGINNINGS`].
    first: Option<usize>,
    prompt_width: Option<u64>,
    is_lora: bool,
}

impl Marks {
    /// Looks at a tensor: its name, and how many numbers a row of it has.
    pub(super) fn see(&mut self, name: &str, row: u64) {
        self.is_lora |= PARTS_OF_LORAS.iter().any(|part| name.contains(part))
            || ENDINGS_OF_LORAS.iter().any(|ending| name.ends_with(ending));
        let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let place = BEGINNINGS.iter().position(|(beginning, _)| bare.starts_with(beginning));
        self.first = self.first.into_iter().chain(place).min();
        if bare.ends_with(READS_THE_PROMPT) {
            self.prompt_width = Some(row);
        }
    }

    /// Returns what the model is built like.
    pub(super) fn family(self) -> Family {
        // A LoRA has the names of what it changes.
        if self.is_lora {
            return Family::Unknown;
        }
        if let Some((_, family)) = self.first.and_then(|place| BEGINNINGS.get(place)) {
            return *family;
        }
        match self.prompt_width {
            Some(768) => Family::Sd1,
            Some(1024) => Family::Sd2,
            Some(2048) => Family::Sdxl,
            _ => Family::Unknown,
        }
    }

    /// Returns whether there are tensors of a LoRA or its kin.
    pub(super) fn is_lora(self) -> bool {
        self.is_lora
    }
}

/// Returns what a GGUF says that it is, in the words of the programs that make such files.
pub(super) fn of_architecture(architecture: &str) -> Family {
    match architecture {
        "sd1" => Family::Sd1,
        "sd2" => Family::Sd2,
        "sdxl" => Family::Sdxl,
        "sd3" => Family::Sd3,
        "flux" => Family::Flux,
        "flux2" => Family::Flux2,
        "qwen_image" => Family::QwenImage,
        "lumina2" | "z_image" => Family::ZImage,
        "chroma" => Family::Chroma,
        "wan" => Family::Wan,
        _ => Family::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(tensors: &[(&str, u64)]) -> Family {
        let mut marks = Marks::default();
        tensors.iter().for_each(|(name, row)| marks.see(name, *row));
        marks.family()
    }

    #[test]
    fn each_family_is_known_by_its_tensors() {
        let prompt = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
        let diffusers = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";
        for (tensors, expected) in [
            (&[(prompt, 768)][..], Family::Sd1),
            (&[(diffusers, 1024)], Family::Sd2),
            (&[(prompt, 2048)], Family::Sdxl),
            (&[("conditioner.embedders.1.model.ln_final.weight", 1280), (prompt, 2048)], Family::Sdxl),
            (&[("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", 1536)], Family::Sd3),
            (&[("double_blocks.0.img_attn.qkv.weight", 3072)], Family::Flux),
            (&[("double_blocks.0.a", 1), ("double_stream_modulation_img.lin.weight", 1)], Family::Flux2),
            (&[("distilled_guidance_layer.in_proj.weight", 64), ("double_blocks.0.a", 1)], Family::Chroma),
            (&[("transformer_blocks.0.img_mod.1.weight", 3072)], Family::QwenImage),
            (&[("model.diffusion_model.cap_embedder.0.weight", 2560)], Family::ZImage),
            (&[("blocks.0.cross_attn.norm_k.weight", 5120)], Family::Wan),
            (&[("anything", 1)], Family::Unknown),
        ] {
            assert_eq!(family(tensors), expected, "{tensors:?}");
        }
    }

    #[test]
    fn a_lora_is_no_model_of_the_family_that_it_changes() {
        let mut marks = Marks::default();
        marks.see("diffusion_model.double_blocks.0.img_attn.proj.lora_A.weight", 128);
        assert_eq!((marks.is_lora(), marks.family()), (true, Family::Unknown));
    }
}
