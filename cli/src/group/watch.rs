//! Staying with a group: its progress as one, through lost connections and restarts of the server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use contract::{
    GroupId,
    asset::AssetRef,
    group::{GroupProgress, GroupView},
};
use tokio::time::{Instant, sleep};

use super::words;
use crate::{
    client::{Client, Error},
    download,
    exit::Exit,
    output::Output,
    progress::ProgressView,
    words as say,
};

/// How long a server may be away before we give up.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// How much is shown before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// How far the group is, as it gets there.
    Progress,
    /// Nothing.
    Silent,
}

/// Stays with a group until it ends, then says how, and writes its files where that was asked for.
pub(super) async fn until_the_end(
    client: &Client,
    id: GroupId,
    view: View,
    files: Option<&Path>,
    output: Output,
) -> Result<Exit, Error> {
    let mut bar = (view == View::Progress && !output.is_json()).then(ProgressView::new);
    let show = |progress: &GroupProgress| {
        if let Some(bar) = &mut bar {
            bar.draw(Some(progress.fraction), line(progress));
        } else if view == View::Progress {
            output.line(progress);
        }
    };
    let followed = tokio::select! {
        followed = follow(client, id, show) => Some(followed),
        _ = tokio::signal::ctrl_c() => None,
    };
    if let Some(bar) = &bar {
        bar.end();
    }
    let Some(group) = followed.transpose()? else {
        output.note(&format!(
            "the group goes on.\n  see it:  atelier group watch {id}\n  end it:  atelier group cancel {id}"
        ));
        return Ok(Exit::Interrupted);
    };
    let paths = match files {
        Some(files) => write(client, &group, files).await?,
        None => Vec::new(),
    };
    // While progress was written a line each, the end is a line too.
    if output.is_json() && view == View::Progress {
        output.line(&group);
    } else {
        output.result(&group, |group| ending(client, group, &paths));
    }
    let counts = group.group.progress.counts;
    Ok(match counts.failed + counts.dead {
        0 if counts.cancelled > 0 => Exit::Cancelled,
        0 => Exit::Done,
        _ => Exit::Failed,
    })
}

/// Follows a group to its end, for as long as the server comes back in time.
async fn follow(client: &Client, id: GroupId, mut show: impl FnMut(&GroupProgress)) -> Result<GroupView, Error> {
    let mut away_since: Option<Instant> = None;
    loop {
        match client.load_group(id).await {
            Ok(view) if is_over(&view.group.progress) => return Ok(view),
            Ok(_) => {
                away_since = None;
                if let Ok(mut feed) = client.group_feed(id).await {
                    while let Some(progress) = feed.next().await {
                        show(&progress);
                    }
                }
            }
            Err(error) if error.is_away() => {
                if away_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        sleep(PAUSE).await;
    }
}

fn is_over(progress: &GroupProgress) -> bool {
    progress.ended_at.is_some() && progress.contact_sheet.as_ref().is_none_or(|sheet| sheet.state.is_end())
}

fn line(progress: &GroupProgress) -> String {
    let left =
        progress.remaining_s.map(|seconds| format!(", {} left", say::span(time::Duration::seconds_f64(seconds))));
    let sheet = progress.contact_sheet.as_ref().map(|sheet| format!(", contact sheet {}", sheet.state.as_str()));
    [Some(words(progress.counts)), left, sheet].into_iter().flatten().collect()
}

/// Writes the contact sheet into a file; or it and the picture of each cell into a folder.
async fn write(client: &Client, view: &GroupView, output: &Path) -> Result<Vec<PathBuf>, Error> {
    let sheet = view.group.progress.contact_sheet.as_ref().and_then(|sheet| sheet.asset.as_ref());
    let pictures: Vec<(PathBuf, &AssetRef)> = if download::is_file(output) {
        sheet.map(|sheet| (output.to_owned(), sheet)).into_iter().collect()
    } else {
        let name = |stem: String, asset: &AssetRef| output.join(format!("{stem}.{}", download::ending(asset)));
        let sheet = sheet.map(|sheet| (name("contact-sheet".to_owned(), sheet), sheet));
        let cells = view.cells.iter().filter_map(|cell| Some((cell.index, cell.asset.as_ref()?)));
        sheet.into_iter().chain(cells.map(|(at, asset)| (name(format!("{at:03}"), asset), asset))).collect()
    };
    let mut paths = Vec::with_capacity(pictures.len());
    for (path, asset) in pictures {
        download::write_whole(&path, &client.load_asset(asset).await?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// How it ended, for people.
fn ending(client: &Client, view: &GroupView, paths: &[PathBuf]) -> String {
    let mut lines = vec![format!("{} {}", view.group.id, words(view.group.progress.counts))];
    for cell in &view.cells {
        let failure = cell.failure.as_ref().filter(|_| cell.asset.is_none());
        lines.extend(failure.map(|failure| format!("  cell {}: {}", cell.index, say::failure(failure))));
    }
    let sheet = view.group.progress.contact_sheet.as_ref().and_then(|sheet| sheet.asset.as_ref());
    match paths {
        [] => lines.extend(sheet.map(|sheet| format!("  contact sheet: {}", client.asset_address(sheet)))),
        paths => lines.extend(paths.iter().map(|path| format!("  {}", path.display()))),
    }
    lines.join("\n")
}
