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
    run_faults(&arguments.rest)
}

/// Runs with debug assertions, because only then the API has places where it can be killed by name.
pub(crate) fn run_faults<A: AsRef<OsStr>>(arguments: &[A]) -> anyhow::Result<()> {
    let binaries = Binaries::build(Profile::Dev)?;
    let mut faults = Command::new(binaries.folder().join("faults"));
    faults.args(arguments).current_dir(repository::root()).env("ATELIER_SD_ENGINE", engines::sd_engine()?);
    program::run(&mut faults)
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
