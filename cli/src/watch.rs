//! `atelier watch`: shows the progress of a job until it ends, through lost connections and restarts of the server.

mod follow;

use std::path::{Path, PathBuf};

use clap::Args;
use contract::{JobId, event::JobEvent, job::Job, job::JobState};

use crate::{
    client::{Client, Error},
    download::download,
    exit::Exit,
    output::Output,
    progress::ProgressView,
    timeline, words,
};

use follow::{Followed, Sight};

#[derive(Args)]
pub(crate) struct Options {
    /// Which job.
    id: JobId,
    /// Writes the pictures into this folder; or to this file, if it ends like a picture.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// How much is shown before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// What happens, as it happens.
    Progress,
    /// Nothing.
    Silent,
}

pub(crate) async fn watch(client: &Client, options: Options, output: Output) -> Result<Exit, Error> {
    until_the_end(client, options.id, View::Progress, options.output.as_deref(), output).await
}

/// Stays with a job until it ends, then says how, and writes its pictures where that was asked for.
pub(crate) async fn until_the_end(
    client: &Client,
    id: JobId,
    view: View,
    files: Option<&Path>,
    output: Output,
) -> Result<Exit, Error> {
    let mut screen = Screen {
        view: (view == View::Progress && !output.is_json()).then(ProgressView::new),
        lines: view == View::Progress,
        output,
    };
    let followed = tokio::select! {
        followed = follow::follow(client, id, &mut screen) => followed,
        _ = tokio::signal::ctrl_c() => Ok(Followed::Interrupted),
    };
    screen.end();
    let job = match followed? {
        Followed::Ended(job) => *job,
        Followed::Interrupted => {
            output.note(&format!("the job goes on.\n  see it:  atelier watch {id}\n  end it:  atelier cancel {id}"));
            return Ok(Exit::Interrupted);
        }
    };
    let paths = match files {
        Some(files) => download(client, &job, files).await?,
        None => Vec::new(),
    };
    // While events were written a line each, the end is a line too.
    if output.is_json() && view == View::Progress {
        output.line(&job);
    } else {
        output.result(&job, |job| ending(client, job, &paths));
    }
    Ok(Exit::of_job(job.state))
}

struct Screen {
    view: Option<ProgressView>,
    lines: bool,
    output: Output,
}

impl Screen {
    fn end(&self) {
        if let Some(view) = &self.view {
            view.end();
        }
    }
}

impl Sight for Screen {
    fn event(&mut self, event: &JobEvent) {
        if let Some(view) = &mut self.view {
            view.show(event);
        } else if self.lines {
            self.output.line(event);
        }
    }

    fn aside(&mut self, text: &str) {
        if let Some(view) = &self.view {
            view.aside(text);
        }
    }
}

/// How it ended, for people.
fn ending(client: &Client, job: &Job, paths: &[PathBuf]) -> String {
    let mut lines = vec![format!("{} {}", job.state.as_str(), job.id)];
    if let Some(failure) = job.failure.as_ref().filter(|_| job.state != JobState::Succeeded) {
        lines.push(format!("  {}", words::failure(failure)));
    }
    let assets = job.result.as_ref().map_or(&[][..], |result| &result.assets);
    for (index, asset) in assets.iter().enumerate() {
        let place = paths.get(index).map_or_else(|| client.asset_address(asset), |path| path.display().to_string());
        let side =
            asset.width.zip(asset.height).map(|(width, height)| format!("{width} × {height}, ")).unwrap_or_default();
        lines.push(format!("  {place}  ({side}{})", words::size(asset.size_bytes)));
    }
    lines.extend(words::measures(job));
    let timeline = timeline::lines(job);
    if !timeline.is_empty() {
        lines.push(String::new());
        lines.extend(timeline);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use contract::job::{Failure, FailureCode};

    use super::*;
    use crate::timeline::tests::{finished_job, measured_job};

    #[test]
    fn what_was_done_differently_is_said_at_the_end() {
        let text = ending(&client(), &measured_job(), &[]);
        assert!(
            text.contains("\n  measure    pixels were decoded in tiles, because memory ran out without it\n"),
            "{text}"
        );
        assert!(!ending(&client(), &finished_job(), &[]).contains("measure"));
    }

    fn client() -> Client {
        Client::new(&"http://127.0.0.1:8080".parse().unwrap(), None).unwrap()
    }

    #[test]
    fn a_picture_is_named_by_its_file_or_else_by_its_address() {
        let job = finished_job();
        let file = ending(&client(), &job, &[PathBuf::from("sea/dawn.png")]);
        assert!(file.contains("  sea/dawn.png  (256 × 256, 98.3 kB)"), "{file}");
        let address = ending(&client(), &job, &[]);
        assert!(
            address.contains("  http://127.0.0.1:8080/api/assets/01980000-0000-7000-8000-000000000002"),
            "{address}"
        );
    }

    #[test]
    fn a_failed_job_says_why_and_what_to_do() {
        let failure = Failure {
            code: FailureCode::Rejected,
            message: "the model file is cut off".into(),
            remedy: Some("load it again".into()),
        };
        let job = Job { state: JobState::Failed, result: None, failure: Some(failure), ..finished_job() };
        let text = ending(&client(), &job, &[]);
        assert!(text.ends_with("  the model file is cut off\n  what to do: load it again"), "{text}");
    }
}
