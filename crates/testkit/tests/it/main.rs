//! The tiny language model in the real engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod llama_server;
mod server;
