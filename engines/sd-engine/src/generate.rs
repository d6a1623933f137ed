//! Pictures from words.

#![allow(unsafe_code, reason = "calls into C++")]

use std::{ffi::CString, mem::MaybeUninit, ptr::NonNull};

use contract::{engine::Line, spec::TextToImage};
use diffusion_rs_sys as library;
use serde::Serialize;

use crate::{
    callbacks,
    context::{Context, Texts},
    output::Output,
};

/// From this size on a whole picture takes more memory to decode than many cards have.
const TILING_FROM_PIXELS: u64 = 1_250_000;

/// Makes the pictures of a spec and writes each of them.
pub(crate) fn make_pictures(context: &Context, spec: &TextToImage, output: &Output) -> Result<(), String> {
    let mut index = 0;
    for (seed, count) in series(spec.painting.seed.unwrap_or_default(), spec.painting.batch_count) {
        if callbacks::is_cancelled() {
            return Err("cancelled".to_owned());
        }
        callbacks::begin_generation(spec.painting.steps, index, count, spec.painting.batch_count);
        let pictures = run(context, spec, seed, count)?;
        for (picture, seed) in pictures.checked(spec)?.into_iter().zip(seed..=u32::MAX) {
            let line = Line::Image {
                index,
                seed,
                width: picture.width,
                height: picture.height,
                size_bytes: u64::try_from(picture.rgb.len()).unwrap_or(u64::MAX),
            };
            output.write(&line, picture.rgb);
            index += 1;
        }
    }
    Ok(())
}

/// Makes the smallest picture and throws it away.
///
/// The library reads the weights only when they are first needed. A model counts as loaded when they are in memory and one
/// picture has come out: what is broken in the files shows here and not in somebody's job.
pub(crate) fn warm_up(context: &Context) -> Result<(), String> {
    let spec = serde_json::json!({
        "prompt": "warm", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0, "distilled_guidance": 1.0,
    });
    let spec: TextToImage = serde_json::from_value(spec).map_err(|error| error.to_string())?;
    run(context, &spec, 0, 1).map(drop)
}

/// Splits a batch where its seeds pass the largest one: the library counts on in 64 bits, while ours begin at 0 again.
fn series(seed: u32, count: u32) -> Vec<(u32, u32)> {
    match u32::MAX - seed {
        before_end if count > before_end.saturating_add(1) => {
            vec![(seed, before_end + 1), (0, count - before_end - 1)]
        }
        _ => vec![(seed, count)],
    }
}

/// Runs the library.
fn run(context: &Context, spec: &TextToImage, seed: u32, count: u32) -> Result<Pictures, String> {
    let mut texts = Texts::default();
    let pixels = u64::from(spec.width) * u64::from(spec.height);
    // SAFETY: the library fills the struct; every pointer in it is null or points into `texts`, which outlives the call.
    let images = unsafe {
        let mut uninit = MaybeUninit::uninit();
        library::sd_img_gen_params_init(uninit.as_mut_ptr());
        let mut params: library::sd_img_gen_params_t = uninit.assume_init();
        params.prompt = texts.keep(Some(&spec.painting.prompt))?;
        params.negative_prompt = texts.keep(Some(&spec.painting.negative_prompt))?;
        params.width = number(spec.width)?;
        params.height = number(spec.height)?;
        params.seed = i64::from(seed);
        params.batch_count = number(count)?;
        if spec.painting.clip_skip > 0 {
            params.clip_skip = number(spec.painting.clip_skip)?;
        }
        params.sample_params.sample_steps = number(spec.painting.steps)?;
        params.sample_params.guidance.txt_cfg = spec.painting.cfg_scale as f32;
        params.sample_params.guidance.distilled_guidance = spec.painting.distilled_guidance as f32;
        if let Some(sampler) = spec.painting.sampler {
            params.sample_params.sample_method = sample_method(&name(sampler)?)?;
        }
        if let Some(scheduler) = spec.painting.scheduler {
            params.sample_params.scheduler = schedule(&name(scheduler)?)?;
        }
        params.vae_tiling_params.enabled = context.has_tiling || pixels > TILING_FROM_PIXELS;
        library::generate_image(context.as_ptr(), &raw const params)
    };
    match NonNull::new(images) {
        Some(images) => Ok(Pictures { images, count }),
        None if callbacks::is_cancelled() => Err("cancelled".to_owned()),
        None => Err(callbacks::take_complaints().unwrap_or_else(|| "the library gave no reason".to_owned())),
    }
}

/// Returns the library's sampler of a name.
fn sample_method(name: &str) -> Result<library::sample_method_t, String> {
    let text = CString::new(name).map_err(|error| error.to_string())?;
    // SAFETY: the text ends with a zero byte.
    match unsafe { library::str_to_sample_method(text.as_ptr()) } {
        library::sample_method_t::SAMPLE_METHOD_COUNT => Err(format!("this engine has no sampler {name}")),
        method => Ok(method),
    }
}

/// Returns the library's scheduler of a name.
fn schedule(name: &str) -> Result<library::scheduler_t, String> {
    let text = CString::new(name).map_err(|error| error.to_string())?;
    // SAFETY: the text ends with a zero byte.
    match unsafe { library::str_to_scheduler(text.as_ptr()) } {
        library::scheduler_t::SCHEDULER_COUNT => Err(format!("this engine has no scheduler {name}")),
        scheduler => Ok(scheduler),
    }
}

/// Returns the name that a sampler or a scheduler has in JSON: the library's own.
fn name(choice: impl Serialize) -> Result<String, String> {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err("a sampler or scheduler without a name: this is a bug".to_owned()),
    }
}

fn number(value: u32) -> Result<i32, String> {
    i32::try_from(value).map_err(|_| format!("{value} is too large"))
}

/// What the library returns. The memory goes when it is dropped.
#[derive(Debug)]
struct Pictures {
    images: NonNull<library::sd_image_t>,
    count: u32,
}

/// One finished picture in the library's memory.
#[derive(Debug)]
struct Pixels<'a> {
    width: u32,
    height: u32,
    rgb: &'a [u8],
}

impl Pictures {
    /// Returns the pictures, if they are what was asked for: the library may hand out less and call it success.
    fn checked(&self, spec: &TextToImage) -> Result<Vec<Pixels<'_>>, String> {
        (0..self.count as usize)
            .map(|index| {
                // SAFETY: the library returns `count` images.
                let image = unsafe { &*self.images.as_ptr().add(index) };
                if image.data.is_null() {
                    return Err(format!("the library left out picture {}", index + 1));
                }
                if (image.width, image.height, image.channel) != (spec.width, spec.height, 3) {
                    return Err(format!(
                        "the library made {} × {} pixels of {} channels instead of {} × {} of 3",
                        image.width, image.height, image.channel, spec.width, spec.height
                    ));
                }
                let size = image.width as usize * image.height as usize * 3;
                // SAFETY: the library allocated a byte for every pixel and channel, alive as long as `self`.
                let rgb = unsafe { std::slice::from_raw_parts(image.data, size) };
                Ok(Pixels { width: image.width, height: image.height, rgb })
            })
            .collect()
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        // SAFETY: made by `generate_image`, freed once; the count is at most 16.
        unsafe { library::free_sd_images(self.images.as_ptr(), i32::try_from(self.count).unwrap_or_default()) }
    }
}

#[cfg(test)]
mod tests {
    use contract::spec::sampling::{Sampler, Scheduler};

    use super::*;

    #[test]
    fn the_contract_names_exactly_the_samplers_of_the_library() {
        let ours: Vec<_> = Sampler::ALL.iter().map(|sampler| sample_method(&name(sampler).unwrap()).unwrap()).collect();
        assert_eq!(ours.len(), library::sample_method_t::SAMPLE_METHOD_COUNT as usize);
        assert!(ours.iter().enumerate().all(|(index, method)| *method as usize == index), "{ours:?}");
        assert!(sample_method("no such sampler").is_err());
    }

    #[test]
    fn the_contract_names_exactly_the_schedulers_of_the_library() {
        let ours: Vec<_> = Scheduler::ALL.iter().map(|choice| schedule(&name(choice).unwrap()).unwrap()).collect();
        assert_eq!(ours.len(), library::scheduler_t::SCHEDULER_COUNT as usize);
        assert!(ours.iter().enumerate().all(|(index, scheduler)| *scheduler as usize == index), "{ours:?}");
        assert!(schedule("no such scheduler").is_err());
    }

    #[test]
    fn a_batch_is_split_where_its_seeds_begin_again() {
        assert_eq!(series(7, 4), [(7, 4)]);
        assert_eq!(series(u32::MAX, 1), [(u32::MAX, 1)]);
        assert_eq!(series(u32::MAX - 1, 4), [(u32::MAX - 1, 2), (0, 2)]);
        assert_eq!(series(0, 16), [(0, 16)]);
    }
}
