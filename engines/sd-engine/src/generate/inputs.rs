//! The pictures that come with a command, checked before C++ sees them.

use contract::engine::{Generation, RawPicture};
use diffusion_rs_sys as library;

use super::frame::Frame;

/// The pictures of one generation.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) init: Option<Input>,
    pub(crate) mask: Option<Input>,
    pub(crate) references: Vec<Input>,
}

/// A picture, or a mask of one channel.
#[derive(Debug)]
pub(crate) struct Input {
    size: RawPicture,
    channels: u32,
    bytes: Vec<u8>,
}

impl Inputs {
    /// Returns the same with margins around what is to be painted on. References have sizes of their own.
    pub(super) fn framed(self, frame: Frame) -> Self {
        let widen = |input: Input| input.framed(frame, frame.painted());
        Self { init: self.init.map(widen), mask: self.mask.map(widen), references: self.references }
    }

    /// Takes the pictures of a command, in its order.
    pub(crate) fn take(generation: &Generation, bytes: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut bytes = bytes.into_iter();
        let mut next = |name: &str, size, channels| Input::take(name, size, channels, bytes.next());
        let init = generation.init.map(|size| next("the picture to begin with", size, 3)).transpose()?;
        let mask = generation.mask.map(|size| next("the mask", size, 1)).transpose()?;
        let references = generation.references.iter().map(|size| next("a reference picture", *size, 3));
        let inputs = Self { init, mask, references: references.collect::<Result<_, _>>()? };
        if inputs.mask.is_some() && inputs.init.is_none() {
            return Err("there is a mask without a picture".to_owned());
        }
        for input in inputs.init.iter().chain(&inputs.mask) {
            let RawPicture { width, height, .. } = input.size;
            if (width, height) != (generation.width, generation.height) {
                return Err(format!(
                    "a picture of {width} × {height} pixels does not fit {} × {}",
                    generation.width, generation.height
                ));
            }
        }
        Ok(inputs)
    }
}

impl Input {
    fn framed(self, frame: Frame, size: (u32, u32)) -> Self {
        let bytes = frame.pad(self.bytes, self.channels as usize);
        let size = RawPicture { width: size.0, height: size.1, size_bytes: bytes.len() as u64 };
        Self { size, channels: self.channels, bytes }
    }

    fn take(name: &str, size: RawPicture, channels: u32, bytes: Option<Vec<u8>>) -> Result<Self, String> {
        check(name, size, channels)?;
        let bytes = bytes.filter(|bytes| bytes.len() as u64 == size.size_bytes);
        Ok(Self { size, channels, bytes: bytes.ok_or_else(|| format!("{name} did not come whole"))? })
    }

    /// Returns what the library calls a picture. It only reads the pixels, and only for as long as `self` lives.
    pub(crate) fn view(&self) -> library::sd_image_t {
        library::sd_image_t {
            width: self.size.width,
            height: self.size.height,
            channel: self.channels,
            data: self.bytes.as_ptr().cast_mut(),
        }
    }
}

/// Refuses a picture without pixels, and one whose bytes are not as many as its pixels.
pub(crate) fn check(name: &str, size: RawPicture, channels: u32) -> Result<(), String> {
    let RawPicture { width, height, size_bytes } = size;
    if width == 0 || height == 0 || size_bytes != u64::from(width) * u64::from(height) * u64::from(channels) {
        return Err(format!("{name} has {size_bytes} bytes for {width} × {height} pixels of {channels} channels"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn generation(changes: serde_json::Value) -> Generation {
        let mut all = serde_json::json!({
            "prompt": "x", "negative_prompt": "", "width": 2, "height": 1, "steps": 1, "cfg_scale": 1.0,
            "distilled_guidance": 1.0, "seed": 1, "batch_count": 1, "clip_skip": 0, "strength": 0.5,
        });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn every_picture_has_as_many_bytes_as_pixels_and_fits() {
        let size = |width, size_bytes| serde_json::json!({"width": width, "height": 1, "size_bytes": size_bytes});
        let fine = generation(serde_json::json!({
            "init": size(2, 6), "mask": size(2, 2), "references": [size(1, 3), size(3, 9)],
        }));
        let inputs = Inputs::take(&fine, vec![vec![1; 6], vec![2; 2], vec![3; 3], vec![4; 9]]).unwrap();
        assert_eq!((inputs.init.unwrap().bytes, inputs.mask.unwrap().bytes), (vec![1; 6], vec![2; 2]));
        assert_eq!(inputs.references[1].bytes, [4; 9]);

        let wrong = [
            (serde_json::json!({"init": size(2, 5)}), vec![vec![0; 5]]),
            (serde_json::json!({"init": size(2, 6)}), vec![]),
            (serde_json::json!({"init": size(3, 9)}), vec![vec![0; 9]]),
            (serde_json::json!({"mask": size(2, 2)}), vec![vec![0; 2]]),
            (serde_json::json!({"references": [size(0, 0)]}), vec![vec![]]),
        ];
        for (changes, bytes) in wrong {
            assert!(Inputs::take(&generation(changes.clone()), bytes).is_err(), "{changes}");
        }
    }
}
