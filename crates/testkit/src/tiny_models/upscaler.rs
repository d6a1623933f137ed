//! Upscalers in the form of ESRGAN. Nothing random: each pixel becomes a square.

use super::{autoencoder::kernels, tensors::Tensors};

/// Channels between the blocks.
const WIDTH: usize = 64;
/// Channels that each convolution inside a block adds.
const GROWTH: usize = 32;
/// A 3 × 3 kernel that keeps the pixel.
const KEEP: [f32; 9] = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];

/// Returns an upscaler by 4.
pub(super) fn times_4() -> Tensors {
    let mut tensors = Tensors::default();
    add_colours(&mut tensors, "conv_first", WIDTH, 3);
    for part in 1..=3 {
        for layer in 1..=5 {
            let outputs = if layer == 5 { WIDTH } else { GROWTH };
            add_nothing(&mut tensors, &format!("body.0.rdb{part}.conv{layer}"), outputs, WIDTH + GROWTH * (layer - 1));
        }
    }
    add_nothing(&mut tensors, "conv_body", WIDTH, WIDTH);
    for name in ["conv_up1", "conv_up2", "conv_hr"] {
        add_colours(&mut tensors, name, WIDTH, WIDTH);
    }
    add_colours(&mut tensors, "conv_last", 3, WIDTH);
    tensors
}

/// Returns an upscaler by 2: the same without the second doubling.
pub(super) fn times_2() -> Tensors {
    times_4().without("conv_up2")
}

/// Adds a convolution that hands on the three colours.
fn add_colours(tensors: &mut Tensors, name: &str, outputs: usize, inputs: usize) {
    let weights = kernels(outputs, inputs, |output, input| (output == input && output < 3).then_some(KEEP));
    add(tensors, name, outputs, inputs, &weights);
}

/// Adds a convolution whose result is 0.
fn add_nothing(tensors: &mut Tensors, name: &str, outputs: usize, inputs: usize) {
    add(tensors, name, outputs, inputs, &kernels(outputs, inputs, |_, _| None));
}

fn add(tensors: &mut Tensors, name: &str, outputs: usize, inputs: usize, weights: &[f32]) {
    tensors.add_f16(format!("{name}.weight"), &[outputs, inputs, 3, 3], weights);
    tensors.add_even(format!("{name}.bias"), outputs, 0.0);
}
