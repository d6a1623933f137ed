//! The record, on SQLite and on PostgreSQL.

mod assets;
mod changes;
pub(crate) mod ground;
mod jobs;
mod keys;
mod lists;
mod opening;
mod order;
