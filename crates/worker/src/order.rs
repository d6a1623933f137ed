//! What an engine is asked for: the spec, and the pixels that it speaks of, ready to run.

use assets::picture::Pixels;
use contract::spec::JobSpec;

/// What an engine is asked for. The pictures are decoded, upright, and of the size that the engine paints.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What was asked for.
    pub spec: JobSpec,
    /// Width of the picture that the engine paints, a multiple of 16: not always that of the result.
    pub width: u32,
    /// Height of the picture that the engine paints, a multiple of 16.
    pub height: u32,
    /// The picture to begin with, or to enlarge. As large as the one that is painted, unless it is to be enlarged.
    pub image: Option<Pixels>,
    /// Where to paint anew: one byte a pixel of `image`, 255 is new and 0 stays.
    pub mask: Option<Vec<u8>>,
    /// The pictures that an instruction speaks of.
    pub references: Vec<Pixels>,
}

impl Order {
    /// Returns an order that names no pictures.
    #[must_use]
    pub fn without_pictures(spec: JobSpec, width: u32, height: u32) -> Self {
        Self { spec, width, height, image: None, mask: None, references: Vec::new() }
    }

    /// Returns the size of the pictures that come out of the engine: that of the second pass, if there is one.
    #[must_use]
    pub fn painted_size(&self) -> (u32, u32) {
        self.spec.hires().map_or((self.width, self.height), |hires| {
            (larger(self.width, hires.scale), larger(self.height, hires.scale))
        })
    }
}

/// Returns the nearest side that can be painted: a multiple of 16.
fn larger(side: u32, scale: f64) -> u32 {
    let steps = (f64::from(side) * scale / 16.0).round();
    (steps as u32).max(1) * 16
}
