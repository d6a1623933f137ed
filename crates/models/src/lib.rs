//! Model files on disk: scan, headers of safetensors and GGUF, sidecars.
//!
//! ```text
//! <models_dir>/checkpoints/**/*.safetensors, *.gguf    a model in one file; its id is the path below checkpoints, without ending
//! <models_dir>/checkpoints/**/*.json                   a model of several files, named by paths relative to the .json
//! <models_dir>/llm/**/*.gguf                            a language model, whole or in parts; <model>.json beside it is its preset
//! <models_dir>/lora/**, esrgan/**, embeddings/**        what adds to models; ids are paths below the folder, without ending
//! ```
//! Every file is judged by its content, here, before any C++ sees it: parsers of model files have been the way into other
//! servers, and most broken files are downloads that went wrong, which deserves better words than a crash.

pub mod header;
mod library;
pub mod memory;

pub use library::{AddOnFile, Error, Library, UsableModel, llm};
