//! The tool box: `cargo xtask <command>`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod layers;
mod program;
mod repository;
mod setup;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// The tool box of Atelier.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
enum Command {
    /// Installs what this machine lacks (as root by apt), or says exactly how to.
    Setup,
    /// Holds the list of who may use whom.
    CheckLayers,
    /// Holds the rules of STYLE.md that a program can see.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Setup => setup::setup(),
        Command::CheckLayers => layers::check(),
        Command::Tidy => tidy::check(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
