//! `atelier submit`: asks for a picture.

mod flags;
mod request;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum, builder::EnumValueParser};
use contract::{
    capabilities::describe,
    job::{Job, Priority},
    spec::JobKind,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    watch, words,
};

/// The kind of job without a word for it.
const USUAL: JobKind = JobKind::TextToImage;

/// What to make, and whether to wait for it. What is not said, the server decides; it also knows the bounds.
#[derive(Debug)]
pub(crate) struct Options {
    kind: JobKind,
    /// The fields that were said, as the server wants them, but for pictures: paths stand in their place.
    fields: Map<String, Value>,
    priority: Option<Urgency>,
    watch: bool,
    wait: bool,
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Urgency {
    Interactive,
    Normal,
    Batch,
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Interactive => Self::Interactive,
            Urgency::Normal => Self::Normal,
            Urgency::Batch => Self::Batch,
        }
    }
}

/// The flags come from the description of the fields, so that none can be missing; clap's derive knows only structs.
impl Args for Options {
    fn augment_args(command: Command) -> Command {
        let kinds = JobKind::ALL.iter().map(|kind| {
            let command = Command::new(kind.as_str()).about(describe(*kind));
            with_waiting(flags::add(command, *kind))
        });
        with_waiting(flags::add(command, USUAL))
            .subcommands(kinds)
            .subcommand_value_name("KIND")
            .subcommand_help_heading("Kinds, each with flags of its own")
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let said = matches.subcommand().and_then(|(name, matches)| Some((name.parse().ok()?, matches)));
        let (kind, matches) = said.unwrap_or((USUAL, matches));
        Ok(Self {
            kind,
            fields: flags::read(matches, kind),
            priority: matches.get_one("priority").copied(),
            watch: matches.get_flag("watch"),
            wait: matches.get_flag("wait"),
            output: matches.get_one("output").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Adds what is no field of the job.
fn with_waiting(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    command
        .next_help_heading("Waiting")
        .arg(flag("priority", "How urgent it is").value_parser(EnumValueParser::<Urgency>::new()))
        .arg(flag("watch", "Shows the progress until the job ends").action(ArgAction::SetTrue))
        .arg(
            flag("wait", "Waits until the job ends, and shows nothing before")
                .action(ArgAction::SetTrue)
                .conflicts_with("watch"),
        )
        .arg(
            flag(
                "output",
                "Waits for the pictures and writes them into this folder; or to this file, if it ends like a picture",
            )
            .short('o')
            .value_name("PATH")
            .value_parser(clap::value_parser!(PathBuf)),
        )
}

/// Submits, and stays with the job if that was asked for.
pub(crate) async fn submit(client: &Client, options: Box<Options>, output: Output) -> Result<Exit, Error> {
    let priority = options.priority.map(|urgency| ("priority", name(&Priority::from(urgency))));
    let query: Vec<_> = priority.into_iter().collect();
    let fields = request::with_pictures(client, options.kind, options.fields).await?;
    let job = client.submit_job(options.kind.as_str(), &query, &fields).await?;
    if !(options.watch || options.wait || options.output.is_some()) {
        output.result(&job, submitted);
        return Ok(Exit::Done);
    }
    output.note(&format!("submitted {}", job.id));
    let view = if options.watch { watch::View::Progress } else { watch::View::Silent };
    watch::until_the_end(client, job.id, view, options.output.as_deref(), output).await
}

fn submitted(job: &Job) -> String {
    format!("submitted {} ({})\n  atelier watch {}", job.id, words::subject(job, 60), job.id)
}

/// The name that a value has in JSON.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use contract::{
        capabilities::{Field, FieldType, fields},
        spec::JobSpec,
    };
    use serde_json::json;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(arguments: &[&str]) -> Result<Box<Options>, clap::Error> {
        let all = [&["atelier", "submit"], arguments].concat();
        match Arguments::try_parse_from(all)?.command {
            Command::Submit(options) => Ok(options),
            _ => panic!("this is another command"),
        }
    }

    fn body(arguments: &[&str]) -> Value {
        Value::Object(parse(arguments).unwrap().fields)
    }

    #[test]
    fn a_prompt_alone_leaves_everything_else_to_the_server() {
        let options = parse(&["a lighthouse"]).unwrap();
        assert_eq!((options.kind, Value::Object(options.fields)), (USUAL, json!({ "prompt": "a lighthouse" })));
    }

    #[test]
    fn a_kind_has_flags_of_its_own() {
        let arguments =
            ["inpaint", "a boat", "--image", "sea.png", "--extend-left", "64", "--watch", "--priority", "batch"];
        let options = parse(&arguments).unwrap();
        assert_eq!(options.kind, JobKind::Inpaint);
        assert!(options.watch && options.priority.is_some());
        let expected = json!({ "prompt": "a boat", "image": "sea.png", "extend": { "left": 64 } });
        assert_eq!(Value::Object(options.fields), expected);
        assert!(parse(&["upscale", "--factor", "2"]).is_err(), "the picture is required");
        assert!(parse(&["upscale", "--image", "x.png", "--prompt", "x"]).is_err());
    }

    /// Returns a value for a flag, and what it becomes.
    fn sample(field: &Field) -> (String, Value) {
        const ID: &str = "01980000-0000-7000-8000-000000000001";
        match field.kind {
            FieldType::WholeNumber => {
                let number = field.minimum.unwrap_or(0.0).max(field.step.unwrap_or(1.0));
                (number.to_string(), json!(number as i64))
            }
            FieldType::Number => {
                let number = field.minimum.unwrap_or(0.0).max(0.5);
                let value = if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
                (number.to_string(), value)
            }
            FieldType::Choice => match field.choices.first() {
                Some(choice) => (choice.clone(), json!(choice)),
                None => ("some/name".to_owned(), json!("some/name")),
            },
            FieldType::Text => ("words".to_owned(), json!("words")),
            FieldType::Flag => ("true".to_owned(), json!(true)),
            FieldType::Picture => (ID.to_owned(), json!(ID)),
            FieldType::Pictures => (ID.to_owned(), json!([ID])),
            FieldType::Loras => ("ink:0.5".to_owned(), json!([{ "name": "ink", "weight": 0.5 }])),
            FieldType::Texts => ("above".to_owned(), json!(["above"])),
            FieldType::WholeNumbers => ("7,8".to_owned(), json!([7, 8])),
            FieldType::Object => panic!("an object has flags for its fields"),
        }
    }

    #[test]
    fn every_field_of_every_kind_has_a_flag() {
        for kind in JobKind::ALL {
            let (mut arguments, mut expected) = (vec![kind.as_str().to_owned()], Map::new());
            for field in fields(*kind) {
                let all = if field.kind == FieldType::Object { field.fields.clone() } else { vec![field.clone()] };
                for one in &all {
                    let (text, value) = sample(one);
                    let flag = match (field.kind, field.name.as_str()) {
                        (FieldType::Object, name) => format!("{name}-{}", one.name).replace('_', "-"),
                        (FieldType::Loras, _) => "lora".to_owned(),
                        (_, name) => name.replace('_', "-"),
                    };
                    let argument = if one.name == "prompt" { text } else { format!("--{flag}={text}") };
                    arguments.push(argument);
                    if field.kind == FieldType::Object {
                        expected.entry(field.name.clone()).or_insert_with(|| json!({}))[one.name.as_str()] = value;
                    } else {
                        expected.insert(one.name.clone(), value);
                    }
                }
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut said = parse(&arguments).unwrap_or_else(|error| panic!("{error}")).fields;
            assert_eq!(Value::Object(said.clone()), Value::Object(expected), "{}", kind.as_str());
            said.insert("kind".to_owned(), kind.as_str().into());
            let spec: JobSpec = serde_json::from_value(Value::Object(said)).unwrap();
            assert_eq!(spec.kind(), *kind);
        }
    }

    #[test]
    fn an_object_may_be_asked_for_as_it_usually_is() {
        assert_eq!(body(&["x", "--hires"]), json!({ "prompt": "x", "hires": {} }));
        assert_eq!(body(&["x", "--hires-scale", "1.5"]), json!({ "prompt": "x", "hires": { "scale": 1.5 } }));
    }

    #[test]
    fn loras_and_pictures_may_be_said_again() {
        let loras = body(&["x", "--lora", "ink:0.5", "--lora", "style/mat", "--lora", "deep:er:-1"]);
        let expected =
            json!([{ "name": "ink", "weight": 0.5 }, { "name": "style/mat" }, { "name": "deep:er", "weight": -1 }]);
        assert_eq!(loras["loras"], expected);
        let cells = body(&["contact_sheet", "--columns", "2", "--cell", "a.png", "--cell", "none"]);
        assert_eq!(cells["cells"], json!(["a.png", null]));
    }

    #[test]
    fn a_number_out_of_range_is_left_for_the_server_to_explain() {
        assert_eq!(body(&["x", "--width", "-5"]), json!({ "prompt": "x", "width": -5 }));
        assert!(parse(&["x", "--width", "wide"]).is_err() && parse(&["x", "--cfg-scale", "NaN"]).is_err());
    }

    #[test]
    fn a_sampler_that_nobody_knows_is_refused_here() {
        assert!(parse(&["x", "--sampler", "magic"]).is_err());
        assert_eq!(body(&["x", "--sampler", "dpm++2m"])["sampler"], "dpm++2m");
    }

    #[test]
    fn watching_and_silent_waiting_exclude_each_other() {
        assert!(parse(&["x", "--watch", "--wait"]).is_err());
        assert!(parse(&["x", "--watch", "--output", "pictures"]).unwrap().output.is_some());
    }
}
