//! The upscaler in memory, and what it makes.

#![allow(unsafe_code, reason = "calls into C++")]

use std::ptr::{NonNull, null};

use contract::engine::{LARGEST_PICTURE_BYTES, Line, RawPicture, Stage};
use diffusion_rs_sys as library;

use crate::{
    callbacks::{self, Work},
    context::Texts,
    failure::Failure,
    generate::{inputs, pictures::Pictures},
    output::Output,
};

/// Side of the picture that tries the upscaler out.
const TRIAL_PX: u32 = 16;

/// A loaded upscaler. The memory goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Upscaler {
    pointer: NonNull<library::upscaler_ctx_t>,
    factor: u32,
}

impl Upscaler {
    /// Loads an upscaler. It counts as loaded when a small picture has come out: what is broken in the file shows here and
    /// not in somebody's job.
    pub(crate) fn load(path: &str, threads: u32, tile_size: u32) -> Result<Self, String> {
        let mut texts = Texts::default();
        callbacks::begin(Work::Loading);
        let threads = i32::try_from(threads.max(1)).unwrap_or(i32::MAX);
        let tile_size = i32::try_from(tile_size).unwrap_or(i32::MAX);
        let path = texts.keep(Some(path))?;
        let is_direct = false;
        // SAFETY: the path ends with a zero byte and outlives the call; null means the library's own choice of devices.
        let pointer = unsafe { library::new_upscaler_ctx(path, is_direct, threads, tile_size, null(), null()) };
        let pointer = NonNull::new(pointer).ok_or_else(callbacks::complaints)?;
        // SAFETY: the pointer is the library's own and alive.
        let factor = unsafe { library::get_upscale_factor(pointer.as_ptr()) };
        let factor = u32::try_from(factor).ok().filter(|factor| *factor > 0);
        let upscaler = Self { pointer, factor: factor.ok_or("the upscaler has no factor")? };
        let grey = vec![128; (TRIAL_PX * TRIAL_PX * 3) as usize];
        upscaler.run(TRIAL_PX, TRIAL_PX, &grey).map(drop)?;
        Ok(upscaler)
    }

    /// Returns how many times as wide and high pictures become.
    pub(crate) fn factor(&self) -> u32 {
        self.factor
    }

    /// Enlarges a picture and writes it.
    pub(crate) fn enlarge(&self, picture: RawPicture, bytes: Vec<Vec<u8>>, output: &Output) -> Result<(), Failure> {
        let [rgb] = <[Vec<u8>; 1]>::try_from(bytes).map_err(|_| "one picture is enlarged at a time".to_owned())?;
        inputs::check("the picture", picture, 3).map_err(Failure::of_the_command)?;
        callbacks::begin(Work::Upscaling);
        output.post(Line::Progress { stage: Stage::Upscaling, step: 0, steps: 0 });
        let made = self.run(picture.width, picture.height, &rgb)?;
        for pixels in made.checked((picture.width * self.factor, picture.height * self.factor))? {
            let size_bytes = u64::try_from(pixels.rgb.len()).unwrap_or(u64::MAX);
            let line = Line::Image { index: 0, seed: 0, width: pixels.width, height: pixels.height, size_bytes };
            output.write(&line, pixels.rgb);
        }
        Ok(())
    }

    /// Runs the library.
    fn run(&self, width: u32, height: u32, rgb: &[u8]) -> Result<Pictures, String> {
        let pixels = u64::from(width) * u64::from(height) * u64::from(self.factor) * u64::from(self.factor);
        if pixels * 3 > LARGEST_PICTURE_BYTES {
            return Err(format!("{width} × {height} pixels are too many to make them {} times as wide", self.factor));
        }
        let input = library::sd_image_t { width, height, channel: 3, data: rgb.as_ptr().cast_mut() };
        // SAFETY: the library only reads the pixels, of which there are as many as the size says.
        let image = unsafe { library::upscale(self.pointer.as_ptr(), input, self.factor) };
        let made = Pictures::single(image);
        callbacks::fail_if_complained()?;
        Ok(made)
    }
}

impl Drop for Upscaler {
    fn drop(&mut self) {
        // SAFETY: made by `new_upscaler_ctx`, freed once.
        unsafe { library::free_upscaler_ctx(self.pointer.as_ptr()) }
    }
}
