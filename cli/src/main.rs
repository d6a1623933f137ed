//! `atelier`: submit, capabilities, watch, list, show, cancel, retry, move, pause, resume, clear, keys, prompt, doctor.

mod arguments;
mod axis;
mod cancel;
mod capabilities;
mod clear;
mod client;
mod doctor;
mod download;
mod exit;
mod grid;
mod group;
mod inspect;
mod keys;
mod list;
mod output;
mod pause;
mod picture;
mod place;
mod progress;
mod prompt;
mod retry;
mod show;
mod submit;
mod timeline;
mod watch;
mod words;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use client::Client;
use exit::Exit;
use output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::read();
    let output = Output::new(arguments.json);
    match run(arguments, output).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.error(&error);
            Exit::of(&error).into()
        }
    }
}

async fn run(arguments: Arguments, output: Output) -> Result<Exit, client::Error> {
    let client = Client::new(&arguments.server, arguments.key)?;
    match arguments.command {
        Command::Submit(options) => submit::submit(&client, options, output).await,
        Command::Grid(options) => grid::grid(&client, *options, output).await,
        Command::Group(command) => group::group(&client, *command, output).await,
        Command::Capabilities(options) => capabilities::capabilities(&client, &options, output).await,
        Command::Watch(options) => watch::watch(&client, options, output).await,
        Command::List(options) => list::list(&client, &options, output).await,
        Command::Inspect(options) => inspect::inspect(&client, options, output).await,
        Command::Show(options) => show::show(&client, &options, output).await,
        Command::Cancel(options) => cancel::cancel(&client, &options, output).await,
        Command::Retry(options) => retry::retry(&client, &options, output).await,
        Command::Move(options) => place::move_job(&client, &options, output).await,
        Command::Pause(options) => pause::pause(&client, &options, output).await,
        Command::Resume(options) => pause::resume(&client, &options, output).await,
        Command::Clear(options) => clear::clear(&client, &options, output).await,
        Command::Keys(command) => keys::keys(&client, command, output).await,
        Command::Prompt(command) => prompt::prompt(&client, *command, output).await,
        Command::Doctor => doctor::doctor(&client, output).await,
    }
}
