//! `atelier grid`: asks for one picture of every combination of values.

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};
use contract::{
    group::{Axis, NewGroup},
    job::Priority,
    spec::JobKind,
};
use serde_json::{Map, Value};

use crate::{
    axis,
    client::{Client, Error},
    exit::Exit,
    group::{self, View},
    output::Output,
};

/// What differs along which axis, and what all pictures have in common.
#[derive(Args)]
#[command(after_help = axis::HELP)]
pub(crate) struct Options {
    /// What the pictures show. May be left out where an axis says it.
    prompt: Option<String>,
    /// What differs from column to column.
    #[arg(long, value_name = "FIELD=VALUES", value_parser = axis::read)]
    x: Axis,
    /// What differs from row to row.
    #[arg(long, value_name = "FIELD=VALUES", value_parser = axis::read)]
    y: Option<Axis>,
    /// What differs from one block of rows to the next.
    #[arg(long, value_name = "FIELD=VALUES", value_parser = axis::read)]
    z: Option<Axis>,
    /// A field that all pictures have in common: `steps=20`, `hires/scale=1.5`. May be given several times.
    #[arg(long, short, value_name = "FIELD=VALUE", value_parser = axis::read_field)]
    set: Vec<(String, Value)>,
    /// What kind of job each picture is.
    #[arg(long, default_value = "text_to_image", value_parser = PossibleValuesParser::new(JobKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: String,
    /// What to call the group; it stands above the contact sheet.
    #[arg(long)]
    title: Option<String>,
    /// Makes no contact sheet.
    #[arg(long)]
    no_sheet: bool,
    /// How urgent the pictures are.
    #[arg(long, value_parser = ["interactive", "normal", "batch"])]
    priority: Option<String>,
    /// Shows the progress until all have ended.
    #[arg(long)]
    watch: bool,
    /// Waits, and writes the contact sheet into this file; or sheet and pictures into this folder.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Options {
    fn group(self) -> NewGroup {
        let mut base = Map::from_iter([("kind".to_owned(), Value::from(self.kind))]);
        base.extend(self.prompt.map(|prompt| ("prompt".to_owned(), Value::from(prompt))));
        axis::set_all(&mut base, self.set);
        let axes = [Some(self.x), self.y, self.z].into_iter().flatten().collect();
        let priority = match self.priority.as_deref() {
            Some("interactive") => Priority::Interactive,
            Some("batch") => Priority::Batch,
            _ => Priority::Normal,
        };
        NewGroup { title: self.title, base, axes, contact_sheet: !self.no_sheet, priority }
    }
}

/// Submits, and stays with the group if that was asked for.
pub(crate) async fn grid(client: &Client, options: Options, output: Output) -> Result<Exit, Error> {
    let (watch, files) = (options.watch, options.output.clone());
    let view = client.submit_group(&options.group()).await?;
    let shown = if watch { View::Progress } else { View::Silent };
    group::submitted(client, view, (watch || files.is_some()).then_some(shown), files.as_deref(), output).await
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[test]
    fn a_grid_is_what_the_axes_and_fields_say() {
        let line = "atelier grid mill --x seed=1,2 --z steps=5,9 -s width=64 --no-sheet --priority batch";
        let Command::Grid(options) = Arguments::try_parse_from(line.split(' ')).unwrap().command else { panic!() };
        let group = options.group();
        let base = json!({ "kind": "text_to_image", "prompt": "mill", "width": 64 });
        assert_eq!(Value::Object(group.base), base);
        assert_eq!(group.axes.iter().map(|axis| axis.field.as_str()).collect::<Vec<_>>(), ["seed", "steps"]);
        assert_eq!((group.contact_sheet, group.priority), (false, Priority::Batch));
    }
}
