//! `atelier group`: lists, shows, watches, cancels, retries and explores groups.

mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use contract::{
    GroupId,
    group::{Axis, CellCounts, ExploreCell, Group, GroupView},
    page::Page,
};
use serde_json::{Map, Value};

use crate::{
    axis,
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

pub(crate) use watch::View;

/// How far numbers go from those of the cell, as the server has it too.
const SPREAD: f64 = 0.25;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists groups, the newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Where the page before ended: the cursor that it printed.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows a group with all its cells.
    Show {
        /// Which group.
        id: GroupId,
    },
    /// Shows the progress of a group until all of it has ended.
    Watch {
        /// Which group.
        id: GroupId,
        /// Writes the contact sheet into this file; or sheet and pictures into this folder.
        #[arg(long, short, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// Ends all of a group.
    Cancel {
        /// Which group.
        id: GroupId,
    },
    /// Gives the cells of a group that failed, died or were cancelled another life.
    Retry {
        /// Which group.
        id: GroupId,
    },
    /// Asks for a new group around one cell of another.
    Explore(Explore),
    /// Asks for a cell once more as a job of its own, larger or with more steps.
    Promote {
        /// Which group.
        id: GroupId,
        /// Which cell: its number in `atelier group show`.
        cell: u32,
        /// A field that changes: `width=1024`, `hires/scale=1.5`. May be given several times.
        #[arg(long, short, value_name = "FIELD=VALUE", value_parser = axis::read_field)]
        set: Vec<(String, Value)>,
    },
}

#[derive(Args)]
#[command(after_help = axis::HELP)]
pub(crate) struct Explore {
    /// Which group.
    id: GroupId,
    /// Which cell: its number in `atelier group show`.
    cell: u32,
    /// Fields that stay as they are in the cell. May be given several times.
    #[arg(long, value_name = "FIELD")]
    lock: Vec<String>,
    /// What varies besides the other axes of the group. May be given several times.
    #[arg(long, value_name = "FIELD=VALUES", value_parser = axis::read)]
    vary: Vec<Axis>,
    /// How far numbers go from the cell's own, as a share of it.
    #[arg(long, default_value_t = SPREAD)]
    spread: f64,
    /// Shows the progress until all have ended.
    #[arg(long)]
    watch: bool,
    /// Waits, and writes the contact sheet into this file; or sheet and pictures into this folder.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

pub(crate) async fn group(client: &Client, command: Command, output: Output) -> Result<Exit, Error> {
    match command {
        Command::List { limit, cursor } => {
            let cursor = cursor.map(|cursor| ("cursor", cursor));
            let query: Vec<_> = [("limit", limit.to_string())].into_iter().chain(cursor).collect();
            output.result(&client.list_groups(&query).await?, table);
        }
        Command::Show { id } => output.result(&client.load_group(id).await?, describe),
        Command::Watch { id, output: files } => {
            return watch::until_the_end(client, id, View::Progress, files.as_deref(), output).await;
        }
        Command::Cancel { id } => output.result(&client.cancel_group(id).await?, summary),
        Command::Retry { id } => output.result(&client.retry_group(id).await?, summary),
        Command::Explore(Explore { id, cell, lock, vary, spread, watch, output: files }) => {
            let wish = ExploreCell { cell, lock, vary, spread, title: None };
            let view = client.explore_cell(id, &wish).await?;
            let shown = if watch { View::Progress } else { View::Silent };
            let stay = (watch || files.is_some()).then_some(shown);
            return submitted(client, view, stay, files.as_deref(), output).await;
        }
        Command::Promote { id, cell, set } => {
            let mut changes = Map::new();
            axis::set_all(&mut changes, set);
            let job = client.promote_cell(id, cell, &changes).await?;
            output.result(&job, |job| format!("submitted {}\n  atelier watch {}", job.id, job.id));
        }
    }
    Ok(Exit::Done)
}

/// Says that a group was submitted, and stays with it if that was asked for.
pub(crate) async fn submitted(
    client: &Client,
    view: GroupView,
    stay: Option<View>,
    files: Option<&Path>,
    output: Output,
) -> Result<Exit, Error> {
    let id = view.group.id;
    let Some(shown) = stay else {
        output.result(&view, |view| {
            format!("submitted {id} ({} cells)\n  atelier group watch {id}", view.group.progress.counts.cells)
        });
        return Ok(Exit::Done);
    };
    output.note(&format!("submitted {id} ({} cells)", view.group.progress.counts.cells));
    watch::until_the_end(client, id, shown, files, output).await
}

fn table(page: &Page<Group>) -> String {
    if page.data.is_empty() {
        return "there are no groups".into();
    }
    let mut lines: Vec<String> = page.data.iter().map(line).collect();
    lines.extend(page.next_cursor.iter().map(|cursor| format!("there are more: --cursor {cursor}")));
    lines.join("\n")
}

fn line(group: &Group) -> String {
    let axes: Vec<&str> = group.axes.iter().map(|axis| axis.field.as_str()).collect();
    let title = group.title.as_deref().or_else(|| group.base.get("prompt").and_then(Value::as_str)).unwrap_or_default();
    format!("{}  {}  {} ({})", group.id, words(group.progress.counts), title, axes.join(" × "))
}

fn summary(view: &GroupView) -> String {
    format!("{} {}", view.group.id, words(view.group.progress.counts))
}

fn describe(view: &GroupView) -> String {
    let mut lines = vec![line(&view.group)];
    lines.extend(view.cells.iter().map(|cell| {
        let state = match cell.fraction {
            Some(fraction) => format!("{} {:.0} %", cell.state.as_str(), fraction * 100.0),
            None => cell.state.as_str().to_owned(),
        };
        format!("  {:>3}  {:<14} {}  {}", cell.index, state, cell.job_id, cell.labels.join(", "))
    }));
    lines.extend(
        view.group
            .progress
            .contact_sheet
            .iter()
            .map(|sheet| format!("  contact sheet: {} {}", sheet.state.as_str(), sheet.job_id)),
    );
    lines.join("\n")
}

/// Returns how many cells stand where, without those places where none is.
pub(crate) fn words(counts: CellCounts) -> String {
    let CellCounts { cells, queued, running, succeeded, failed, cancelled, dead } = counts;
    let places = [
        (succeeded, "succeeded"),
        (running, "running"),
        (queued, "queued"),
        (failed, "failed"),
        (dead, "dead"),
        (cancelled, "cancelled"),
    ];
    let there: Vec<String> =
        places.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    format!("{cells} cells: {}", if there.is_empty() { "cleared away".to_owned() } else { there.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_where_cells_are_get_a_word() {
        let counts = CellCounts { cells: 6, queued: 1, succeeded: 4, dead: 1, ..CellCounts::default() };
        assert_eq!(words(counts), "6 cells: 4 succeeded, 1 queued, 1 dead");
    }
}
