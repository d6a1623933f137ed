//! Turns an Engine into a worker: lease, run, report, drain. Holds ScriptedEngine.

pub mod engine;

pub use engine::{Engine, EngineDescription, EngineError, Picture, Run};
