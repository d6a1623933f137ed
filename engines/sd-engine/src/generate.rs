//! Pictures from words, and from other pictures.

#![allow(unsafe_code, reason = "calls into C++")]

mod frame;
pub(crate) mod inputs;
mod params;
pub(crate) mod plan;

mod names;
pub(crate) mod pictures;

use std::ptr::NonNull;

use contract::engine::{Generation, Line};
use diffusion_rs_sys as library;

use self::{frame::Frame, inputs::Inputs, params::Params, pictures::Pictures, plan::Plan};
use crate::{
    callbacks::{self, Batch, Work},
    context::Context,
    failure::Failure,
    output::Output,
};

/// A width that tells by what the library makes of it in which steps the model paints.
const TRIAL_PX: u32 = 80;

/// Makes the pictures of a generation and writes each of them. `bytes` are those of its pictures, in their order.
pub(crate) fn make_pictures(
    context: &Context,
    generation: &Generation,
    bytes: Vec<Vec<u8>>,
    output: &Output,
) -> Result<(), Failure> {
    let frame = Frame::of(generation, context.step_px);
    let inputs = Inputs::take(generation, bytes).map_err(Failure::of_the_command)?.framed(frame);
    let plan = Plan::of(generation);
    let wide = frame.widen(generation);
    let mut index = 0;
    for (seed, count) in series(generation.seed, generation.batch_count) {
        if callbacks::is_cancelled() {
            return Err(Failure::from("cancelled".to_owned()));
        }
        callbacks::begin(Work::Generating(Batch { plan, first: index, count, all: generation.batch_count }));
        let pictures = run(context, &wide, &inputs, seed, count)?;
        callbacks::fail_if_complained().map_err(Failure::of_the_command)?;
        callbacks::fail_without_effect(&generation.loras).map_err(Failure::of_the_command)?;
        for (picture, seed) in pictures.checked(frame.result())?.into_iter().zip(seed..=u32::MAX) {
            let ((width, height), rgb) = (frame.size(), frame.cut(picture.rgb));
            let size_bytes = u64::try_from(rgb.len()).unwrap_or(u64::MAX);
            output.write(&Line::Image { index, seed, width, height, size_bytes }, &rgb);
            index += 1;
        }
    }
    Ok(())
}

/// Makes a small picture, throws it away, and returns in steps of how many pixels the model paints.
///
/// The library reads the weights only when they are first needed. A model counts as loaded when they are in memory and one
/// picture has come out: what is broken in the files shows here and not in somebody's job.
pub(crate) fn warm_up(context: &Context) -> Result<u32, String> {
    let generation = serde_json::json!({
        "prompt": "warm", "negative_prompt": "", "width": TRIAL_PX, "height": 64, "steps": 1, "cfg_scale": 1.0,
        "distilled_guidance": 1.0, "seed": 0, "batch_count": 1, "clip_skip": 0, "strength": 1.0,
    });
    let generation: Generation = serde_json::from_value(generation).map_err(|error| error.to_string())?;
    let pictures = run(context, &generation, &Inputs::default(), 0, 1)?;
    let step_px = [16, 32, 64].into_iter().find(|step_px| pictures.has_width(TRIAL_PX.next_multiple_of(*step_px)));
    step_px.ok_or_else(|| "the library made a picture of a size of its own".to_owned())
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
fn run(context: &Context, generation: &Generation, inputs: &Inputs, seed: u32, count: u32) -> Result<Pictures, String> {
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
