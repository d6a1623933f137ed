//! The whole system through its doors, as a client sees it: real processes, HTTP, WebSocket, the command line.
//!
//! `cargo build --workspace --exclude sd-engine` first; the tests in `sd_engine`, `llama_server`, `text` and `prompts` also need `cargo xtask engines`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod assets;
mod bad_input;
mod bad_models;
mod cancelling;
mod command_line;
mod devices;
mod fit;
mod groups;
mod idempotency;
mod keys;
mod kinds;
mod lifecycle;
mod live;
mod llama_server;
mod operations;
mod order;
mod pictures;
mod prompts;
mod sd_engine;
mod several;
mod survival;
mod tagging;
mod text;

use std::time::Duration;

/// How long anything may take, on a machine that compiles something else beside.
const LIMIT: Duration = Duration::from_secs(60);
