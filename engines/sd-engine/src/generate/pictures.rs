//! What the library returns, checked: it may hand out less than was asked for and call it success.

#![allow(unsafe_code, reason = "memory that C++ allocated")]

use std::{ffi::c_void, ptr::NonNull};

use diffusion_rs_sys as library;

/// Pictures in the library's memory, which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Pictures(Memory);

#[derive(Debug)]
enum Memory {
    /// An array, and how many there are in it.
    Many(NonNull<library::sd_image_t>, u32),
    /// One whose description is ours and whose pixels are the library's.
    One(library::sd_image_t),
}

/// One finished picture.
#[derive(Debug)]
pub(crate) struct Pixels<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgb: &'a [u8],
}

impl Pictures {
    /// Takes over an array that `generate_image` returned.
    pub(super) fn several(images: NonNull<library::sd_image_t>, count: u32) -> Self {
        Self(Memory::Many(images, count))
    }

    /// Takes over a picture that `upscale` returned.
    pub(crate) fn single(image: library::sd_image_t) -> Self {
        Self(Memory::One(image))
    }

    /// Returns whether all pictures are so wide.
    pub(super) fn has_width(&self, width: u32) -> bool {
        self.images().iter().all(|image| image.width == width)
    }

    /// Returns the pictures, if each of them is there and as large as it should be.
    pub(crate) fn checked(&self, (width, height): (u32, u32)) -> Result<Vec<Pixels<'_>>, String> {
        let checked = self.images().iter().zip(1..).map(|(image, number)| {
            if image.data.is_null() {
                return Err(format!("the library left out picture {number}"));
            }
            if (image.width, image.height, image.channel) != (width, height, 3) {
                return Err(format!(
                    "the library made {} × {} pixels of {} channels instead of {width} × {height} of 3",
                    image.width, image.height, image.channel
                ));
            }
            let size = image.width as usize * image.height as usize * 3;
            // SAFETY: the library allocated a byte for every pixel and channel, alive as long as `self`.
            let rgb = unsafe { std::slice::from_raw_parts(image.data, size) };
            Ok(Pixels { width: image.width, height: image.height, rgb })
        });
        checked.collect()
    }

    fn images(&self) -> &[library::sd_image_t] {
        match &self.0 {
            // SAFETY: the library returns as many as were asked for.
            Memory::Many(images, count) => unsafe { std::slice::from_raw_parts(images.as_ptr(), *count as usize) },
            Memory::One(image) => std::slice::from_ref(image),
        }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        unsafe extern "C" {
            fn free(pointer: *mut c_void);
        }
        match &self.0 {
            // SAFETY: made by `generate_image`, freed once; the count is at most 16.
            Memory::Many(images, count) => unsafe {
                library::free_sd_images(images.as_ptr(), i32::try_from(*count).unwrap_or_default());
            },
            // SAFETY: the library allocates pixels with `malloc`, and `free` takes null, too.
            Memory::One(image) => unsafe { free(image.data.cast()) },
        }
    }
}
