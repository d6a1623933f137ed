//! How a service ends: the last words on standard error, and the exit code.

use std::{io::Write as _, process::ExitCode};

use crate::settings;

/// The exit code for settings that cannot be used, as `sysexits.h` has it: starting again does not help.
pub const BAD_SETTINGS: u8 = 64;

/// Returns the exit code of a service, after it has said on standard error what went wrong, if something did.
#[must_use]
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Nobody is left to hear that standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    if error.chain().any(|cause| cause.is::<settings::Error>()) {
        return ExitCode::from(BAD_SETTINGS);
    }
    ExitCode::FAILURE
}
