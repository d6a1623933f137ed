//! The diffusion transformer: one double block, one single block, one head. And a LoRA for it.

use super::{HIDDEN, LATENT, TEXT, random::Random, tensors::Tensors};

/// Length of the encoding of the time step.
const TIME: usize = 256;
/// Width inside the feed-forward parts.
const INNER: usize = 3 * HIDDEN;
/// Rank of the LoRA.
const RANK: usize = 4;

/// Returns the model. Random weights, but for two identities: latents pass through, and the result is noise minus picture,
/// so that the sampler comes to an end.
pub(super) fn model() -> Tensors {
    let random = &mut Random::new(7);
    let mut tensors = Tensors::default();
    tensors.add_f16("img_in.weight", &[HIDDEN, LATENT], &sum(&identity(), &random.normal(0.02, HIDDEN * LATENT)));
    add_matrix(&mut tensors, random, "txt_in.weight", HIDDEN, TEXT, 3.0);
    add_matrix(&mut tensors, random, "time_in.in_layer.weight", HIDDEN, TIME, 1.0);
    add_matrix(&mut tensors, random, "time_in.out_layer.weight", HIDDEN, HIDDEN, 1.0);
    for stream in ["img", "txt"] {
        let name = format!("double_stream_modulation_{stream}.lin.weight");
        add_matrix(&mut tensors, random, &name, 6 * HIDDEN, HIDDEN, 0.3);
    }
    add_matrix(&mut tensors, random, "single_stream_modulation.lin.weight", 3 * HIDDEN, HIDDEN, 0.3);
    for stream in ["img", "txt"] {
        let block = format!("double_blocks.0.{stream}");
        add_matrix(&mut tensors, random, &format!("{block}_attn.qkv.weight"), 3 * HIDDEN, HIDDEN, 1.5);
        add_matrix(&mut tensors, random, &format!("{block}_attn.proj.weight"), HIDDEN, HIDDEN, 6.0);
        tensors.add_even(format!("{block}_attn.norm.query_norm.scale"), HIDDEN, 1.0);
        tensors.add_even(format!("{block}_attn.norm.key_norm.scale"), HIDDEN, 1.0);
        add_matrix(&mut tensors, random, &format!("{block}_mlp.0.weight"), 2 * INNER, HIDDEN, 1.0);
        add_matrix(&mut tensors, random, &format!("{block}_mlp.2.weight"), HIDDEN, INNER, 1.0);
    }
    add_matrix(&mut tensors, random, "single_blocks.0.linear1.weight", 3 * HIDDEN + 2 * INNER, HIDDEN, 1.0);
    add_matrix(&mut tensors, random, "single_blocks.0.linear2.weight", HIDDEN, HIDDEN + INNER, 1.0);
    tensors.add_even("single_blocks.0.norm.query_norm.scale", HIDDEN, 1.0);
    tensors.add_even("single_blocks.0.norm.key_norm.scale", HIDDEN, 1.0);
    tensors.add_f16("final_layer.linear.weight", &[LATENT, HIDDEN], &read_out(random));
    add_matrix(&mut tensors, random, "final_layer.adaLN_modulation.1.weight", 2 * HIDDEN, HIDDEN, 0.2);
    tensors
}

/// Returns a LoRA that changes the picture visibly.
pub(super) fn lora() -> Tensors {
    let random = &mut Random::new(8);
    let mut tensors = Tensors::default();
    for layer in ["final_layer.linear", "double_blocks.0.img_attn.proj"] {
        let name = format!("diffusion_model.{layer}");
        add_matrix(&mut tensors, random, &format!("{name}.lora_A.weight"), RANK, HIDDEN, 3.0);
        add_matrix(&mut tensors, random, &format!("{name}.lora_B.weight"), LATENT, RANK, 3.0);
    }
    tensors
}

/// Returns the last layer: what came in, plus a tint that the latents of one colour share (else every colour would be noise
/// of its own and the mean grey), plus a little of everything.
fn read_out(random: &mut Random) -> Vec<f32> {
    let width = HIDDEN as f32;
    let tints = random.normal(1.4 / width.sqrt(), 3 * HIDDEN);
    let tinted: Vec<f32> = (0..LATENT)
        .flat_map(|channel| {
            // Four channels in a row are the 2 × 2 pixels of one latent, and latents take turns in the three colours.
            let colour = channel / 4 % 3;
            tints[colour * HIDDEN..(colour + 1) * HIDDEN].iter().copied()
        })
        .collect();
    sum(&sum(&identity(), &tinted), &random.normal(0.3 / width.sqrt(), LATENT * HIDDEN))
}

fn add_matrix(tensors: &mut Tensors, random: &mut Random, name: &str, rows: usize, columns: usize, gain: f32) {
    tensors.add_f16(name, &[rows, columns], &random.matrix(rows, columns, gain));
}

fn identity() -> Vec<f32> {
    (0..HIDDEN * LATENT).map(|place| if place / LATENT == place % LATENT { 1.0 } else { 0.0 }).collect()
}

fn sum(one: &[f32], other: &[f32]) -> Vec<f32> {
    one.iter().zip(other).map(|(one, other)| one + other).collect()
}
