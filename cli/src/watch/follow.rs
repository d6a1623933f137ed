//! Staying with a job: events from the WebSocket, the job itself by GET where that fails, and patience while the server restarts.

use std::time::Duration;

use contract::{
    JobId,
    event::{JobChange, JobEvent},
    job::{Job, JobState},
};
use tokio::time::{Instant, sleep};

use crate::{
    client::{Client, Error},
    pause, words,
};

/// How long a server may be away before we give up.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The event of the end may be out before the ledger shows it.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

/// Who is shown what happens.
pub(super) trait Sight {
    fn event(&mut self, event: &JobEvent);
    /// Something that is no event.
    fn aside(&mut self, text: &str);
}

/// How the following ended.
pub(super) enum Followed {
    /// With the job.
    Ended(Box<Job>),
    /// By the person.
    Interrupted,
}

/// Follows a job to its end: the ledger first, for what was missed, then the stream for as long as it holds.
pub(super) async fn follow(client: &Client, id: JobId, sight: &mut impl Sight) -> Result<Followed, Error> {
    let mut resume: Option<String> = None;
    let mut said = None;
    let mut pause = FIRST_PAUSE;
    let mut away_since: Option<Instant> = None;
    loop {
        match client.load_job(id).await {
            Ok(job) if job.state.is_end() => return Ok(Followed::Ended(Box::new(job))),
            Ok(job) => {
                if away_since.take().is_some() {
                    sight.aside("the server is back");
                }
                say_why_it_waits(client, &job, &mut said, sight).await;
                match listen(client, id, &mut resume, sight).await {
                    Heard::End => {
                        if let Some(job) = settle(client, id).await? {
                            return Ok(Followed::Ended(Box::new(job)));
                        }
                    }
                    Heard::Something => pause = FIRST_PAUSE,
                    // Without the stream, the ledger alone has to do.
                    Heard::Nothing => sight.event(&state_of(&job)),
                }
            }
            Err(error) if error.is_away() => {
                let since = *away_since.get_or_insert_with(|| {
                    sight.aside("the server does not answer; trying again");
                    Instant::now()
                });
                if since.elapsed() > PATIENCE {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Says how many are before a waiting job, and why it waits where that is not for them; once, until it changes.
async fn say_why_it_waits(client: &Client, job: &Job, said: &mut Option<String>, sight: &mut impl Sight) {
    let mut text = match job.position {
        Some(position) => words::place(position),
        None if job.paused => format!("the job is paused: `atelier resume {}` lets it go on", job.id),
        None => return,
    };
    let mut notice = None;
    // An older server cannot say, and watching is no worse for it.
    if let Ok(mut queues) = client.list_queues().await {
        queues.data.retain(|queue| queue.worker_kind == job.kind.worker_kind());
        notice = pause::notice(&queues.data);
    }
    match (notice, &job.waits_for) {
        (Some(notice), _) => text.extend(["; ", &notice]),
        (None, Some(because)) => text.extend([". ", because]),
        (None, None) => {}
    }
    if said.as_ref() != Some(&text) {
        sight.aside(&text);
        *said = Some(text);
    }
}

/// What came of listening to the stream.
enum Heard {
    /// The end of the job.
    End,
    /// Events, until the stream broke.
    Something,
    /// There was no stream.
    Nothing,
}

/// Listens until the end of the job, or of the stream.
async fn listen(client: &Client, id: JobId, resume: &mut Option<String>, sight: &mut impl Sight) -> Heard {
    let Ok(mut feed) = client.feed(id, resume.as_deref()).await else { return Heard::Nothing };
    let mut heard = Heard::Nothing;
    while let Ok(event) = feed.next().await {
        sight.event(&event);
        heard = Heard::Something;
        if is_end(&event.change) {
            heard = Heard::End;
            break;
        }
    }
    *resume = feed.last_event_id().map(str::to_owned);
    heard
}

fn is_end(change: &JobChange) -> bool {
    match change {
        JobChange::Succeeded { .. } | JobChange::Failed { .. } | JobChange::Cancelled | JobChange::Dead { .. } => true,
        JobChange::Queued
        | JobChange::Running { .. }
        | JobChange::Progress(_)
        | JobChange::CancelRequested
        | JobChange::Retrying { .. } => false,
    }
}

/// Waits for the ledger to show the end; none if it does not (somebody may have retried the job already).
async fn settle(client: &Client, id: JobId) -> Result<Option<Job>, Error> {
    let begun = Instant::now();
    while begun.elapsed() < SETTLE_LIMIT {
        match client.load_job(id).await {
            Ok(job) if job.state.is_end() => return Ok(Some(job)),
            Ok(_) => {}
            Err(error) if error.is_away() => {}
            Err(error) => return Err(error),
        }
        sleep(SETTLE_PAUSE).await;
    }
    Ok(None)
}

/// The last state of a job, in the form of an event.
fn state_of(job: &Job) -> JobEvent {
    let change = match (job.state, &job.progress) {
        (JobState::Running, Some(progress)) => JobChange::Progress(progress.clone()),
        (JobState::Running, None) => JobChange::Running { worker: "a worker".into(), attempt: job.attempts.max(1) },
        _ => JobChange::Queued,
    };
    JobEvent { id: String::new(), job_id: job.id, at: job.started_at.unwrap_or(job.submitted_at), change }
}

#[cfg(test)]
mod tests {
    use contract::event::{Phase, Progress};

    use super::*;
    use crate::timeline::tests::finished_job;

    #[test]
    fn the_last_state_of_a_running_job_is_its_progress() {
        let progress = Progress {
            phase: Phase::Sampling,
            step: 1,
            steps: 8,
            seconds_per_step: None,
            remaining_s: None,
            fraction: 0.2,
            waits_for: None,
        };
        let job = Job { state: JobState::Running, progress: Some(progress.clone()), ..finished_job() };
        assert_eq!(state_of(&job).change, JobChange::Progress(progress));
        let waiting = Job { state: JobState::Queued, progress: None, ..finished_job() };
        assert_eq!(state_of(&waiting).change, JobChange::Queued);
    }
}
