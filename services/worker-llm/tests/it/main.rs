//! The text worker, as its program, with the real llama-server and a tiny model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod answers;
mod builds;
mod cancels;
mod crashes;
mod elsewhere;
mod memory;
mod salon;
mod service;
mod slots;
