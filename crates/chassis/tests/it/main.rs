//! The chassis at its door: settings from files and variables, and a whole service that starts, is seen, and stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod collector;
mod logs;
mod service;
mod settings;
mod stop;
mod traces;
