//! Pictures from words, and from other pictures.

#![allow(unsafe_code, reason = "calls into C++")]

pub(crate) mod inputs;
mod params;
pub(crate) mod plan;

mod names;
pub(crate) mod pictures;

use std::ptr::NonNull;

use contract::engine::{Generation, Line};
use diffusion_rs_sys as library;

use self::{inputs::Inputs, params::Params, pictures::Pictures, plan::Plan};
use crate::{
    callbacks::{self, Batch, Work},
    context::Context,
    failure::Failure,
    output::Output,
};

/// Makes the pictures of a generation and writes each of them. `bytes` are those of its pictures, in their order.
pub(crate) fn make_pictures(
    context: &Context,
    generation: &Generation,
    bytes: Vec<Vec<u8>>,
    output: &Output,
) -> Result<(), Failure> {
    let inputs = Inputs::take(generation, bytes).map_err(Failure::of_the_command)?;
    let plan = Plan::of(generation);
    let (width, height) =
        generation.hires.as_ref().map_or((generation.width, generation.height), |hires| (hires.width, hires.height));
    let mut index = 0;
    for (seed, count) in series(generation.seed, generation.batch_count) {
        if callbacks::is_cancelled() {
            return Err(Failure::from("cancelled".to_owned()));
        }
        callbacks::begin(Work::Generating(Batch { plan, first: index, count, all: generation.batch_count }));
        let pictures = run(context, generation, &inputs, seed, count)?;
        callbacks::fail_if_complained().map_err(Failure::of_the_command)?;
        callbacks::fail_without_effect(&generation.loras).map_err(Failure::of_the_command)?;
        for (picture, seed) in pictures.checked(width, height)?.into_iter().zip(seed..=u32::MAX) {
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
    let generation = serde_json::json!({
        "prompt": "warm", "negative_prompt": "", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0,
        "distilled_guidance": 1.0, "seed": 0, "batch_count": 1, "clip_skip": 0, "strength": 1.0,
    });
    let generation: Generation = serde_json::from_value(generation).map_err(|error| error.to_string())?;
    run(context, &generation, &Inputs::default(), 0, 1).map(drop)
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
fn run(
    context: &Context,
    generation: &Generation,
    inputs: &Inputs,
    seed: u32,
    count: u32,
) -> Result<Pictures, String> {
    let params = Params::new(generation, inputs, seed, count)?;
    // SAFETY: every pointer in the parameters is null or points at what they own or borrow.
    let images = unsafe { library::generate_image(context.as_ptr(), &raw const params.raw) };
    match NonNull::new(images) {
        Some(images) => Ok(Pictures::several(images, count)),
        None if callbacks::is_cancelled() => Err("cancelled".to_owned()),
        None => Err(callbacks::complaints()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_where_its_seeds_begin_again() {
        assert_eq!(series(7, 4), [(7, 4)]);
        assert_eq!(series(u32::MAX, 1), [(u32::MAX, 1)]);
        assert_eq!(series(u32::MAX - 1, 4), [(u32::MAX - 1, 2), (0, 2)]);
        assert_eq!(series(0, 16), [(0, 16)]);
    }
}
