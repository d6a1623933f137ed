//! The only crate that knows Valkey: publish, lease, finish, events, control.
//!
//! SQL is the queue of record; Valkey is delivery, leases and progress. Everything in Valkey can be deleted at any time.
//! Every change of more than one key is one function of the library in `functions/`, so no crash can leave half of it.
//!
//! ```text
//! (none) ─publish▶ queued ─lease▶ running(token) ─finish▶ done entry ─settle▶ (none)
//!                  queued ─cancel▶ done           running ─lease expired▶ running(new token) | dead | cancelled
//!                  queued ─recall▶ (none)         running ─release▶ queued
//! ```

pub mod check;
mod connection;
pub mod consumer;
pub mod depth;
pub mod done;
pub mod events;
mod error;
mod keys;
mod library;
pub mod preview;
pub mod publisher;
pub mod workers;

pub use connection::Queue;
pub use consumer::{Consumer, Lease};
pub use error::Error;
