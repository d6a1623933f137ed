//! The tool box: `cargo xtask <command>`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod binaries;
mod checks;
mod codegen;
mod demo;
mod dependencies;
mod engines;
mod layers;
mod mutants;
mod passed;
mod program;
mod repository;
mod setup;
mod signals;
mod smoke_model;
mod stack;
mod tidy;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The tool box of Atelier.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Command {
    /// Installs what this machine lacks (as root by apt), or says exactly how to.
    Setup,
    /// Builds everything, starts a server and makes a first picture.
    Demo(up::Options),
    /// Builds everything and keeps a server running until Ctrl-C.
    Up(up::Options),
    /// Runs every check.
    Test(checks::Options),
    /// Writes the documents that our programs generate.
    Codegen(codegen::Options),
    /// Holds the list of who may use whom.
    CheckLayers,
    /// Holds deny.toml: where our dependencies come from, and under which licences.
    CheckDependencies,
    /// Holds the rules of STYLE.md that a program can see.
    Tidy,
    /// Builds the engines that are written in C++, once for each version.
    Engines(engines::Options),
    /// Breaks the functions of the queue, one rule at a time, and expects its tests to notice.
    Mutants,
    /// Kills, stops, wipes and rolls back a whole system under load, and checks its books afterwards.
    Faults(workspace::Arguments),
    /// Compares with peers and with the limits of the machine.
    Bench(workspace::Arguments),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Setup => setup::setup(),
        Command::Demo(options) => demo::demo(options),
        Command::Up(options) => up::up(options),
        Command::Test(options) => checks::test(&options),
        Command::Codegen(options) => codegen::codegen(options),
        Command::CheckLayers => layers::check(),
        Command::CheckDependencies => dependencies::check(),
        Command::Tidy => tidy::check(),
        Command::Engines(options) => engines::build_asked(&options),
        Command::Mutants => mutants::run(),
        Command::Faults(arguments) => workspace::faults(&arguments),
        Command::Bench(arguments) => workspace::bench(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
