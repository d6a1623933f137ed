//! What a worker does: wait for a job, and end one to get the next.

use std::{
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{
    JobId,
    job::{Failure, FailureCode, QueuedJob},
    spec::WorkerKind,
    text::TextJob,
};
use redis::streams::StreamReadReply;
use tokio_util::sync::CancellationToken;

use crate::{
    Accepted, Ending, Error, Lease, Outcome, Queue, Work,
    connection::{WaitingConnection, command, function, random_token},
    heart::Heart,
    keys::model_hash,
    publisher::milliseconds,
};

/// How long a worker waits for a wake-up before it looks for expired leases.
const LOOK_FOR_EXPIRED_EVERY: Duration = Duration::from_secs(1);
/// How long a consumer that stops waits for an answer that is on its way.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Which jobs a worker prefers at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affinity {
    /// The models in its memory, best first.
    pub warm_models: Vec<String>,
    /// Whether their lanes come first; false (the residency quantum is used up): they come last.
    pub prefer_warm: bool,
    /// Models whose jobs are not taken for now: they failed to load here, or all places for them are taken.
    pub excluded_models: Vec<String>,
    /// How much memory models may take here, in MiB: a job that was passed on by a worker with as much is not taken.
    /// None: jobs of any size are.
    pub memory_mib: Option<u64>,
}

/// The worker's side of the queue: one for each worker process, any number of leases at once.
pub struct Consumer<J: Work = QueuedJob> {
    queue: Queue,
    kind: WorkerKind,
    worker: String,
    lease: Duration,
    heart: Arc<Heart>,
    waiting: WaitingConnection,
    /// The last wake-up that we saw.
    last_wake: String,
    /// When to look for expired leases again.
    next_look: Instant,
    /// Whether a job may have been handed to us in an answer that never arrived.
    is_in_doubt: bool,
    carries: PhantomData<fn() -> J>,
}

/// What the `lease` function returns: id, attempt, attempts in all, job.
type HandedOver = Option<(String, u32, u32, String)>;

impl Queue {
    /// Opens a consumer: its own waiting connection, and a thread that beats for all its leases and hears cancels.
    ///
    /// `worker` must be a fresh name at every start, so that nobody answers for a lease of somebody else.
    pub async fn consumer(&self, kind: WorkerKind, worker: &str, lease: Duration) -> Result<Consumer, Error> {
        self.open_consumer(kind, worker, lease).await
    }

    /// Opens a consumer of text jobs, as [`consumer`](Self::consumer) does of the others.
    pub async fn text_consumer(&self, worker: &str, lease: Duration) -> Result<Consumer<TextJob>, Error> {
        self.open_consumer(WorkerKind::Llm, worker, lease).await
    }

    async fn open_consumer<J: Work>(
        &self,
        kind: WorkerKind,
        worker: &str,
        lease: Duration,
    ) -> Result<Consumer<J>, Error> {
        Ok(Consumer {
            queue: self.clone(),
            kind,
            worker: worker.to_owned(),
            lease,
            heart: Arc::new(Heart::start(self, worker, lease).await?),
            waiting: WaitingConnection::new(self),
            last_wake: "0-0".to_owned(),
            next_look: Instant::now(),
            is_in_doubt: false,
            carries: PhantomData,
        })
    }
}

impl<J: Work> Consumer<J> {
    /// Waits for a job; none when `stop` fires. Outages are waited out.
    ///
    /// A job that is handed over at the moment of the stop goes back at once. Dropping the future is safe too: the next
    /// call gives back what it may have left behind. A worker whose wishes change while it waits, because a place became
    /// free, stops the call and begins another with its new wishes: that one looks before it waits.
    pub async fn next(&mut self, affinity: &Affinity, stop: &CancellationToken) -> Result<Option<Lease<J>>, Error> {
        let mut pause = PAUSES.0;
        // A publication after this look wakes us, because we wait from the last wake-up that we saw before it.
        let mut has_looked = false;
        while !stop.is_cancelled() {
            let found = match self.recover().await {
                Ok(()) if has_looked => self.wait_and_look(affinity, stop).await,
                Ok(()) => self.look(affinity).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(Some(lease)) if stop.is_cancelled() => self.give_back(lease).await,
                Ok(Some(lease)) => return Ok(Some(lease)),
                Ok(None) => {
                    has_looked = true;
                    pause = PAUSES.0;
                }
                Err(error) if error.is_outage() => {
                    if pause == PAUSES.0 {
                        tracing::warn!("no jobs for now: {error:#}");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                    pause = (pause * 2).min(PAUSES.1);
                    has_looked = false;
                }
                Err(error) => return Err(error),
            }
        }
        if let Ok(Err(error)) = tokio::time::timeout(STOP_PATIENCE, self.recover()).await {
            tracing::debug!("what was handed over last runs out by itself: {error:#}");
        }
        Ok(None)
    }

    /// Ends the attempt of `lease` and takes the next job, if one waits, in one round trip; none when `stop` has fired.
    ///
    /// During an outage it tries until the end is heard, as [`Lease::finish`] does, and takes no job. What may have been
    /// handed over in an answer that never arrived, the next call of [`next`](Self::next) gives back.
    pub async fn finish_and_take(
        &mut self,
        lease: Lease<J>,
        ending: Ending<'_>,
        affinity: &Affinity,
        stop: &CancellationToken,
    ) -> Result<(Accepted, Option<Lease<J>>), Error> {
        let (outcome, payload) = ending.encode()?;
        // Who stops wants no further job, and who is in doubt must first give back what it does not know of.
        if stop.is_cancelled() || self.is_in_doubt {
            return Ok((lease.end(outcome, &payload).await?, None));
        }
        let token = random_token()?;
        let keys = self.queue.keys();
        let keys = [keys.job(lease.job.id()), keys.done(), keys.lanes(self.kind), keys.events()];
        let mut call = function("atelier_v1_finish_and_lease", &keys);
        call.arg(lease.job.id().to_string()).arg(lease.token()).arg(outcome.as_str()).arg(&payload);
        self.add_wishes(&mut call, affinity, &token);
        self.is_in_doubt = true;
        let (is_accepted, handed): (bool, HandedOver) = match self.queue.query("finish a job", &call).await {
            Ok(answer) => answer,
            Err(error) if error.is_outage() => return Ok((lease.end(outcome, &payload).await?, None)),
            Err(error) => return Err(error),
        };
        self.is_in_doubt = false;
        // The heart need not beat for what has ended.
        drop(lease);
        let accepted = if is_accepted { Accepted::Yes } else { Accepted::Lost };
        match self.accept(handed, token).await {
            Ok(Some(next)) if stop.is_cancelled() => {
                self.give_back(next).await;
                Ok((accepted, None))
            }
            Ok(next) => Ok((accepted, next)),
            // The end was heard, and that is what this call must not get wrong.
            Err(error) => {
                tracing::warn!("could not refuse a job, so its lease runs out: {error:#}");
                Ok((accepted, None))
            }
        }
    }

    /// Takes the next job, if there is one.
    async fn look(&mut self, affinity: &Affinity) -> Result<Option<Lease<J>>, Error> {
        let token = random_token()?;
        let call = self.call(affinity, &token);
        self.is_in_doubt = true;
        let handed: HandedOver = self.queue.query("take a job", &call).await?;
        self.is_in_doubt = false;
        self.accept(handed, token).await
    }

    /// Waits for a wake-up, and takes the next job in the same breath: the server runs the second command as soon as
    /// the first one ends, which saves a round trip between publication and start.
    async fn wait_and_look(
        &mut self,
        affinity: &Affinity,
        stop: &CancellationToken,
    ) -> Result<Option<Lease<J>>, Error> {
        let action = "wait for a job";
        let token = random_token()?;
        let block = self.patience();
        let mut commands = redis::pipe();
        commands.cmd("XREAD").arg("BLOCK").arg(milliseconds(block)).arg("STREAMS");
        commands.arg(self.queue.keys().wake(self.kind)).arg(&self.last_wake);
        commands.add_command(self.call(affinity, &token));

        let client_id = self.waiting.open(action).await?;
        self.is_in_doubt = true;
        let answered = {
            let mut answer = std::pin::pin!(self.waiting.query_all(action, &commands, block));
            tokio::select! {
                answered = &mut answer => answered,
                () = stop.cancelled() => {
                    let unblock = command("CLIENT", &["UNBLOCK", &client_id.to_string()]);
                    self.queue.query::<i64>("stop waiting", &unblock).await?;
                    match tokio::time::timeout(STOP_PATIENCE, answer).await {
                        Ok(answered) => answered,
                        Err(_) => return Ok(None),
                    }
                }
            }
        };
        let (woken, handed): (Option<StreamReadReply>, HandedOver) = answered?;
        self.is_in_doubt = false;
        if let Some(last) = woken.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).next_back() {
            self.last_wake = last.id;
        }
        self.accept(handed, token).await
    }

    fn patience(&self) -> Duration {
        LOOK_FOR_EXPIRED_EVERY.min(self.lease / 5)
    }

    fn call(&mut self, affinity: &Affinity, token: &str) -> redis::Cmd {
        let keys = self.queue.keys();
        let mut call = function("atelier_v1_lease", &[keys.lanes(self.kind), keys.done(), keys.events()]);
        self.add_wishes(&mut call, affinity, token);
        call
    }

    /// Adds who asks for a job, and for which.
    fn add_wishes(&mut self, call: &mut redis::Cmd, affinity: &Affinity, token: &str) {
        // Looking for expired leases costs a command a lane, so not every call does it.
        let looks_for_expired = self.next_look <= Instant::now() && self.queue.is_calm_for(self.lease);
        if looks_for_expired {
            self.next_look = Instant::now() + self.patience() / 2;
        }
        call.arg(&self.worker).arg(token).arg(if looks_for_expired { milliseconds(self.lease) } else { 0 });
        call.arg(affinity.memory_mib.unwrap_or_default());
        call.arg(if affinity.prefer_warm { 1 } else { -1 }).arg(affinity.warm_models.len());
        for model in affinity.warm_models.iter().chain(&affinity.excluded_models) {
            call.arg(model_hash(model));
        }
    }

    async fn accept(&mut self, handed: HandedOver, token: String) -> Result<Option<Lease<J>>, Error> {
        let Some((id, attempt, max_attempts, json)) = handed else { return Ok(None) };
        match serde_json::from_str(&json) {
            Ok(job) => Ok(Some(Lease::new(self.queue.clone(), self.heart.clone(), token, job, attempt, max_attempts))),
            Err(error) => {
                // The cause may hold words of the prompt.
                tracing::error!(
                    job.id = id,
                    "cannot read job {id} ({:?} at column {})",
                    error.classify(),
                    error.column()
                );
                self.refuse(&id, &token).await?;
                Ok(None)
            }
        }
    }

    /// Ends the attempt of a job that cannot be read here; another worker may be able to.
    async fn refuse(&self, id: &str, token: &str) -> Result<(), Error> {
        let job_id: JobId = id
            .parse()
            .map_err(|_| Error::Reply { action: "the request for a job", reply: format!("the id {id:?}") })?;
        let failure = Failure {
            code: FailureCode::Engine,
            message: "The worker cannot read this job.".to_owned(),
            remedy: Some("Run the same version of server and worker, then retry the job.".to_owned()),
        };
        let payload = serde_json::to_string(&failure).map_err(|source| Error::Encode { what: "a failure", source })?;
        let keys = self.queue.keys();
        let mut call = function("atelier_v1_finish", &[keys.job(job_id), keys.done()]);
        call.arg(id).arg(token).arg(Outcome::Retry.as_str()).arg(payload);
        self.queue.query::<bool>("refuse a job", &call).await.map(drop)
    }

    /// Gives back what was handed over in an answer that never arrived, if that can be.
    async fn recover(&mut self) -> Result<(), Error> {
        if !self.is_in_doubt {
            return Ok(());
        }
        let keys = self.queue.keys();
        let mut call = function("atelier_v1_recover", &[keys.lanes(self.kind), keys.events(), keys.wake(self.kind)]);
        call.arg(&self.worker).arg(self.heart.held.tokens());
        let recovered: u64 = self.queue.query("give back what was not received", &call).await?;
        if recovered > 0 {
            tracing::info!(recovered, "gave back {recovered} jobs whose hand-over was interrupted");
        }
        self.is_in_doubt = false;
        Ok(())
    }

    async fn give_back(&self, lease: Lease<J>) {
        match tokio::time::timeout(STOP_PATIENCE, lease.release()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!("could not give a job back, so its lease runs out: {error:#}"),
            Err(_) => tracing::warn!("could not give a job back in time, so its lease runs out"),
        }
    }
}
