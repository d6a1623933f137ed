//! The groups of a fault run: small grids, some of whose cells are refused or fail at first.

use contract::GroupId;
use fastrand::Rng;
use serde_json::{Value, json};

use super::Manner;
use crate::plan::Engine;

/// A group that a client sent, and what it was promised.
#[derive(Debug, Clone)]
pub struct GroupSubmission {
    /// The id in the API's answer.
    pub id: GroupId,
    /// How many cells it has.
    pub cells: usize,
    /// Whether a client asked for its end.
    pub is_cancelled: bool,
}

/// Returns how likely it is that a group follows upon a job.
pub(super) fn likelihood(engine: Engine) -> f64 {
    match engine {
        Engine::Scripted(_) => 0.12,
        // Each cell takes it half a second of computing.
        Engine::StableDiffusion => 0.06,
    }
}

/// Returns the request of a group, and how many cells it has.
pub(super) fn draw(name: &str, engine: Engine, models: &[String], chance: &mut Rng) -> (Value, usize) {
    let manners: &[Manner] = match engine {
        Engine::Scripted(_) => &[Manner::Plain, Manner::Flaky, Manner::Refused],
        Engine::StableDiffusion => &[Manner::Plain],
    };
    let prompts: Vec<String> = manners.iter().map(|manner| format!("{name}{}", manner.directive())).collect();
    let seeds = [chance.u32(..1 << 31), chance.u32(..1 << 31)];
    let cells = prompts.len() * seeds.len();
    let group = json!({
        "title": name,
        "base": {
            "kind": "text_to_image", "prompt": name, "model": &models[chance.usize(..models.len())],
            "steps": 2, "cfg_scale": 1.0, "width": 64, "height": 64,
        },
        "axes": [{ "field": "seed", "values": seeds }, { "field": "prompt", "values": prompts }],
    });
    (group, cells)
}
