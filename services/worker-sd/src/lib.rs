//! The picture worker: drives sd-engine, or the scripted engine.

pub mod choice;
pub mod config;
pub mod sd;
