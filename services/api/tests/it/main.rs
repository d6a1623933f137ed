//! The API at its doors: HTTP, the database, the dispatch.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod db;
mod dispatch;
mod http;
mod sample;
mod text;
mod wait;
