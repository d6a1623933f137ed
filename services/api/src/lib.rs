//! The front door: REST, SSE, WebSocket; the only writer of SQL; pump, projector, reconcile.

#![allow(clippy::todo, dead_code, reason = "the door is committed first")]

pub mod address;
pub mod db;
pub mod dispatch;
pub mod failpoint;
