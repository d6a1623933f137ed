//! The eye of the tiny language model: what llama.cpp calls a multimodal projector. Random weights: it sees something, and
//! nobody knows what.

use crate::tiny_models::{gguf::Gguf, random::Random};

/// Width of what it sees.
const WIDTH: usize = 64;
/// Width inside the feed-forward part.
const INNER: usize = 128;
/// Side of a picture.
const SIDE: usize = 64;
/// Side of the squares that a picture is cut into.
const SQUARE: usize = 16;
const SQUARES: usize = (SIDE / SQUARE) * (SIDE / SQUARE);

/// Returns the eye for a model of this width.
pub(in crate::tiny_models) fn eye(model_width: usize) -> Gguf {
    let mut file = Gguf::default();
    file.set_text("general.architecture", "clip");
    file.set_text("general.name", "Atelier smoke");
    file.set_flag("clip.has_vision_encoder", true);
    file.set_text("clip.projector_type", "janus_pro");
    file.set_flag("clip.use_gelu", true);
    let sizes = [
        ("image_size", SIDE),
        ("patch_size", SQUARE),
        ("embedding_length", WIDTH),
        ("feed_forward_length", INNER),
        ("block_count", 1),
        ("projection_dim", model_width),
        ("attention.head_count", 2),
    ];
    sizes.iter().for_each(|(key, size)| file.set_number(&format!("clip.vision.{key}"), *size));
    file.set_real("clip.vision.attention.layer_norm_epsilon", 1e-6);
    ["image_mean", "image_std"]
        .iter()
        .for_each(|key| file.set_reals(&format!("clip.vision.{key}"), [0.5; 3].into_iter()));
    add_tensors(&mut file, model_width);
    file
}

fn add_tensors(file: &mut Gguf, model_width: usize) {
    let random = &mut Random::new(12);
    let colours = 3 * SQUARE * SQUARE;
    file.add_f32("v.patch_embd.weight", &[WIDTH, 3, SQUARE, SQUARE], &random.matrix(WIDTH, colours, 1.0));
    file.add_even("v.patch_embd.bias", WIDTH, 0.0);
    file.add_f32("v.position_embd.weight", &[SQUARES, WIDTH], &random.matrix(SQUARES, WIDTH, 0.1));
    let mut matrix = |name: &str, rows: usize, columns: usize| {
        file.add_f32(format!("{name}.weight"), &[rows, columns], &random.matrix(rows, columns, 1.0));
        file.add_even(format!("{name}.bias"), rows, 0.0);
    };
    ["attn_q", "attn_k", "attn_v", "attn_out"].iter().for_each(|name| matrix(&format!("v.blk.0.{name}"), WIDTH, WIDTH));
    matrix("v.blk.0.ffn_up", INNER, WIDTH);
    matrix("v.blk.0.ffn_down", WIDTH, INNER);
    matrix("mm.0", WIDTH, WIDTH);
    matrix("mm.1", model_width, WIDTH);
    for name in ["v.post_ln", "v.blk.0.ln1", "v.blk.0.ln2"] {
        file.add_even(format!("{name}.weight"), WIDTH, 1.0);
        file.add_even(format!("{name}.bias"), WIDTH, 0.0);
    }
}
