//! The queue at its door, on a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod affinity;
mod by_hand;
mod cancelling;
mod checks;
mod deployment;
mod done;
mod events;
mod exchanging;
mod ground;
mod leasing;
mod memory;
mod model;
mod outages;
mod passing_on;
mod previews;
mod publishing;
mod rights;
mod stopping;
mod takeover;
mod texts;
mod workers;
