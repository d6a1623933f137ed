//! Model files on disk: scan, headers of safetensors and GGUF, sidecars.

pub mod header;
mod library;

pub use library::{Error, Library};
