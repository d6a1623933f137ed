//! The only crate that knows Valkey: publish, lease, finish, events, control.
//!
//! SQL is the queue of record; Valkey is delivery, leases and progress. Everything in Valkey can be deleted at any time.
//! Every change of more than one key is one function of the library in `functions/`, so no crash can leave half of it.
//!
//! ```text
//! (none) ─publish▶ queued ─lease▶ running(token) ─finish▶ done entry ─settle▶ (none)     finish_and_lease: both at once
//!                  queued ─cancel▶ done           running ─lease expired▶ running(new token) | dead | cancelled
//!                  queued ─recall▶ (none)         running ─release▶ queued
//! ```
//!
//! Text jobs are not in SQL: where the picture says "done entry", they are gone, and whoever asked hears of it (`text`).

pub mod check;
mod connection;
pub mod consumer;
pub mod depth;
pub mod done;
mod error;
pub mod events;
mod heart;
mod keys;
pub mod lease;
pub mod library;
pub mod memory;
pub mod preview;
pub mod publisher;
pub mod text;
mod work;
pub mod workers;

pub use connection::Queue;
pub use consumer::{Affinity, Consumer};
pub use depth::Depth;
pub use done::{DoneEntry, DoneReader, Outcome};
pub use error::{Cause, Error};
pub use events::{EventReader, Snapshot};
pub use lease::{Accepted, Ending, Lease};
pub use publisher::{Cancelled, Publication};
pub use text::{Reply, TextEnd};
pub use work::Work;
