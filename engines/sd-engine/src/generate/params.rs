//! A generation in the form of the library.

#![allow(unsafe_code, reason = "structs of C++")]

use std::{ffi::c_int, mem::MaybeUninit};

use contract::engine::{Generation, HiresPass, HiresUpscaler};
use diffusion_rs_sys as library;

use super::{
    inputs::{Input, Inputs},
    names,
};
use crate::context::Texts;

/// The parameters of a call, with everything that they point at.
#[derive(Debug)]
pub(super) struct Params<'a> {
    pub(super) raw: library::sd_img_gen_params_t,
    _texts: Texts,
    _loras: Vec<library::sd_lora_t>,
    _layers: Vec<c_int>,
    _references: Vec<library::sd_image_t>,
    _inputs: &'a Inputs,
}

impl<'a> Params<'a> {
    /// Returns the parameters of `count` pictures from `seed` on.
    pub(super) fn new(generation: &Generation, inputs: &'a Inputs, seed: u32, count: u32) -> Result<Self, String> {
        let mut texts = Texts::default();
        // SAFETY: the library fills the struct.
        let mut raw = unsafe {
            let mut uninit = MaybeUninit::uninit();
            library::sd_img_gen_params_init(uninit.as_mut_ptr());
            uninit.assume_init()
        };
        raw.prompt = texts.keep(Some(&generation.prompt))?;
        raw.negative_prompt = texts.keep(Some(&generation.negative_prompt))?;
        raw.width = number(generation.width)?;
        raw.height = number(generation.height)?;
        raw.seed = i64::from(seed);
        raw.batch_count = number(count)?;
        if generation.clip_skip > 0 {
            raw.clip_skip = number(generation.clip_skip)?;
        }
        raw.strength = generation.strength as f32;
        let mut layers = Vec::new();
        set_sampling(&mut raw.sample_params, generation, &mut layers)?;
        let loras = loras(generation, &mut texts)?;
        raw.loras = loras.as_ptr();
        raw.lora_count = u32::try_from(loras.len()).unwrap_or_default();
        if let Some(tiling) = generation.tiling {
            raw.vae_tiling_params.enabled = true;
            raw.vae_tiling_params.tile_size_x = number(tiling.tile_size)?;
            raw.vae_tiling_params.tile_size_y = number(tiling.tile_size)?;
            raw.vae_tiling_params.target_overlap = tiling.overlap as f32;
        }
        if let Some(cache) = generation.cache {
            raw.cache.mode = names::cache_mode(cache);
        }
        if let Some(hires) = &generation.hires {
            set_hires(&mut raw.hires, hires, &mut texts)?;
        }
        if let Some(init) = &inputs.init {
            raw.init_image = init.view();
        }
        if let Some(mask) = &inputs.mask {
            raw.mask_image = mask.view();
        }
        let mut references: Vec<_> = inputs.references.iter().map(Input::view).collect();
        raw.ref_images = references.as_mut_ptr();
        raw.ref_images_count = c_int::try_from(references.len()).map_err(|error| error.to_string())?;
        // As the library's own command line does by default.
        raw.auto_resize_ref_image = true;
        raw.increase_ref_index = false;
        Ok(Self { raw, _texts: texts, _loras: loras, _layers: layers, _references: references, _inputs: inputs })
    }
}

fn set_sampling(
    raw: &mut library::sd_sample_params_t,
    generation: &Generation,
    layers: &mut Vec<c_int>,
) -> Result<(), String> {
    raw.sample_steps = number(generation.steps)?;
    raw.guidance.txt_cfg = generation.cfg_scale as f32;
    raw.guidance.distilled_guidance = generation.distilled_guidance as f32;
    if let Some(guidance) = &generation.skip_layer_guidance {
        *layers = guidance.layers.iter().map(|layer| number(*layer)).collect::<Result<_, _>>()?;
        raw.guidance.slg.layers = layers.as_mut_ptr();
        raw.guidance.slg.layer_count = layers.len();
        raw.guidance.slg.layer_start = guidance.start as f32;
        raw.guidance.slg.layer_end = guidance.end as f32;
        raw.guidance.slg.scale = guidance.scale as f32;
    }
    if let Some(sampler) = generation.sampler {
        raw.sample_method = names::sample_method(sampler)?;
    }
    if let Some(scheduler) = generation.scheduler {
        raw.scheduler = names::schedule(scheduler)?;
    }
    if let Some(eta) = generation.eta {
        raw.eta = eta as f32;
    }
    if let Some(flow_shift) = generation.flow_shift {
        raw.flow_shift = flow_shift as f32;
    }
    Ok(())
}

fn set_hires(raw: &mut library::sd_hires_params_t, hires: &HiresPass, texts: &mut Texts) -> Result<(), String> {
    raw.enabled = true;
    raw.target_width = number(hires.width)?;
    raw.target_height = number(hires.height)?;
    raw.steps = number(hires.steps)?;
    raw.denoising_strength = hires.strength as f32;
    match &hires.upscaler {
        HiresUpscaler::BuiltIn { name } => raw.upscaler = names::hires_upscaler(name)?,
        HiresUpscaler::Model { path, tile_size } => {
            raw.upscaler = library::sd_hires_upscaler_t::SD_HIRES_UPSCALER_MODEL;
            raw.model_path = texts.keep(Some(path))?;
            raw.upscale_tile_size = number(*tile_size)?;
        }
    }
    Ok(())
}

fn loras(generation: &Generation, texts: &mut Texts) -> Result<Vec<library::sd_lora_t>, String> {
    let loras = generation.loras.iter().map(|lora| {
        let path = texts.keep(Some(&lora.path))?;
        Ok(library::sd_lora_t { is_high_noise: false, multiplier: lora.weight as f32, path })
    });
    loras.collect()
}

fn number(value: u32) -> Result<i32, String> {
    i32::try_from(value).map_err(|_| format!("{value} is too large"))
}
