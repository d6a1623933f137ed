//! One job: its answer on its way, and its end.

use std::time::Instant;

use contract::{
    job::{Failure, FailureCode},
    text::{TextEvent, TextFrame, TextJob},
};
use queue::{Accepted, Ending, Lease};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, field::Empty, info, info_span, warn};
use worker::Parts;

use crate::{
    house::House,
    metrics,
    outbox::{EVENTS_WAITING, Outbox, Stopped},
    talk,
};

/// How a job left this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Cancelled,
    Lost,
    Released,
    PassedOn,
    Unheard,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Released => "released",
            Self::PassedOn => "passed_on",
            Self::Unheard => "unheard",
        }
    }
}

/// What comes of a job before its end is told.
enum Course {
    /// There is a last frame.
    Over(TextFrame),
    /// Its model seems to need more memory than this worker has, which is so much in MiB.
    TooLarge(u64),
    /// Nobody waits for the answer any more.
    Unwanted,
    /// Another worker has the job.
    Lost,
    /// The worker stops, and nothing of the answer was sent yet: another one can do it as if nothing had been.
    Untouched,
}

/// Runs a job inside the trace that began with its request, and tells how it ended.
pub(super) async fn run(lease: Lease<TextJob>, house: &House, parts: &Parts, drained: &CancellationToken) {
    let (id, kind) = (lease.job.id, lease.job.request.as_str());
    let span = info_span!("text", job.id = %id, job.kind = kind, model.id = lease.job.model, job.outcome = Empty);
    chassis::telemetry::continue_trace(&span, lease.job.traceparent.as_deref());
    let began = Instant::now();
    metrics::job_began();
    debug!(job.id = %id, "job {id} leased");
    let end = attempt(lease, house, parts, drained, began).instrument(span.clone()).await;
    let duration = began.elapsed();
    span.record("job.outcome", end.as_str());
    metrics::job_ended(kind, end.as_str(), duration.as_secs_f64());
    info!(job.id = %id, duration_ms = duration.as_millis() as u64, "job {id} ({kind}) {}", end.as_str());
}

async fn attempt(
    mut lease: Lease<TextJob>,
    house: &House,
    parts: &Parts,
    drained: &CancellationToken,
    began: Instant,
) -> End {
    let (mut outbox, mut dares) = (Outbox::new(lease.job.id), false);
    let told = loop {
        let course = tokio::select! {
            biased;
            () = lease.lost().cancelled_owned() => Course::Lost,
            () = lease.cancelled().cancelled_owned() => Course::Unwanted,
            course = pursue(&lease, house, parts, drained, &mut outbox, began, dares) => course,
        };
        break match course {
            Course::Lost => return End::Lost,
            Course::Unwanted => lease.cancel().await.map(|accepted| (accepted, End::Cancelled)),
            Course::Untouched => lease.release().await.map(|accepted| (accepted, End::Released)),
            Course::TooLarge(memory_mib) => match lease.pass_on(memory_mib).await {
                Ok(Ok(accepted)) => Ok((accepted, End::PassedOn)),
                // Nobody has more, and perhaps it fits all the same.
                Ok(Err(kept)) => {
                    (lease, dares) = (kept, true);
                    continue;
                }
                Err(error) => Err(error),
            },
            Course::Over(frame) => {
                let has_failed = matches!(frame.events.last(), Some(TextEvent::Failed { .. }));
                let end = if has_failed { End::Failed } else { End::Succeeded };
                lease.finish(Ending::Text(&frame)).await.map(|accepted| (accepted, end))
            }
        };
    };
    match told {
        Ok((Accepted::Yes, end)) => end,
        Ok((Accepted::Lost, _)) => End::Lost,
        Err(error) => {
            warn!("the queue did not hear how a job ended, so its lease runs out: {:#}", anyhow::Error::from(error));
            End::Unheard
        }
    }
}

/// Answers until the worker must stop, and sends the answer on its way meanwhile.
async fn pursue(
    lease: &Lease<TextJob>,
    house: &House,
    parts: &Parts,
    drained: &CancellationToken,
    outbox: &mut Outbox,
    began: Instant,
    dares: bool,
) -> Course {
    let (events, gathered) = mpsc::channel(EVENTS_WAITING);
    let mut is_first = true;
    let sending = outbox.run(gathered, |frame| {
        if is_first && frame.events.iter().any(|event| matches!(event, TextEvent::Delta(_))) {
            is_first = false;
            metrics::first_token(began.elapsed().as_secs_f64());
        }
        async move { lease.send(&frame).await }
    });
    // Only the answering is broken off: of a frame that was dropped on its way nobody would know whether it arrived.
    let answering =
        async { Ok(drained.run_until_cancelled(talk::answer(&lease.job, house, parts, dares, events)).await) };
    let (answered, mut last) = match tokio::try_join!(answering, sending) {
        Ok(both) => both,
        Err(Stopped::NobodyListens) => return Course::Unwanted,
        Err(Stopped::Failed(error)) => {
            let message = format!("a part of the answer could not be sent: {:#}", anyhow::Error::from(error));
            (Some(Err(Failure { code: FailureCode::Engine, message, remedy: None })), Vec::new())
        }
    };
    if let Some(Err(Failure { code: FailureCode::TooLarge, .. })) = &answered
        && let Some(memory_mib) = house.memory_mib().filter(|_| !dares && outbox.is_fresh())
    {
        return Course::TooLarge(memory_mib);
    }
    last.push(match answered {
        Some(Ok(answer)) => {
            metrics::answered(&answer);
            TextEvent::End { answer }
        }
        Some(Err(failure)) => TextEvent::Failed { failure },
        None if outbox.is_fresh() => return Course::Untouched,
        None => TextEvent::Failed { failure: stopped() },
    });
    Course::Over(outbox.frame(last))
}

fn stopped() -> Failure {
    Failure {
        code: FailureCode::Engine,
        message: "the text worker stops, and the answer was not whole in time".to_owned(),
        remedy: Some("ask again".to_owned()),
    }
}
