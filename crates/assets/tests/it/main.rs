//! The asset store at its door, on a real folder; pictures as they are sent, and as nobody should send them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod decode;
mod draw;
mod encode;
mod faults;
mod inspect;
mod metadata;
mod recipe;
mod results;
mod store;
mod sweep;
mod thumbnails;
mod whole;
