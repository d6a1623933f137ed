//! The progress of a job: a bar in a terminal, lines elsewhere.

use std::{io::IsTerminal, time::Duration};

use contract::event::{JobChange, JobEvent, Phase, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{output::say, words};

/// The bar counts in thousandths of the job.
const WHOLE: u64 = 1000;

/// Shows what happens to a job.
pub(crate) struct ProgressView {
    bar: Option<ProgressBar>,
    last_line: String,
}

impl ProgressView {
    /// A bar if standard error is a terminal, lines otherwise.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(bar);
        Self { bar, last_line: String::new() }
    }

    pub(crate) fn show(&mut self, event: &JobEvent) {
        let fraction = match &event.change {
            JobChange::Progress(progress) => Some(progress.fraction),
            _ => None,
        };
        self.draw(fraction, line(&event.change));
    }

    /// Shows how far it is, where that is known, and a line about it.
    pub(crate) fn draw(&mut self, fraction: Option<f64>, line: String) {
        match &self.bar {
            Some(bar) => {
                if let Some(fraction) = fraction {
                    bar.set_position((fraction.clamp(0.0, 1.0) * WHOLE as f64) as u64);
                }
                bar.set_message(line);
            }
            None if line != self.last_line => {
                say(&line);
                self.last_line = line;
            }
            None => {}
        }
    }

    /// Says something that is not about the job, for example that the connection is lost.
    pub(crate) fn aside(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(WHOLE), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:28} {percent:>3} %  {msg}") {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.set_message("queued");
    bar
}

fn line(change: &JobChange) -> String {
    match change {
        JobChange::Queued => "queued".into(),
        JobChange::Running { worker, attempt: 1 } => format!("running on {worker}"),
        JobChange::Running { worker, attempt } => format!("running on {worker}, attempt {attempt}"),
        JobChange::Progress(progress) => describe(progress),
        JobChange::CancelRequested => "asked to stop".into(),
        JobChange::Retrying { failure } => format!("this attempt failed, another follows: {}", words::failure(failure)),
        JobChange::Succeeded { .. } => "succeeded".into(),
        JobChange::Failed { .. } => "failed".into(),
        JobChange::Cancelled => "cancelled".into(),
        JobChange::Dead { .. } => "dead: every attempt failed".into(),
    }
}

/// `sampling 5/8, 0.42 s/step, 1.3 s left`
fn describe(progress: &Progress) -> String {
    if let Some(reason) = &progress.waits_for {
        return format!("waiting: {reason}");
    }
    let phase = match progress.phase {
        Phase::Loading => "loading",
        Phase::Encoding => "encoding",
        Phase::Sampling => "sampling",
        Phase::Decoding => "decoding",
        Phase::Upscaling => "enlarging",
        Phase::Storing => "storing",
    };
    let mut parts =
        vec![if progress.steps > 0 { format!("{phase} {}/{}", progress.step, progress.steps) } else { phase.into() }];
    if let Some(seconds) = progress.seconds_per_step {
        parts.push(format!("{seconds:.2} s/step"));
    }
    if let Some(seconds) = progress.remaining_s {
        parts.push(format!("{} left", words::span(time::Duration::seconds_f64(seconds))));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress {
            phase: Phase::Sampling,
            step: 5,
            steps: 8,
            seconds_per_step: Some(0.417),
            remaining_s: Some(1.25),
            fraction: 0.6,
            waits_for: None,
        }
    }

    #[test]
    fn a_step_is_told_with_its_speed_and_the_time_left() {
        assert_eq!(describe(&progress()), "sampling 5/8, 0.42 s/step, 1.25 s left");
    }

    #[test]
    fn what_nobody_knows_is_left_out() {
        let unknown = Progress {
            phase: Phase::Loading,
            step: 0,
            steps: 0,
            seconds_per_step: None,
            remaining_s: None,
            ..progress()
        };
        assert_eq!(describe(&unknown), "loading");
    }

    #[test]
    fn a_job_that_waits_says_for_what() {
        let waits = Progress { waits_for: Some("sdxl needs 9,216 MiB".to_owned()), ..progress() };
        assert_eq!(describe(&waits), "waiting: sdxl needs 9,216 MiB");
    }

    #[test]
    fn only_a_further_attempt_is_mentioned() {
        assert_eq!(line(&JobChange::Running { worker: "w".into(), attempt: 1 }), "running on w");
        assert_eq!(line(&JobChange::Running { worker: "w".into(), attempt: 2 }), "running on w, attempt 2");
    }
}
