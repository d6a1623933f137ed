//! What suits each family of models, as those who made them say, or the documentation of stable-diffusion.cpp (`docs/*.md`).
//!
//! | family | steps, guidance | where it says so |
//! | --- | --- | --- |
//! | Stable Diffusion 1, 2 | 20, 7 | defaults of stable-diffusion.cpp and of AUTOMATIC1111 |
//! | Stable Diffusion XL | 25, 5 | guidance: `StableDiffusionXLPipeline` of diffusers; it takes 50 steps, of which half are enough to see |
//! | Stable Diffusion 3.5 | 28, 4.5 | guidance: `sd3_infer.py` of Stability-AI/sd3.5, which takes 40 steps; 28: the model card |
//! | SD 1, XL, 3.5 distilled | 4, 1 | `docs/lcm.md`; `sd3_infer.py` for 3.5 Large Turbo |
//! | FLUX.1 dev | 20, 1 | `docs/flux.md`; black-forest-labs/flux takes 50 steps |
//! | FLUX.1 Kontext | 20, 1, distilled 2.5 | `FluxKontextPipeline` of diffusers |
//! | FLUX.1 schnell | 4, 1 | black-forest-labs/flux, and `FluxPipeline` of diffusers: no guidance |
//! | FLUX.2 dev | 28, 1, distilled 4 | `docs/flux2_dev_hf.md` of black-forest-labs/flux2: 50 steps, and 28 as a trade-off |
//! | FLUX.2 klein | 4, 1 | `util.py` of black-forest-labs/flux2; `docs/flux2.md` |
//! | FLUX.2 klein base | 50, 4 | `util.py` of black-forest-labs/flux2; `docs/flux2.md` takes 20 steps |
//! | Qwen-Image | 20, 2.5 | `docs/qwen_image.md`; QwenLM/Qwen-Image takes 50 steps and 4 |
//! | Z-Image Turbo | 8, 1 | README of Tongyi-MAI/Z-Image: 8 passes, no guidance; `docs/z_image.md` |
//! | Z-Image | 28, 4 | README of Tongyi-MAI/Z-Image: 28 to 50 steps, guidance 3 to 5 |
//! | Chroma | 40, 3 | `ChromaPipeline` of diffusers; `docs/chroma.md` takes guidance 4 |
//!
//! Guidance of 1 switches it off here, as 0 does in diffusers. Where a range is given, or a trade-off, the quicker end counts.

use contract::{model::Family, spec::JobKind};
use serde_json::{Value, json};

/// Words in the names of models that were distilled to a few steps and to no guidance.
const FAST: &[&str] = &["turbo", "schnell", "lightning", "klein", "hyper", "lcm", "4step", "4-step", "distilled"];

/// Values by the names of their fields.
type Values = Vec<(&'static str, Value)>;

/// Returns what suits a model, in place of the defaults of the API document.
pub(super) fn suits(family: Family, model: &str) -> Values {
    let model = model.to_lowercase();
    let is_base = model.contains("base");
    let is_fast = FAST.iter().any(|word| model.contains(word)) && !is_base;
    let side: u32 = match family {
        Family::Sd1 => 512,
        // Of the two forms of Stable Diffusion 2 the one that people use was trained at 768.
        Family::Sd2 => 768,
        Family::Sdxl
        | Family::Sd3
        | Family::Flux
        | Family::Flux2
        | Family::QwenImage
        | Family::ZImage
        | Family::Chroma => 1024,
        Family::Wan | Family::Unknown => return Values::new(),
    };
    let (steps, cfg_scale): (u32, f64) = match family {
        Family::ZImage if is_fast => (8, 1.0),
        _ if is_fast => (4, 1.0),
        Family::Sd1 | Family::Sd2 => (20, 7.0),
        Family::Sdxl => (25, 5.0),
        Family::Sd3 => (28, 4.5),
        // The guidance of FLUX is distilled; 1 switches the other one off.
        Family::Flux => (20, 1.0),
        Family::Flux2 if is_base => (50, 4.0),
        Family::Flux2 => (28, 1.0),
        Family::QwenImage => (20, 2.5),
        Family::Chroma => (40, 3.0),
        Family::ZImage => (28, 4.0),
        Family::Wan | Family::Unknown => return Values::new(),
    };
    let mut values =
        vec![("width", json!(side)), ("height", json!(side)), ("steps", json!(steps)), ("cfg_scale", json!(cfg_scale))];
    match family {
        Family::Flux if model.contains("kontext") => values.push(("distilled_guidance", json!(2.5))),
        // klein has no input for it.
        Family::Flux2 if !is_fast && !is_base => values.push(("distilled_guidance", json!(4.0))),
        _ => {}
    }
    values
}

/// Returns why a model cannot do jobs of this kind, if it cannot. What is not known is allowed.
pub(crate) fn impossible(kind: JobKind, family: Family, model: &str) -> Option<String> {
    let edits = match family {
        Family::Flux | Family::Flux2 | Family::QwenImage | Family::Unknown => true,
        // Instruct-pix2pix is built like the model that it was made from.
        Family::Sd1 | Family::Sdxl => model.to_lowercase().contains("pix2pix"),
        Family::Sd2 | Family::Sd3 | Family::ZImage | Family::Chroma | Family::Wan => false,
    };
    let is_impossible = kind == JobKind::ImageEdit && !edits;
    is_impossible.then(|| {
        format!("the model {model} follows no instructions; choose FLUX Kontext, FLUX.2 or Qwen-Image-Edit, or image_to_image")
    })
}

/// Returns whether models of a family were taught with tags. CLIP, which alone reads the prompts of these, was taught with the
/// alternative texts of web pages; the others have language models that read sentences.
pub(super) fn reads_tags(family: Family) -> bool {
    matches!(family, Family::Sd1 | Family::Sd2 | Family::Sdxl)
}

/// Returns whether models of a family look at a field.
pub(super) fn looks_at(family: Family, field: &str) -> bool {
    let is_unknown = family == Family::Unknown;
    match field {
        // Only CLIP has layers that may be skipped.
        "clip_skip" => is_unknown || matches!(family, Family::Sd1 | Family::Sd2 | Family::Sdxl),
        // An input of the distilled models of Black Forest Labs.
        "distilled_guidance" => is_unknown || matches!(family, Family::Flux | Family::Flux2),
        // U-Nets have no such layers, and no shift.
        "skip_layer_guidance" | "flow_shift" => !matches!(family, Family::Sd1 | Family::Sd2 | Family::Sdxl),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use contract::capabilities::fields;

    use super::*;

    const ALL: [Family; 11] = [
        Family::Sd1,
        Family::Sd2,
        Family::Sdxl,
        Family::Sd3,
        Family::Flux,
        Family::Flux2,
        Family::QwenImage,
        Family::ZImage,
        Family::Chroma,
        Family::Wan,
        Family::Unknown,
    ];

    fn value(family: Family, model: &str, name: &str) -> Option<Value> {
        suits(family, model).into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[test]
    fn distilled_models_take_few_steps_and_no_guidance() {
        for (family, model) in [
            (Family::Sdxl, "sdxl/DreamShaperXL_Turbo"),
            (Family::Flux, "flux1-schnell-q4"),
            (Family::Flux2, "flux2-klein-4b"),
            (Family::QwenImage, "qwen-image-lightning-4steps"),
        ] {
            assert_eq!(
                (value(family, model, "steps"), value(family, model, "cfg_scale")),
                (Some(json!(4)), Some(json!(1.0)))
            );
        }
        assert_eq!(value(Family::Flux2, "flux2-klein-base-4b", "steps"), Some(json!(50)));
        assert_eq!(value(Family::Flux2, "flux2-klein-base-4b", "distilled_guidance"), None);
        // Only Turbo says so in its name.
        assert_eq!(value(Family::ZImage, "z_image_turbo_bf16", "steps"), Some(json!(8)));
        assert_eq!(value(Family::ZImage, "z_image_bf16", "cfg_scale"), Some(json!(4.0)));
        assert_eq!(value(Family::Sdxl, "juggernaut", "width"), Some(json!(1024)));
        assert!(suits(Family::Unknown, "turbo").is_empty());
    }

    #[test]
    fn what_suits_a_model_is_within_the_bounds_of_its_fields() {
        let known = fields(JobKind::TextToImage);
        for family in ALL {
            for model in ["plain", "turbo", "base", "kontext"] {
                for (name, value) in suits(family, model) {
                    let field = known.iter().find(|field| field.name == name).unwrap();
                    let value = value.as_f64().unwrap();
                    assert!(field.minimum.unwrap() <= value && value <= field.maximum.unwrap(), "{family:?} {name}");
                    assert!(field.step.is_none_or(|step| (value / step).fract() == 0.0), "{family:?} {name}");
                }
            }
        }
    }

    #[test]
    fn only_models_that_were_made_for_it_edit() {
        for (family, model, can) in [
            (Family::Flux2, "klein", true),
            (Family::QwenImage, "edit", true),
            (Family::Unknown, "x", true),
            (Family::Sdxl, "x", false),
            (Family::Sd1, "instruct-pix2pix", true),
        ] {
            assert_eq!(impossible(JobKind::ImageEdit, family, model).is_none(), can, "{family:?}");
            assert!(impossible(JobKind::Inpaint, family, model).is_none());
        }
    }
}
