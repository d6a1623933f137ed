//! Commands that are programs of their own in this workspace, because they need what the tool box should not be built with.

use std::{ffi::OsStr, process::Command};

use crate::{
    binaries::{Binaries, Profile},
    engines, program, repository,
};

/// What is handed on as it is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the program understands; `-- --help` shows it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// `cargo xtask faults`.
pub(crate) fn faults(arguments: &Arguments) -> anyhow::Result<()> {
    program::run(&mut faults_of(&arguments.rest)?)
}

/// Runs three seeds, one of them with the real engine too, and the control, in two halves beside each other: most of the time
/// they wait. Two programs, because each looks for strays below itself.
pub(crate) fn check_faults() -> anyhow::Result<()> {
    let first = faults_of(&["--seeds", "1", "--control"])?;
    let others = faults_of(&["--first-seed", "2", "--seeds", "2", "--engine", "scripted"])?;
    program::run_beside(vec![first, others])
}

/// Returns the program, with debug assertions, because only then the API has places where it can be killed by name.
fn faults_of<A: AsRef<OsStr>>(arguments: &[A]) -> anyhow::Result<Command> {
    let binaries = Binaries::build(Profile::Dev)?;
    let mut faults = Command::new(binaries.folder().join("faults"));
    faults.args(arguments).current_dir(repository::root()).env("ATELIER_SD_ENGINE", engines::sd_engine()?);
    Ok(faults)
}

/// `cargo xtask bench`: optimised, as a user would run it.
pub(crate) fn bench(arguments: &Arguments) -> anyhow::Result<()> {
    let services = Binaries::build(Profile::Release)?;
    program::run(program::cargo().args(["build", "--release", "--package", "benches"]))?;
    let mut bench = Command::new(services.folder().join("benches"));
    bench.args(&arguments.rest).current_dir(repository::root());
    bench.env("ATELIER_SD_ENGINE", engines::sd_engine()?).env("ATELIER_LLAMA_SERVER", engines::llama_server()?);
    program::run(&mut bench)
}
