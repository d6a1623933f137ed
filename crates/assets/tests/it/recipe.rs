//! Pictures of other programs, read as jobs that make them again. The texts are written for these tests.

use assets::{
    metadata::{Recipe, Text, find_recipe, read_texts, texts},
    picture::{Pixels, encode},
};
use contract::{
    asset::Source,
    spec::{JobSpec, Output, output::Format},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn recipe(pairs: &[(&str, &str)]) -> Recipe {
    let text = |(keyword, text): &(&str, &str)| Text { keyword: (*keyword).to_owned(), text: (*text).to_owned() };
    find_recipe(&pairs.iter().map(text).collect::<Vec<_>>())
}

/// The fields that were found, without those that were not.
fn fields(recipe: &Recipe) -> Value {
    serde_json::to_value(recipe.spec.as_ref().expect("a spec")).unwrap()
}

fn has(recipe: &Recipe, expected: &Value) {
    let found = fields(recipe);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name} of {found}");
    }
}

#[test]
fn a_job_comes_back_out_of_its_own_picture_in_every_format() {
    let spec: JobSpec = serde_json::from_value(json!({
        "kind": "text_to_image", "prompt": "a lighthouse, <lora:film:0.8>\nat dawn", "negative_prompt": "people, 人",
        "model": "sd/dream", "steps": 12, "cfg_scale": 5.5, "sampler": "dpm++2m", "scheduler": "karras", "seed": 7,
        "width": 640, "height": 384, "clip_skip": 2, "hires": {"scale": 1.5, "upscaler": "lanczos", "strength": 0.4},
        "loras": [{"name": "x/y", "weight": -0.5}], "eta": 0.5, "flow_shift": 3, "format": "webp", "quality": 70,
    }))
    .unwrap();
    let pixels = Pixels { width: 8, height: 8, rgb: vec![90; 192] };
    let written = texts(&spec, 7).unwrap();
    for format in Format::ALL {
        let bytes = encode(&pixels, &Output { format: *format, ..Output::default() }, &written).unwrap();
        let read = find_recipe(&read_texts(&bytes));
        assert_eq!(read, Recipe { source: Source::Atelier, spec: Some(spec.clone()), notes: vec![] }, "{format:?}");
    }
    // The text that others read says the same, as far as it has words for it.
    let own = written.iter().find(|text| text.keyword == "parameters").unwrap();
    let read = recipe(&[("parameters", &own.text)]);
    assert_eq!((read.source, read.notes.len()), (Source::A1111, 0), "{:?}", read.notes);
    has(
        &read,
        &json!({
            "prompt": "a lighthouse, <lora:film:0.8>\nat dawn <lora:y:-0.5>", "negative_prompt": "people, 人",
            "model": "dream", "steps": 12, "cfg_scale": 5.5, "sampler": "dpm++2m", "scheduler": "karras", "seed": 7,
            "width": 640, "height": 384, "clip_skip": 2, "eta": 0.5, "flow_shift": 3.0,
            "hires": {"scale": 1.5, "upscaler": "lanczos", "steps": 0, "strength": 0.4},
        }),
    );
}

#[test]
fn what_was_painted_over_another_picture_says_so_in_the_text_that_others_read() {
    let id = "0198c0de-0000-7000-8000-000000000001";
    let spec = json!({"kind": "inpaint", "prompt": "a cat", "image": id, "mask": id, "strength": 0.6, "mask_blur": 4, "seed": 1});
    let written = texts(&serde_json::from_value(spec).unwrap(), 1).unwrap();
    assert!(written[0].text.contains("Denoising strength: 0.6") && written[0].text.contains("Mask blur: 4"));
    let read = recipe(&[("parameters", &written[0].text)]);
    assert!(read.notes[0].contains("submit inpaint with that picture, that mask and strength 0.6"), "{:?}", read.notes);
    has(&read, &json!({"kind": "text_to_image", "prompt": "a cat"}));
    // A larger picture of the same was not painted: there is only our own JSON.
    let upscale = json!({"kind": "upscale", "image": id});
    assert_eq!(texts(&serde_json::from_value(upscale).unwrap(), 0).unwrap().len(), 1);
}

#[test]
fn the_text_of_a1111_is_read_with_all_its_oddities() {
    let text = "masterpiece, (a castle:1.2),\n\nSteps to heaven: yes\nNegative prompt: blurry,\nlow quality\nSteps: 28, \
                Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 3141592653, Size: 832x1216, Model hash: 31e35c80fc, \
                Model: \"sd xl, base: 1.0\", Denoising strength: 0.35, Clip skip: 2, Hires upscale: 1.5, Hires steps: 10, \
                Hires upscaler: R-ESRGAN 4x+, ADetailer model: face_yolov8n.pt, Lora hashes: \"film: 1a2b, x: 3c4d\", \
                Civitai resources: [{\"type\":\"checkpoint\",\"modelVersionId\":128078,\"modelName\":\"SD, XL\"}], Version: v1.9.4";
    let read = recipe(&[("parameters", text)]);
    assert_eq!(read.source, Source::A1111);
    has(
        &read,
        &json!({
            "prompt": "masterpiece, (a castle:1.2),\n\nSteps to heaven: yes", "negative_prompt": "blurry,\nlow quality",
            "steps": 28, "sampler": "dpm++2m", "scheduler": "karras", "cfg_scale": 6.5, "seed": 3_141_592_653_u32,
            "width": 832, "height": 1216, "model": "sd xl, base: 1.0", "clip_skip": 2,
            "hires": {"scale": 1.5, "upscaler": "R-ESRGAN 4x+", "steps": 10, "strength": 0.35},
        }),
    );
    assert!(read.notes.iter().any(|note| note == "not carried over: ADetailer model"), "{:?}", read.notes);
    assert!(read.notes.iter().any(|note| note.contains("R-ESRGAN 4x+")));
}

#[test]
fn the_text_of_forge_and_of_what_comes_without_a_negative_prompt_is_read() {
    let forge = "a cat\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, \
                 Seed: 5, Size: 896x1152, Model: flux1-dev, Version: f2.0.1";
    has(
        &recipe(&[("parameters", forge)]),
        &json!({"scheduler": "simple", "distilled_guidance": 3.5, "cfg_scale": 1.0, "sampler": "euler", "model": "flux1-dev"}),
    );
    let unknown = "a dog\nSteps: 500, Sampler: DPM++ 3M SDE, Schedule type: Beta, Seed: -1, Size: 500x9000";
    let read = recipe(&[("parameters", unknown)]);
    has(&read, &json!({"steps": 150, "width": 496, "height": 4096}));
    assert_eq!(fields(&read).get("sampler"), None);
    for word in ["DPM++ 3M SDE", "Beta", "-1", "9000", "500"] {
        assert!(read.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", read.notes);
    }
    assert_eq!(recipe(&[("parameters", "just some words")]).spec, None);
    assert_eq!(recipe(&[]).notes, ["it says nothing about how it was made"]);
}

#[test]
fn the_graph_of_comfyui_is_walked_from_the_node_that_samples() {
    let graph = json!({
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 156_680_208, "steps": 25, "cfg": 8, "sampler_name": "euler_ancestral", "scheduler": "karras",
            "denoise": 1, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl\\base.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["20", 0], "clip": ["11", 0]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["11", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}, "is_changed": [null]},
        "10": {"class_type": "LoraLoader", "inputs": {
            "lora_name": "film.safetensors", "strength_model": 0.7, "strength_clip": 1, "model": ["4", 0], "clip": ["4", 1]}},
        "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
        "20": {"class_type": "PrimitiveString", "inputs": {"value": "a glass bottle"}},
    });
    let expected = json!({
        "prompt": "a glass bottle", "negative_prompt": "text, watermark", "seed": 156_680_208, "steps": 25,
        "cfg_scale": 8.0, "sampler": "euler_a", "scheduler": "karras", "width": 768, "height": 512,
        "model": "sdxl/base", "loras": [{"name": "film", "weight": 0.7}], "clip_skip": 2,
    });
    let text = graph.to_string().replace("[null]", "[NaN]");
    for pairs in
        [[("workflow", "{}"), ("prompt", &*text)], [("Make", &format!("prompt:{text}")), ("Model", "workflow:{}")]]
    {
        let read = recipe(&pairs);
        assert_eq!((read.source, read.notes.len()), (Source::ComfyUi, 0), "{:?}", read.notes);
        has(&read, &expected);
    }
}

#[test]
fn a_graph_with_a_sampler_in_parts_and_a_picture_to_begin_with_is_read() {
    let graph = json!({
        "13": {"class_type": "SamplerCustomAdvanced", "inputs": {
            "noise": ["25", 0], "guider": ["22", 0], "sampler": ["16", 0], "sigmas": ["17", 0], "latent_image": ["27", 0]}},
        "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "uni_pc"}},
        "17": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 4, "denoise": 0.6, "model": ["12", 0]}},
        "22": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0], "conditioning": ["26", 0]}},
        "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 9_999_999_999_u64}},
        "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 2.5, "conditioning": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": "a", "t5xxl": "a fox", "clip": ["11", 0]}},
        "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-schnell.safetensors"}},
        "27": {"class_type": "VAEEncode", "inputs": {"pixels": ["28", 0], "vae": ["29", 0]}},
    });
    let read = recipe(&[("prompt", &graph.to_string())]);
    has(
        &read,
        &json!({"prompt": "a fox", "distilled_guidance": 2.5, "model": "flux1-schnell", "steps": 4, "scheduler": "simple", "cfg_scale": 1.0}),
    );
    for word in ["uni_pc", "9999999999", "image_to_image with that picture and strength 0.6"] {
        assert!(read.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", read.notes);
    }
}

#[test]
fn a_graph_that_leads_in_circles_ends() {
    let graph = json!({
        "1": {"class_type": "KSampler", "inputs": {
            "model": ["2", 0], "positive": ["3", 0], "latent_image": ["4", 0], "seed": ["5", 0], "steps": ["5", 0]}},
        "2": {"class_type": "LoraLoader", "inputs": {"model": ["2", 0], "lora_name": "x"}},
        "3": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["3", 0]}},
        "4": {"class_type": "LatentUpscale", "inputs": {"samples": ["4", 0]}},
        "5": {"class_type": "Int", "inputs": {"value": ["5", 0]}},
    });
    let read = recipe(&[("prompt", &graph.to_string())]);
    assert_eq!((read.source, read.spec), (Source::ComfyUi, None));
    let workflow = recipe(&[("workflow", "{\"nodes\":[]}")]);
    assert_eq!(workflow.spec, None);
    assert!(workflow.notes[0].contains("workflow"));
}

#[test]
fn invokeai_of_any_age_is_read() {
    let now = json!({
        "app_version": "5.6.0", "generation_mode": "sdxl_img2img", "positive_prompt": "a ship", "negative_prompt": "fog",
        "width": 1024, "height": 768, "seed": 42, "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
        "strength": 0.55, "model": {"key": "k", "hash": "blake3:0", "name": "Juggernaut XL v9", "base": "sdxl", "type": "main"},
        "loras": [{"model": {"name": "film"}, "weight": 0.75}], "controlnets": [], "vae": null,
    });
    let read = recipe(&[("invokeai_metadata", &now.to_string()), ("invokeai_graph", "{}")]);
    assert_eq!(read.source, Source::InvokeAi);
    has(
        &read,
        &json!({
            "prompt": "a ship", "negative_prompt": "fog", "width": 1024, "height": 768, "seed": 42, "cfg_scale": 7.5,
            "steps": 30, "sampler": "dpm++2m", "scheduler": "karras", "clip_skip": 2, "model": "Juggernaut XL v9",
            "loras": [{"name": "film", "weight": 0.75}],
        }),
    );
    assert_eq!(read.notes.len(), 1);
    let older = json!({
        "model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "image": {
            "prompt": [{"prompt": "a barn [snow, ice] at night", "weight": 1}], "steps": 50, "cfg_scale": 7.5,
            "height": 512, "width": 704, "seed": 11, "type": "txt2img", "sampler": "k_euler_a"},
    });
    let expected = json!({
        "prompt": "a barn  at night", "negative_prompt": "snow, ice", "steps": 50, "seed": 11, "width": 704, "height": 512,
        "cfg_scale": 7.5, "sampler": "euler_a",
    });
    let read = recipe(&[("sd-metadata", &older.to_string())]);
    has(&read, &expected);
    has(&read, &json!({"model": "stable-diffusion-1.5"}));
    let line = "\"a barn [snow, ice] at night\" -s 50 -S 11 -W 704 -H 512 -C 7.5 -A k_euler_a";
    has(&recipe(&[("Dream", line)]), &expected);
    has(&recipe(&[("Dream", &line.replace("-s 50", "-s50").replace('"', ""))]), &expected);
}

#[test]
fn swarmui_is_read_where_a1111_has_its_text() {
    let text = json!({"sui_image_params": {
        "prompt": "a portrait", "negativeprompt": "", "model": "Flux/flux1-dev-fp8.safetensors", "seed": 2_042_464_333,
        "steps": 25, "cfgscale": 1.0, "fluxguidancescale": 3.0, "width": 512, "height": 768, "sampler": "euler",
        "scheduler": "normal", "loras": ["film", "hands"], "loraweights": ["0.5", "1"], "swarm_version": "0.9.5",
    }});
    let read = recipe(&[("parameters", &text.to_string())]);
    assert_eq!((read.source, read.notes.len()), (Source::SwarmUi, 0), "{:?}", read.notes);
    has(
        &read,
        &json!({
            "prompt": "a portrait", "model": "Flux/flux1-dev-fp8", "seed": 2_042_464_333_u32, "cfg_scale": 1.0,
            "distilled_guidance": 3.0, "sampler": "euler", "scheduler": "discrete", "width": 512, "height": 768,
            "loras": [{"name": "film", "weight": 0.5}, {"name": "hands", "weight": 1.0}],
        }),
    );
}

proptest! {
    #[test]
    fn whatever_a_text_holds_it_is_read_without_a_panic_and_within_bounds(
        keyword in prop::sample::select(vec!["parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream", "atelier"]),
        text in "(\\PC|[\"\\[\\]{}:, \n]){0,200}",
        numbers in prop::collection::vec(any::<f64>(), 8),
    ) {
        let _ = recipe(&[(keyword, &text)]);
        let [steps, cfg, seed, width, height, clip, strength, scale] = numbers[..] else { unreachable!() };
        let a1111 = format!("{text}\nSteps: {steps}, CFG scale: {cfg}, Seed: {seed}, Size: {width}x{height}, Clip skip: \
                             {clip}, Denoising strength: {strength}, Hires upscale: {scale}");
        if let Some(JobSpec::TextToImage(spec)) = recipe(&[("parameters", &a1111)]).spec {
            prop_assert!((1..=150).contains(&spec.painting.steps) && (64..=4096).contains(&spec.width));
            prop_assert!(spec.width % 16 == 0 && spec.height % 16 == 0 && spec.painting.clip_skip <= 12);
        }
    }
}
