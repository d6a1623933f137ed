//! A child program under control: start, readiness, log ring, stop of the whole group, no orphans.
//!
//! ```text
//! this process ──stdin──► guard (sh)        leads the group, waits for the end of its standard input
//!      │                     │ same group
//!      └──stdin/stdout──► the program ──► whatever it starts itself
//!          ◄──stderr── kept in the log ring
//! ```
//!
//! Every program runs in a process group of its own, led by a **guard**: a shell that does nothing but wait for the end of
//! its standard input, and then kills the group. The kernel closes that pipe however this process ends, `kill -9`
//! included, so nothing that was started here outlives it. (`PR_SET_PDEATHSIG` would be tied to the *thread* that starts
//! the child, reaches no grandchildren, and needs unsafe code.)
//! As the guard is alive for as long as the group may be killed, the group's number can never have passed to strangers.

mod backoff;
mod child;
pub mod device;
mod exit;
mod guard;
mod log;
mod program;

pub use backoff::Backoff;
pub use child::{Child, State};
pub use exit::Exit;
pub use log::LogRing;
pub use program::Program;

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program itself.
    #[error("could not start {program}")]
    Start {
        /// The path that was tried.
        program: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The shell that guards it.
    #[error("could not start the guard {guard} of {program}")]
    Guard {
        /// The shell that was tried.
        guard: &'static str,
        /// What it would have guarded.
        program: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
