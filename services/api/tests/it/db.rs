//! The record, on SQLite and on PostgreSQL.

mod assets;
mod changes;
mod ended;
pub(crate) mod ground;
mod groups;
mod jobs;
mod keys;
mod lists;
mod opening;
mod order;
mod pausing;
mod tagging;
