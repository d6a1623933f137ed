//! The autoencoder, in the form of TAESD. Nothing random: a latent is the mean colour of its pixels, and back.

use super::tensors::Tensors;

/// Channels inside.
const WIDTH: usize = 64;
/// Channels of the latents; they take turns in red, green and blue.
const LATENTS: usize = 32;
/// How much larger a latent is than a colour.
const GAIN: f32 = 4.0;
/// A 3 × 3 kernel that keeps the pixel.
const KEEP: [f32; 9] = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
/// A 3 × 3 kernel that blurs.
const BLUR: [f32; 9] = [0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625];
/// A 3 × 3 kernel that takes the mean of the 2 × 2 pixels which become one.
const HALVE: [f32; 9] = [0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.0, 0.25, 0.25];

/// Returns the model.
pub(super) fn model() -> Tensors {
    let mut tensors = Tensors::default();
    add_decoder(&mut tensors);
    add_encoder(&mut tensors);
    tensors
}

fn add_decoder(tensors: &mut Tensors) {
    let latents_of_a_colour = |colour| (0..LATENTS).filter(|latent| latent % 3 == colour).count() as f32;
    let to_colours = kernels(WIDTH, LATENTS, |out, latent| {
        (out == latent % 3).then(|| scaled(&KEEP, 1.0 / GAIN / latents_of_a_colour(out)))
    });
    let middle_grey: Vec<f32> = (0..WIDTH).map(|channel| if channel < 3 { 0.5 } else { 0.0 }).collect();
    add_layer(tensors, "decoder.layers.0", &to_colours, &middle_grey, LATENTS);
    for layer in [2, 3, 4] {
        add_still_block(tensors, &format!("decoder.layers.{layer}"));
        add_still_pool(tensors, &format!("decoder.layers.{layer}"));
    }
    for (resize, blocks) in [(6, [7, 8, 9].as_slice()), (11, &[12, 13, 14]), (16, &[17])] {
        add_colour_filter(tensors, &format!("decoder.layers.{resize}"), &BLUR);
        blocks.iter().for_each(|layer| add_still_block(tensors, &format!("decoder.layers.{layer}")));
    }
    let out = kernels(3, WIDTH, |out, channel| (out == channel).then_some(KEEP));
    add_layer(tensors, "decoder.layers.18", &out, &[0.0; 3], WIDTH);
}

fn add_encoder(tensors: &mut Tensors) {
    let into = kernels(WIDTH, 3, |out, colour| (out == colour).then_some(KEEP));
    add_layer(tensors, "encoder.layers.0", &into, &[0.0; WIDTH], 3);
    add_still_block(tensors, "encoder.layers.1");
    for (resize, blocks) in [(2, [3, 4, 5]), (6, [7, 8, 9]), (10, [11, 12, 13])] {
        add_colour_filter(tensors, &format!("encoder.layers.{resize}"), &HALVE);
        for layer in blocks {
            add_still_block(tensors, &format!("encoder.layers.{layer}"));
        }
    }
    for layer in [11, 12, 13] {
        add_still_pool(tensors, &format!("encoder.layers.{layer}"));
    }
    let to_latents = kernels(LATENTS, WIDTH, |latent, colour| (colour == latent % 3).then(|| scaled(&KEEP, GAIN)));
    add_layer(tensors, "encoder.layers.14", &to_latents, &[-0.5 * GAIN; LATENTS], WIDTH);
}

/// Adds a block whose convolutions are 0, so that its input passes by them.
fn add_still_block(tensors: &mut Tensors, name: &str) {
    let nothing = kernels(WIDTH, WIDTH, |_, _| None);
    for layer in [0, 2, 4] {
        add_layer(tensors, &format!("{name}.conv.{layer}"), &nothing, &[0.0; WIDTH], WIDTH);
    }
}

/// Adds the part that a block in the middle has besides, 0 as well.
fn add_still_pool(tensors: &mut Tensors, name: &str) {
    let inner = 4 * WIDTH;
    let nothing = vec![0.0; WIDTH * inner];
    tensors.add_f16(format!("{name}.pool.0.weight"), &[inner, WIDTH, 1, 1], &nothing);
    tensors.add_even(format!("{name}.pool.1.weight"), inner, 1.0);
    tensors.add_even(format!("{name}.pool.1.bias"), inner, 0.0);
    tensors.add_f16(format!("{name}.pool.3.weight"), &[WIDTH, inner, 1, 1], &nothing);
}

/// Adds a convolution without bias that treats each colour by itself.
fn add_colour_filter(tensors: &mut Tensors, name: &str, kernel: &[f32; 9]) {
    let weights = kernels(WIDTH, WIDTH, |out, channel| (out == channel && out < 3).then_some(*kernel));
    tensors.add_f16(format!("{name}.weight"), &[WIDTH, WIDTH, 3, 3], &weights);
}

fn add_layer(tensors: &mut Tensors, name: &str, weights: &[f32], bias: &[f32], inputs: usize) {
    tensors.add_f16(format!("{name}.weight"), &[bias.len(), inputs, 3, 3], weights);
    tensors.add_f32(format!("{name}.bias"), &[bias.len()], bias);
}

/// Returns the 3 × 3 kernels of a convolution; `None` is a kernel of zeros.
pub(super) fn kernels(outputs: usize, inputs: usize, kernel: impl Fn(usize, usize) -> Option<[f32; 9]>) -> Vec<f32> {
    let places = (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input)));
    places.flat_map(|(output, input)| kernel(output, input).unwrap_or_default()).collect()
}

fn scaled(kernel: &[f32; 9], factor: f32) -> [f32; 9] {
    kernel.map(|value| value * factor)
}
