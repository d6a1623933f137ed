//! What can be said on the command line, for every command.

use std::env;

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use url::Url;

use crate::{
    cancel, capabilities, clear, grid, group, inspect, keys, list, pause, place, prompt, retry, show, submit, watch,
};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the job failed or is dead; doctor found something that does not work
  2    the command line is wrong
  3    the server cannot be reached
  4    the server refused
  5    the job was cancelled
  6    something on this machine failed: a file could not be written
  130  interrupted while watching; the job goes on";

/// Makes pictures on an Atelier server.
#[derive(Parser)]
#[command(name = "atelier", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The address of the server.
    #[arg(long, global = true, env = "ATELIER_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = address)]
    pub server: Url,
    /// The API key, where the server wants one. Better in the environment than in the history of a shell.
    #[arg(long, global = true, env = "ATELIER_KEY", hide_env_values = true, value_name = "KEY", value_parser = key)]
    pub key: Option<String>,
    /// Writes JSON: one document, or one event a line while watching.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Asks for a picture: from words, or in another kind of job.
    Submit(Box<submit::Options>),
    /// Writes prompts, finds styles, describes pictures and sets fields, with the help of a language model.
    #[command(subcommand)]
    Prompt(Box<prompt::Command>),
    /// Asks for one picture of every combination of values.
    Grid(Box<grid::Options>),
    /// Lists, shows, watches, cancels, retries and explores groups of jobs.
    #[command(subcommand)]
    Group(Box<group::Command>),
    /// Shows what can be set in a job: bounds, choices, defaults of the model.
    Capabilities(capabilities::Options),
    /// Shows the progress of a job until it ends.
    Watch(watch::Options),
    /// Lists jobs, the newest first.
    List(list::Options),
    /// Shows everything about a job.
    Show(show::Options),
    /// Reads how a picture was made, and prints what makes it again. Nothing is stored.
    Inspect(inspect::Options),
    /// Ends jobs that wait or run.
    Cancel(cancel::Options),
    /// Gives jobs that failed, died or were cancelled another life.
    Retry(retry::Options),
    /// Puts a waiting job before or behind the others.
    Move(place::Options),
    /// Keeps everything new from the workers, or certain jobs. What runs goes on, and jobs are accepted all the same.
    Pause(pause::Options),
    /// Lets the workers have jobs again, or those that were paused one by one.
    Resume(pause::Options),
    /// Deletes the records of jobs that have ended. The pictures stay.
    Clear(clear::Options),
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Looks at every part, and says how to mend what does not work. Needs no running server.
    Doctor,
}

impl Arguments {
    /// Reads the command line; what is wrong with it ends the program.
    pub(crate) fn read() -> Self {
        let is_grid = env::args_os().any(|argument| argument == "grid");
        Self::try_parse().unwrap_or_else(|error| if is_grid { explain(error) } else { error }.exit())
    }
}

/// Says how a field is set in a grid, where it has no flag of its own as it has in `submit`.
fn explain(mut error: clap::Error) -> clap::Error {
    let is_unknown = error.kind() == ErrorKind::UnknownArgument && error.get(ContextKind::SuggestedArg).is_none();
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string).filter(|_| is_unknown);
    if let Some(field) = flag.as_deref().and_then(|flag| flag.strip_prefix("--")) {
        let tip = format!("what all pictures have in common is set by '-s {}=VALUE'", field.replace('-', "_"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn address(text: &str) -> Result<Url, String> {
    text.parse::<Url>()
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "an address looks like http://127.0.0.1:8080".into())
}

/// A key is sent in a header, which takes no blanks and nothing but ASCII.
fn key(text: &str) -> Result<String, String> {
    let is_key = text.chars().all(|letter| letter.is_ascii_graphic());
    if is_key { Ok(text.to_owned()) } else { Err("a key is one word of ASCII letters, digits and signs".into()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn whoever_gives_a_grid_the_flag_of_a_field_is_told_how_fields_are_set_there() {
        let wrong = |line: &str| {
            let error = Arguments::try_parse_from(line.split(' ')).map(drop).unwrap_err();
            explain(error).to_string()
        };
        let said = wrong("atelier grid mill --x seed=1,2 --cfg-scale 3");
        assert!(said.contains("tip: what all pictures have in common is set by '-s cfg_scale=VALUE'"), "{said}");
        assert!(!said.contains("-- --cfg-scale"), "{said}");
        let said = wrong("atelier grid mill --x seed=1,2 --titel 3");
        assert!(said.contains("--title"), "{said}");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for server in ["somewhere", "localhost:8080", "file:///etc"] {
            assert!(Arguments::try_parse_from(["atelier", "--server", server, "list"]).is_err(), "{server}");
        }
    }
}
