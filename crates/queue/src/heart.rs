//! The heartbeat of a worker: one thread with its own runtime and connections for all leases of a consumer.
//!
//! The most common failure of queues of this kind is a busy program that loses jobs because its heartbeat waits behind
//! its work. Nothing that a worker does in its own runtime can delay this thread.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{
    JobId,
    event::{JobChange, Progress},
};
use futures::StreamExt;
use redis::aio::MultiplexedConnection;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Queue,
    connection::{function, open_connection},
};

/// How many beats there are in a lease. Four of them may get lost.
const BEATS_PER_LEASE: u32 = 5;
/// How often progress is sent at most.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait before trying again after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// Owns the thread: when the last of consumer and leases is dropped, it ends.
pub(crate) struct Heart {
    pub(crate) held: Arc<Held>,
    stop: CancellationToken,
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the worker holds, by token.
#[derive(Default)]
pub(crate) struct Held {
    jobs: Mutex<HashMap<String, HeldJob>>,
    reported: Notify,
}

/// A job that the worker holds, as its heart sees it.
pub(crate) struct HeldJob {
    pub(crate) id: JobId,
    pub(crate) cancelled: CancellationToken,
    pub(crate) lost: CancellationToken,
    /// What is still to be reported.
    pub(crate) progress: Option<Progress>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HeldJob>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, token: String, job: HeldJob) {
        self.lock().insert(token, job);
    }

    pub(crate) fn remove(&self, token: &str) {
        self.lock().remove(token);
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn report(&self, token: &str, progress: Progress) {
        if let Some(job) = self.lock().get_mut(token) {
            job.progress = Some(progress);
            self.reported.notify_one();
        }
    }

    fn cancel(&self, id: JobId) {
        self.lock().values().filter(|job| job.id == id).for_each(|job| job.cancelled.cancel());
    }

    /// Takes what is to be sent now: every job, or only those with progress.
    fn take_due(&self, is_beat: bool) -> Vec<Beat> {
        let mut jobs = self.lock();
        let due = jobs.iter_mut().filter(|(_, job)| is_beat || job.progress.is_some());
        due.map(|(token, job)| Beat { token: token.clone(), id: job.id, progress: job.progress.take() }).collect()
    }

    /// Puts progress back that could not be sent, unless there is newer by now.
    fn put_back(&self, beats: Vec<Beat>) {
        let mut jobs = self.lock();
        for beat in beats {
            if let Some(job) = jobs.get_mut(&beat.token) {
                job.progress = job.progress.take().or(beat.progress);
            }
        }
    }

    fn hear(&self, token: &str, answer: &str) {
        let mut jobs = self.lock();
        match answer {
            "ok" => {}
            "cancel" => {
                if let Some(job) = jobs.get(token) {
                    job.cancelled.cancel();
                }
            }
            _ => {
                if let Some(job) = jobs.remove(token) {
                    job.lost.cancel();
                }
            }
        }
    }
}

struct Beat {
    token: String,
    id: JobId,
    progress: Option<Progress>,
}

impl Heart {
    /// Starts the thread, and returns once it hears cancels, or after some seconds without an answer.
    pub(crate) async fn start(queue: &Queue, worker: &str, lease: Duration) -> Result<Self, Error> {
        let held = Arc::new(Held::default());
        let stop = CancellationToken::new();
        let heart = Self { held: held.clone(), stop: stop.clone() };
        let (ready_sender, ready) = oneshot::channel();
        let (queue, worker) = (queue.clone(), worker.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let life = async move {
            let mut beating = Beating { queue: &queue, held: &held, worker: &worker, lease, connection: None };
            tokio::select! {
                () = stop.cancelled() => {}
                () = beating.run() => {}
                () = hear_control(&queue, &held, &worker, ready_sender) => {}
            }
        };
        let name = "queue-heart".to_owned();
        std::thread::Builder::new().name(name).spawn(move || runtime.block_on(life)).map_err(Error::Thread)?;
        if tokio::time::timeout(Duration::from_secs(5), ready).await.is_err() {
            tracing::warn!("no control channel yet: cancels arrive with the beats until there is one");
        }
        Ok(heart)
    }
}

struct Beating<'a> {
    queue: &'a Queue,
    held: &'a Held,
    worker: &'a str,
    lease: Duration,
    connection: Option<MultiplexedConnection>,
}

impl Beating<'_> {
    async fn run(&mut self) {
        let period = self.lease / BEATS_PER_LEASE;
        let report_interval = REPORT_INTERVAL.min(period);
        let mut next_beat = Instant::now() + period;
        let mut next_report = None;
        let mut quiet_until = Instant::now();
        let mut is_out = false;
        loop {
            let due = next_report.map_or(next_beat, |report: Instant| report.min(next_beat));
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.held.reported.notified() => {
                    next_report.get_or_insert(quiet_until);
                    continue;
                }
            }
            let now = Instant::now();
            let is_beat = now >= next_beat;
            match self.send(self.held.take_due(is_beat)).await {
                Ok(()) => {
                    if is_out {
                        tracing::info!("the heart of {} beats again", self.worker);
                    }
                    is_out = false;
                    if is_beat {
                        next_beat = now + period;
                    }
                    next_report = None;
                    quiet_until = now + report_interval;
                }
                Err(error) => {
                    if !is_out {
                        tracing::warn!("the heart of {} misses beats: {error:#}", self.worker);
                    }
                    is_out = true;
                    next_beat = Instant::now() + PAUSE.min(period);
                    next_report = None;
                }
            }
        }
    }

    async fn send(&mut self, beats: Vec<Beat>) -> Result<(), Error> {
        if beats.is_empty() {
            return Ok(());
        }
        let mut calls = redis::pipe();
        for beat in &beats {
            let change = beat.progress.clone().map(|progress| serde_json::to_string(&JobChange::Progress(progress)));
            let json = change.transpose().map_err(|source| Error::Encode { what: "progress", source })?;
            let keys = self.queue.keys();
            let mut call = function("atelier_v1_beat", &[keys.job(beat.id), keys.events()]);
            call.arg(beat.id.to_string()).arg(&beat.token).arg(self.worker).arg(json.unwrap_or_default());
            calls.add_command(call);
        }
        match self.ask(&calls).await {
            Ok(answers) => {
                for (beat, answer) in beats.iter().zip(answers) {
                    self.held.hear(&beat.token, &answer);
                }
                Ok(())
            }
            Err(error) => {
                self.held.put_back(beats);
                Err(error)
            }
        }
    }

    /// Sends over our own connection, which goes when it fails.
    async fn ask(&mut self, calls: &redis::Pipeline) -> Result<Vec<String>, Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_connection(self.queue, "open the connection of the heart").await?,
        };
        connection.set_response_timeout((self.lease / 3).clamp(Duration::from_millis(200), Duration::from_secs(5)));
        let failed = |source| self.queue.failed("renew leases", source);
        let answers = calls.query_async(&mut connection).await.map_err(failed)?;
        self.connection = Some(connection);
        Ok(answers)
    }
}

/// Listens for cancels, the quick way. What is missed while the connection is away comes with the next beat.
async fn hear_control(queue: &Queue, held: &Held, worker: &str, ready: oneshot::Sender<()>) {
    let mut ready = Some(ready);
    loop {
        match queue.subscribe(queue.keys().control(worker)).await {
            Ok(subscription) => {
                ready.take().map(|ready| ready.send(()));
                let mut messages = subscription.into_on_message();
                while let Some(message) = messages.next().await {
                    let text: String = message.get_payload().unwrap_or_default();
                    match text.strip_prefix("cancel ").map(str::parse) {
                        Some(Ok(id)) => held.cancel(id),
                        _ => tracing::warn!("cannot read a control message of {} bytes", text.len()),
                    }
                }
            }
            Err(error) => tracing::debug!("no control channel for {worker}: {error:#}"),
        }
        sleep(PAUSE).await;
    }
}
