//! Turns an Engine into a worker: lease, run, report, drain. Holds ScriptedEngine.

pub mod engine;
mod pace;
mod progress;
mod residency;
pub mod scripted;

pub use engine::{Engine, EngineDescription, EngineError, Picture, Run};
pub use scripted::ScriptedEngine;
