//! `atelier`: the command line. Settings, one connection, one call.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod cancel;
mod client;
mod doctor;
mod download;
mod failure;
mod keys;
mod list;
mod models;
mod progress;
mod retry;
mod show;
mod submit;
mod table;
mod watch;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{client::Client, failure::Failure};

/// Makes pictures on an Atelier server.
#[derive(Parser)]
#[command(name = "atelier", version, disable_help_subcommand = true, after_help = failure::EXIT_CODES)]
struct Arguments {
    /// Where the server is.
    #[arg(long, global = true, env = "ATELIER_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The API key, where the server wants one. Better in the environment than here, where other users see it.
    #[arg(long, global = true, env = "ATELIER_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Prints JSON: one document, or one line an event while watching.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Asks for a picture.
    Submit(Box<submit::Arguments>),
    /// Shows a job's progress until it ends.
    Watch(watch::Arguments),
    /// Lists jobs, the newest first.
    List(list::Arguments),
    /// Shows a job with its timeline and attempts.
    Show(show::Arguments),
    /// Ends jobs, waiting or running.
    Cancel(cancel::Arguments),
    /// Puts ended jobs back into the queue.
    Retry(retry::Arguments),
    /// Lists the models that the server has.
    Models,
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Checks everything that the server needs on this machine, and says how to mend it.
    Doctor,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chassis::install_tls();
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, arguments.key.as_deref())?;
    let json = arguments.json;
    match arguments.command {
        Command::Submit(arguments) => submit::run(&client, *arguments, json).await,
        Command::Watch(arguments) => watch::run(&client, &arguments, json).await,
        Command::List(arguments) => list::run(&client, &arguments, json).await,
        Command::Show(arguments) => show::run(&client, &arguments, json).await,
        Command::Cancel(arguments) => cancel::run(&client, &arguments, json).await,
        Command::Retry(arguments) => retry::run(&client, &arguments, json).await,
        Command::Models => models::run(&client, json).await,
        Command::Keys(command) => keys::run(&client, command, json).await,
        Command::Doctor => doctor::run(&client, json).await,
    }
}
