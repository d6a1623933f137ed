//! What suits each family of models: what those who know them would set.

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
        // The defaults of AUTOMATIC1111.
        Family::Sd1 | Family::Sd2 if !is_fast => (20, 7.0),
        // Higher guidance burns the colours of SDXL; its model card and ComfyUI's template are about here.
        Family::Sdxl if !is_fast => (25, 6.0),
        // The model card of Stable Diffusion 3.5.
        Family::Sd3 if !is_fast => (28, 4.5),
        // The guidance of FLUX is distilled, so that 1 switches the other one off; 20 steps are ComfyUI's template.
        Family::Flux if !is_fast => (20, 1.0),
        // The model card of FLUX.2: 28 steps are a good trade. klein without distillation takes 50 steps and true guidance.
        Family::Flux2 if is_base => (50, 4.0),
        Family::Flux2 if !is_fast => (28, 1.0),
        // The documentation of stable-diffusion.cpp.
        Family::QwenImage if !is_fast => (20, 2.5),
        // Chroma has its guidance given back: model card and the documentation of stable-diffusion.cpp.
        Family::Chroma if !is_fast => (26, 4.0),
        // Z-Image came as Turbo first, whose card says 8 steps without guidance; the base model wants both.
        Family::ZImage if is_base => (28, 4.0),
        Family::ZImage => (8, 1.0),
        _ => (4, 1.0),
    };
    let mut values =
        vec![("width", json!(side)), ("height", json!(side)), ("steps", json!(steps)), ("cfg_scale", json!(cfg_scale))];
    // Kontext follows its instruction best at 2.5, FLUX.2 at 4: their model cards.
    match family {
        Family::Flux if model.contains("kontext") => values.push(("distilled_guidance", json!(2.5))),
        Family::Flux2 => values.push(("distilled_guidance", json!(4.0))),
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
