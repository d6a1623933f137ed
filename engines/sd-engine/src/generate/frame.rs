//! Sizes that a model cannot paint: U-Nets paint in steps of 64 pixels, some transformers in steps of 32.
//!
//! The library would make the picture larger and say nothing. So a picture gets a margin on all sides before it is painted,
//! drawn out from its edges, which is cut off from what comes back.

use contract::engine::Generation;

/// A picture with its margins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What was asked for.
    inner: (u32, u32),
    /// What is painted.
    outer: (u32, u32),
    /// What comes out of a second pass, or the same as `inner` without one.
    inner_result: (u32, u32),
    outer_result: (u32, u32),
}

impl Frame {
    /// Returns the frame of a generation by a model that paints in steps of so many pixels.
    pub(crate) fn of(generation: &Generation, step_px: u32) -> Self {
        let inner = (generation.width, generation.height);
        let outer = (inner.0.next_multiple_of(step_px), inner.1.next_multiple_of(step_px));
        let Some(hires) = &generation.hires else {
            return Self { inner, outer, inner_result: inner, outer_result: outer };
        };
        // The margins grow with the picture.
        let larger = |result: u32, inner: u32, outer: u32| {
            let side = u64::from(result) * u64::from(outer) / u64::from(inner.max(1));
            u32::try_from(side).unwrap_or(u32::MAX / 2).next_multiple_of(step_px)
        };
        let outer_result = (larger(hires.width, inner.0, outer.0), larger(hires.height, inner.1, outer.1));
        Self { inner, outer, inner_result: (hires.width, hires.height), outer_result }
    }

    /// Returns the generation with margins.
    pub(crate) fn widen(self, generation: &Generation) -> Generation {
        let mut wide = generation.clone();
        (wide.width, wide.height) = self.outer;
        if let Some(hires) = &mut wide.hires {
            (hires.width, hires.height) = self.outer_result;
        }
        wide
    }

    /// Returns the size that is painted first.
    pub(crate) fn painted(self) -> (u32, u32) {
        self.outer
    }

    /// Returns the size of the pictures that come back, with margins.
    pub(crate) fn result(self) -> (u32, u32) {
        self.outer_result
    }

    /// Returns the size of the pictures without margins.
    pub(crate) fn size(self) -> (u32, u32) {
        self.inner_result
    }

    /// Adds the margins to a picture of `channels`, drawn out from its edges.
    pub(crate) fn pad(self, bytes: Vec<u8>, channels: usize) -> Vec<u8> {
        if self.inner == self.outer {
            return bytes;
        }
        let columns = places(self.inner.0, self.outer.0);
        let row_bytes = self.inner.0 as usize * channels;
        let mut padded = Vec::with_capacity(self.outer.0 as usize * self.outer.1 as usize * channels);
        for row in places(self.inner.1, self.outer.1) {
            let row = &bytes[row * row_bytes..(row + 1) * row_bytes];
            columns
                .iter()
                .for_each(|column| padded.extend_from_slice(&row[column * channels..(column + 1) * channels]));
        }
        padded
    }

    /// Cuts the margins off a finished picture.
    pub(crate) fn cut(self, rgb: &[u8]) -> Vec<u8> {
        let ((width, height), (outer_width, outer_height)) = (self.inner_result, self.outer_result);
        let (left, top) = ((outer_width - width) / 2, (outer_height - height) / 2);
        let rows = rgb.chunks_exact(outer_width as usize * 3).skip(top as usize).take(height as usize);
        let inside = left as usize * 3..(left + width) as usize * 3;
        rows.flat_map(|row| row[inside.clone()].iter().copied()).collect()
    }
}

/// Returns for each place along the outer side which place of the inner side it is drawn from.
fn places(inner: u32, outer: u32) -> Vec<usize> {
    let before = (outer - inner) / 2;
    (0..outer).map(|place| place.saturating_sub(before).min(inner - 1) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn generation(width: u32, height: u32, hires: serde_json::Value) -> Generation {
        let all = serde_json::json!({
            "prompt": "x", "negative_prompt": "", "width": width, "height": height, "steps": 1, "cfg_scale": 1.0,
            "distilled_guidance": 1.0, "seed": 1, "batch_count": 1, "clip_skip": 0, "strength": 0.5, "hires": hires,
        });
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_size_that_the_model_paints_gets_no_margin() {
        let asked = generation(128, 64, serde_json::Value::Null);
        let frame = Frame::of(&asked, 64);
        assert_eq!(frame.widen(&asked), asked);
        assert_eq!((frame.size(), frame.result()), ((128, 64), (128, 64)));
        assert_eq!(frame.pad(vec![7; 3], 3), [7; 3]);
    }

    #[test]
    fn margins_are_drawn_out_from_the_edges_and_cut_off_again() {
        let asked = generation(2, 1, serde_json::Value::Null);
        let frame = Frame::of(&asked, 4);
        assert_eq!((frame.widen(&asked).width, frame.widen(&asked).height), (4, 4));
        let padded = frame.pad(vec![1, 2, 3, 7, 8, 9], 3);
        assert_eq!(padded, [[1, 2, 3, 1, 2, 3, 7, 8, 9, 7, 8, 9]; 4].concat());
        assert_eq!(frame.pad(vec![0, 255], 1), [[0, 0, 255, 255]; 4].concat());
        assert_eq!(frame.cut(&padded), [1, 2, 3, 7, 8, 9]);
    }

    #[test]
    fn margins_grow_with_the_picture() {
        let upscaler = serde_json::json!({"type": "built_in", "name": "latent"});
        let hires = serde_json::json!({"width": 160, "height": 128, "upscaler": upscaler, "steps": 0, "strength": 0.5});
        let asked = generation(80, 64, hires);
        let frame = Frame::of(&asked, 64);
        let wide = frame.widen(&asked);
        assert_eq!((wide.width, wide.height), (128, 64));
        assert_eq!((frame.size(), frame.result()), ((160, 128), (256, 128)));
        assert_eq!(wide.hires.map(|hires| (hires.width, hires.height)), Some((256, 128)));
        assert_eq!(frame.cut(&vec![0; 256 * 128 * 3]).len(), 160 * 128 * 3);
    }
}
