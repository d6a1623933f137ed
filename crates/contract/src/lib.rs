//! What crosses a process border: jobs, events, assets, models, engine lines, problems. Data only.
//!
//! Every type here is read by at least two programs, and some of its JSON rests in a stream or a database while versions change.
//! So: add, never rename or re-use; a new field has `#[serde(default)]`; golden files in `tests/golden/` keep every form.

pub mod asset;
pub mod capabilities;
pub mod control;
pub mod cost;
pub mod engine;
pub mod event;
pub mod group;
pub mod id;
pub mod job;
pub mod key;
pub mod llm;
pub mod memory;
pub mod model;
pub mod page;
pub mod preview;
pub mod problem;
pub mod prompt;
pub mod result;
pub mod socket;
pub mod spec;
pub mod system;
pub mod tag;
pub mod text;
pub mod worker;

pub use id::{AssetId, GroupId, JobId, KeyId};
