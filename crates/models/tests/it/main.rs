//! The library of models at its door: true files, files that went wrong, files that mean harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod add_ons;
mod build;
mod gguf;
mod library;
mod llm;
mod llm_memory;
mod memory;
mod noise;
mod safetensors;
mod sidecar;
mod strangers;
