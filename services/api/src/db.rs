//! SQL: the record of jobs, attempts, assets, keys and settings. The only door to the database.
//!
//! One SQL text serves SQLite and PostgreSQL; only the migrations stand side by side.
//! Times rest as whole microseconds since 1970 and ids as 16 bytes (`uuid` in PostgreSQL), so both databases order and compare them alike.
//!
//! ```text
//! queued ──pump──▶ published ──project──▶ succeeded | failed | cancelled | dead
//!    ▲                 │ another try, or lost by Valkey           │ a person asks for another try
//!    └─────────────────┴──────────────────────────────────────────┘ always with a higher generation
//! ```

pub mod assets;
pub mod attempts;
pub mod changes;
pub(crate) mod conclusion;
mod connection;
mod costs;
mod cursor;
mod depth;
mod ended;
mod error;
pub mod groups;
pub mod jobs;
pub mod keys;
pub mod lists;
mod pause;
mod position;
mod repetition;
mod row;
pub mod settings;
pub(crate) mod sightings;
mod taggings;
mod tags;
pub(crate) mod upkeep;
pub(crate) mod window;

pub use assets::NewAsset;
pub use changes::{CancelRequest, MoveRequest, RetryRequest};
pub use connection::Db;
pub use cursor::{Cursor, UnreadableCursor};
pub use ended::EndedFilter;
pub use error::Error;
pub use groups::{CancelledGroup, NewGroup, SubmittedGroup};
pub use jobs::{Membership, NewJob, Submitted};
pub use lists::JobFilter;
pub use pause::PauseRequest;
pub(crate) use row::{duration_micros, micros};
pub use taggings::{Sense, TaggingRetry, TaggingTurn};
