//! A job in the hands of a worker.

use std::{sync::Arc, time::Duration};

use contract::{
    event::Progress,
    job::{Failure, QueuedJob},
    result::JobResult,
    text::TextFrame,
};
use redis::FromRedisValue;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Outcome, Queue, Work,
    connection::function,
    heart::{Heart, HeldJob},
    publisher::to_json,
    text::last_words,
};

/// How large the JSON of a result or a failure may be.
pub const MAX_RESULT_BYTES: usize = 64 << 10;
/// How many letters of a failure's message are kept: engines write whole logs into them.
const MAX_MESSAGE_CHARS: usize = 4000;
/// The first pause before trying again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Whether the queue heard the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Accepted {
    /// This lease ended the attempt.
    Yes,
    /// Somebody else holds the job by now, or it has ended.
    ///
    /// Leave files where they are: in one rare case, when the answer to an accepted end was lost and the API was quicker
    /// than the second try, they are the result.
    Lost,
}

/// How the holder of a lease ends the attempt.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'a> {
    /// The job is done.
    Succeeded(&'a JobResult),
    /// It went badly: `Failed`, `Retry` or `Crashed`.
    Failed(Outcome, &'a Failure),
    /// A text job ends, with the last frame of its answer: it holds an end or a failure, and nothing behind it.
    Text(&'a TextFrame),
    /// Somebody asked for its end.
    Cancelled,
}

/// A job in the hands of a worker. Its heart beats by itself until it is finished or dropped; dropped, it runs out.
pub struct Lease<J: Work = QueuedJob> {
    /// What to do.
    pub job: J,
    /// The how-manieth attempt, from 1.
    pub attempt: u32,
    /// After how many attempts it is set aside.
    pub max_attempts: u32,
    hold: Hold,
}

/// What ties a lease to the heart of its consumer.
pub(crate) struct Hold {
    pub(crate) queue: Queue,
    pub(crate) heart: Arc<Heart>,
    pub(crate) token: String,
    cancelled: CancellationToken,
    lost: CancellationToken,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.heart.held.remove(&self.token);
    }
}

impl<J: Work> std::fmt::Debug for Lease<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("job", &self.job.id()).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

impl<J: Work> Lease<J> {
    pub(crate) fn new(queue: Queue, heart: Arc<Heart>, token: String, job: J, attempt: u32, max_attempts: u32) -> Self {
        let (cancelled, lost) = (CancellationToken::new(), CancellationToken::new());
        let held = HeldJob { id: job.id(), cancelled: cancelled.clone(), lost: lost.clone(), progress: None };
        heart.held.insert(token.clone(), held);
        Self { job, attempt, max_attempts, hold: Hold { queue, heart, token, cancelled, lost } }
    }

    /// Returns the random name of this lease, which fences its outputs.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.hold.token
    }

    /// Returns a token that fires when somebody asked for the job's end.
    #[must_use]
    pub fn cancelled(&self) -> CancellationToken {
        self.hold.cancelled.clone()
    }

    /// Returns a token that fires when somebody else holds the job: stop, and discard.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.hold.lost.clone()
    }

    /// Ends the job because somebody asked for it. Tries until Valkey answers.
    pub async fn cancel(self) -> Result<Accepted, Error> {
        self.finish(Ending::Cancelled).await
    }

    /// Ends the attempt. Tries until Valkey answers.
    pub async fn finish(self, ending: Ending<'_>) -> Result<Accepted, Error> {
        let (outcome, payload) = ending.encode()?;
        self.end(outcome, &payload).await
    }

    /// Puts the job back into its lane; the attempt does not count. Tries until Valkey answers.
    pub async fn release(self) -> Result<Accepted, Error> {
        let keys = self.hold.queue.keys();
        let wake = keys.wake(self.job.worker_kind());
        let keys = [keys.job(self.job.id()), keys.done(), keys.events(), wake];
        let mut call = function("atelier_v1_release", &keys);
        call.arg(self.job.id().to_string()).arg(&self.hold.token);
        self.hold.end("release a job", &call).await
    }

    /// Leaves the job to workers with more than `memory_mib`, because it does not fit into so much; the attempt does not count.
    /// Gives the lease back when there are none. Tries until Valkey answers.
    pub async fn pass_on(self, memory_mib: u64) -> Result<Result<Accepted, Self>, Error> {
        let (keys, kind) = (self.hold.queue.keys(), self.job.worker_kind());
        let job = keys.job(self.job.id());
        let keys = [job, keys.done(), keys.events(), keys.wake(kind), keys.lanes(kind), keys.workers()];
        let mut call = function("atelier_v1_pass_on", &keys);
        call.arg(self.job.id().to_string()).arg(&self.hold.token).arg(memory_mib);
        match self.hold.ask("leave a job to a larger worker", &call).await? {
            1 => Ok(Ok(Accepted::Yes)),
            0 => Ok(Ok(Accepted::Lost)),
            _ => Ok(Err(self)),
        }
    }

    /// Ends the attempt with what [`Ending::encode`] returned.
    pub(crate) async fn end(self, outcome: Outcome, payload: &str) -> Result<Accepted, Error> {
        let keys = self.hold.queue.keys();
        let mut call = function("atelier_v1_finish", &[keys.job(self.job.id()), keys.done()]);
        call.arg(self.job.id().to_string()).arg(&self.hold.token).arg(outcome.as_str()).arg(payload);
        self.hold.end("finish a job", &call).await
    }

    /// Asks until there is an answer.
    pub(crate) async fn ask<T: FromRedisValue>(&self, action: &'static str, call: &redis::Cmd) -> Result<T, Error> {
        self.hold.ask(action, call).await
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.hold.queue
    }
}

impl Lease {
    /// Says how far the job is. Never waits; of several reports within 200 ms the last is sent.
    pub fn report(&self, progress: Progress) {
        // JSON has no word for what is not a number, so nobody could read it.
        if progress.fraction.is_finite() {
            self.hold.heart.held.report(&self.hold.token, progress);
        }
    }

    /// Ends the job well. Tries until Valkey answers.
    pub async fn succeed(self, result: &JobResult) -> Result<Accepted, Error> {
        self.finish(Ending::Succeeded(result)).await
    }

    /// Ends the attempt badly: `Failed`, `Retry` or `Crashed`. Tries until Valkey answers.
    pub async fn fail(self, outcome: Outcome, failure: &Failure) -> Result<Accepted, Error> {
        self.finish(Ending::Failed(outcome, failure)).await
    }
}

impl Ending<'_> {
    /// Returns what the queue is told.
    pub(crate) fn encode(self) -> Result<(Outcome, String), Error> {
        match self {
            Self::Succeeded(result) => Ok((Outcome::Succeeded, to_json("a result", result, MAX_RESULT_BYTES)?)),
            Self::Failed(outcome @ (Outcome::Failed | Outcome::Retry | Outcome::Crashed), failure) => {
                let shorten = |text: &str| text.chars().take(MAX_MESSAGE_CHARS).collect::<String>();
                let failure = Failure {
                    code: failure.code,
                    message: shorten(&failure.message),
                    remedy: failure.remedy.as_deref().map(shorten),
                };
                Ok((outcome, to_json("a failure", &failure, MAX_RESULT_BYTES)?))
            }
            Self::Failed(outcome, _) => Err(Error::NoFailure(outcome)),
            Self::Text(frame) => last_words(frame),
            Self::Cancelled => Ok((Outcome::Cancelled, String::new())),
        }
    }
}

impl Hold {
    async fn end(&self, action: &'static str, call: &redis::Cmd) -> Result<Accepted, Error> {
        Ok(if self.ask(action, call).await? { Accepted::Yes } else { Accepted::Lost })
    }

    /// Calls until there is an answer. Meanwhile the heart goes on, so that the lease holds through the outage.
    async fn ask<T: FromRedisValue>(&self, action: &'static str, call: &redis::Cmd) -> Result<T, Error> {
        let mut pause = PAUSES.0;
        loop {
            match self.queue.query(action, call).await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_outage() => {
                    if pause == PAUSES.0 {
                        tracing::warn!("{error:#}; trying until it works");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
