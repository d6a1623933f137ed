//! `cargo xtask bench`: comparisons with peers, and limits.
//!
//! Nothing here fails a build: a row says whether its target holds, and a person decides what to do about it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bare;
mod bullmq;
mod figures;
mod footprint;
mod list;
mod live;
mod ours;
mod peers;
mod picture;
mod process;
mod rounds;
mod row;
mod sd_cli;
mod sd_peers;
mod sd_server;
mod takeover;
mod text;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use row::Row;

/// Measures Atelier against its peers and its limits.
#[derive(Parser)]
struct Arguments {
    /// What to measure; everything without one.
    names: Vec<Subject>,
    /// Prints a JSON array of rows instead of a table.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Jobs a second through the queue alone, against BullMQ and a bare loop.
    Process,
    /// How soon a lonely job starts, against a bare loop.
    Start,
    /// From `kill -9` of a worker until its job runs elsewhere.
    Takeover,
    /// What a picture costs beyond the engine's own time.
    Picture,
    /// A series of pictures, against sd-server and one-shot sd-cli, which are built first: ten minutes.
    Resident,
    /// Answers of a text model, against llama-server itself.
    Text,
    /// Events to a thousand WebSocket clients.
    Websocket,
    /// Memory at rest, and the time until the API answers.
    Footprint,
    /// The list of jobs when there are a million.
    List,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A second call finds the first one's provider, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let subjects = match arguments.names.as_slice() {
        [] => Subject::value_variants(),
        names => names,
    };
    let mut rows: Vec<Row> = Vec::new();
    for subject in subjects {
        rows.extend(subject.measure().await?);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        println!("{}", row::table(&rows));
    }
    Ok(())
}

impl Subject {
    async fn measure(self) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Process => process::rates().await,
            Self::Start => process::start().await,
            Self::Takeover => takeover::measure().await,
            Self::Picture => picture::overhead().await,
            Self::Resident => picture::resident().await,
            Self::Text => text::measure().await,
            Self::Websocket => live::measure().await,
            Self::Footprint => footprint::measure().await,
            Self::List => list::measure().await,
        }
    }
}
