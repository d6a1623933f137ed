//! The WebSocket: who is there, what is said first, what is dropped and what never is.

mod keys;
mod speaker;
mod watching;

pub(crate) use speaker::{Heard, Socket};
