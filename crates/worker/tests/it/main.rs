//! A worker at its door: a real queue, a real store, and engines without a model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod scene;

mod affinity;
mod cancel;
mod cards;
mod drain;
mod life;
mod lost;
mod outcomes;
mod passing_on;
mod pictures;
mod presence;
mod watching;
