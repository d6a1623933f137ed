//! Whole-system tests over HTTP and WebSocket, and the fault run.
//!
//! Both start real processes: `cargo build --workspace --exclude sd-engine` first, which `cargo xtask test` does by itself.

pub mod child;
pub mod client;
pub mod faults;
pub mod files;
pub mod plan;
pub mod processes;
pub mod programs;
pub mod socket;
pub mod system;
pub mod usage;
pub mod wait;
