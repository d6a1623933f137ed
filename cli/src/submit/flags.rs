//! The flags of a kind of job: drawn from the description of its fields.

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use contract::{
    capabilities::{Field, FieldType, fields},
    spec::JobKind,
};
use serde_json::{Map, Number, Value, json};

use crate::words;

/// The field that stands without a flag.
const PROMPT: &str = "prompt";
/// Stands for a cell that stays empty.
const NONE: &str = "none";

/// Adds the flags of a kind of job to a command.
pub(super) fn add(command: Command, kind: JobKind) -> Command {
    fields(kind).iter().fold(command, |command, field| match field.kind {
        FieldType::Object => add_object(command, field),
        _ => command.arg(argument(field, &field.name)),
    })
}

/// Returns what was said, field by field.
pub(super) fn read(matches: &ArgMatches, kind: JobKind) -> Map<String, Value> {
    let mut said = Map::new();
    for field in fields(kind) {
        let value = if field.kind == FieldType::Object {
            read_object(matches, &field)
        } else {
            value(matches, &field, &field.name)
        };
        if let Some(value) = value {
            said.insert(field.name, value);
        }
    }
    said
}

/// Adds a flag for each field of an object, and one for the object as it usually is.
fn add_object(command: Command, object: &Field) -> Command {
    let command = if object.fields.iter().any(|field| field.is_required) {
        command
    } else {
        let usual = Arg::new(object.name.clone()).long(long(&object.name)).action(ArgAction::SetTrue);
        command.arg(usual.help(words::without_stop(&object.help)))
    };
    object.fields.iter().fold(command, |command, field| {
        // Whether the object is whole, the server says: clap would ask for a part of what nobody wants.
        let field = Field { is_required: false, ..field.clone() };
        command.arg(argument(&field, &inner(object, &field)))
    })
}

fn read_object(matches: &ArgMatches, object: &Field) -> Option<Value> {
    let inside: Map<String, Value> = object
        .fields
        .iter()
        .filter_map(|field| Some((field.name.clone(), value(matches, field, &inner(object, field))?)))
        .collect();
    let is_asked_for = matches.try_get_one::<bool>(&object.name).ok().flatten().copied().unwrap_or_default();
    (is_asked_for || !inside.is_empty()).then_some(Value::Object(inside))
}

fn argument(field: &Field, id: &str) -> Arg {
    let arg = Arg::new(id.to_owned()).help(help(field)).required(field.is_required);
    if id == PROMPT {
        return arg.value_name("PROMPT");
    }
    let arg = arg.long(long(id));
    match field.kind {
        FieldType::WholeNumber => {
            arg.value_name("NUMBER").allow_negative_numbers(true).value_parser(clap::value_parser!(i64))
        }
        FieldType::Number => arg.value_name("NUMBER").allow_negative_numbers(true).value_parser(number),
        FieldType::WholeNumbers => arg
            .value_name("NUMBERS")
            .allow_negative_numbers(true)
            .value_delimiter(',')
            .action(ArgAction::Append)
            .value_parser(clap::value_parser!(i64)),
        FieldType::Choice if !field.choices.is_empty() => {
            arg.value_name("NAME").value_parser(PossibleValuesParser::new(field.choices.clone()))
        }
        FieldType::Choice => arg.value_name("NAME"),
        FieldType::Flag => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false")
            .value_parser(clap::value_parser!(bool)),
        FieldType::Picture => arg.value_name("FILE"),
        FieldType::Pictures => arg.value_name("FILE").action(ArgAction::Append).visible_alias(one_of(id)),
        FieldType::Texts => arg.value_name("TEXT").action(ArgAction::Append).visible_alias(one_of(id)),
        FieldType::Loras => arg.long(one_of(id)).value_name("NAME[:WEIGHT]").action(ArgAction::Append),
        FieldType::Text | FieldType::Object => arg.value_name("TEXT"),
    }
}

fn value(matches: &ArgMatches, field: &Field, id: &str) -> Option<Value> {
    let texts = || matches.get_many::<String>(id).map(|all| all.cloned().collect::<Vec<_>>());
    match field.kind {
        FieldType::WholeNumber => matches.get_one::<i64>(id).map(|number| json!(number)),
        FieldType::Number => matches.get_one::<Number>(id).map(|number| json!(number)),
        FieldType::WholeNumbers => matches.get_many::<i64>(id).map(|all| json!(all.collect::<Vec<_>>())),
        FieldType::Flag => matches.get_one::<bool>(id).map(|is| json!(is)),
        FieldType::Pictures => {
            texts().map(|all| all.into_iter().map(|one| if one == NONE { Value::Null } else { json!(one) }).collect())
        }
        FieldType::Texts => texts().map(|all| json!(all)),
        FieldType::Loras => texts().map(|all| all.iter().map(|one| lora(one)).collect()),
        FieldType::Choice | FieldType::Picture | FieldType::Text | FieldType::Object => {
            matches.get_one::<String>(id).map(|text| json!(text))
        }
    }
}

/// Reads `NAME` or `NAME:WEIGHT`. What stands behind a colon and is no number belongs to the name.
fn lora(text: &str) -> Value {
    let weighed = text.rsplit_once(':').and_then(|(name, weight)| Some((name, number(weight).ok()?)));
    match weighed {
        Some((name, weight)) => json!({ "name": name, "weight": weight }),
        None => json!({ "name": text }),
    }
}

/// Reads a number that JSON can say.
fn number(text: &str) -> Result<Number, String> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.ok_or_else(|| "a number looks like 1.5".to_owned())
}

/// Returns the name of a field of an object among all names.
fn inner(object: &Field, field: &Field) -> String {
    format!("{}.{}", object.name, field.name)
}

fn long(id: &str) -> String {
    id.replace(['_', '.'], "-")
}

/// Returns the word for one of several: flags are said once for each.
fn one_of(id: &str) -> String {
    let long = long(id);
    long.strip_suffix('s').map_or(long.clone(), str::to_owned)
}

/// Returns what a field does, with its bounds and what the API document puts in its place.
fn help(field: &Field) -> String {
    let mut notes = Vec::new();
    match field.kind {
        FieldType::Picture => notes.push("a file, or the id of an asset".to_owned()),
        FieldType::Pictures => notes.push("a file, or the id of an asset; may be said again".to_owned()),
        FieldType::Loras | FieldType::Texts => notes.push("may be said again".to_owned()),
        _ => notes.extend(words::bounds(field)),
    }
    let default = field.default.as_ref().filter(|value| !value.is_array());
    notes.extend(default.map(|value| format!("usually {}", words::plain(value))));
    let help = words::without_stop(&field.help);
    if notes.is_empty() { help } else { format!("{help} [{}]", notes.join("; ")) }
}
