//! The picture engine with the real sd-engine and a tiny model.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod builds;
mod cancels;
mod crashes;
mod kinds;
mod loras;
mod memory;
mod orphans;
mod parameters;
mod progress;
mod residents;
mod service;
mod studio;
