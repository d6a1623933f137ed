//! The thread that tells the ledger what this worker holds and asks for, and hears the answer.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use redis::aio::MultiplexedConnection;
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Device, Waiting, books::Books};
use crate::{
    Error, Queue,
    connection::{function, open_connection},
    publisher::milliseconds,
};

/// How often there is a sign of life in a lease. Four of them may get lost.
const SIGNS_PER_LEASE: u32 = 5;
/// How long to wait before trying again after a failure.
const PAUSE: Duration = Duration::from_millis(200);
/// The last word of a worker is not worth waiting longer.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(1);

/// What the `memory_sync` function returns: granted requests, models that must leave, reasons of those that wait.
type Decided = (Vec<u64>, Vec<String>, Vec<String>);

/// Keeps the ledger in agreement with the books.
pub(super) struct Keeper {
    queue: Queue,
    device: Device,
    worker: String,
    lease: Duration,
    books: Arc<Books>,
    connection: Option<MultiplexedConnection>,
}

impl Keeper {
    pub(super) fn new(queue: &Queue, device: &Device, worker: &str, lease: Duration, books: Arc<Books>) -> Self {
        let (queue, device, worker) = (queue.clone(), device.clone(), worker.to_owned());
        Self { queue, device, worker, lease, books, connection: None }
    }

    /// Starts the thread, which ends soon after `stop` fires.
    pub(super) fn start(mut self, stop: CancellationToken) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let called = Notify::new();
        let life = async move {
            let (queue, worker) = (self.queue.clone(), self.worker.clone());
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.keep(&called) => {}
                () = hear_calls(&queue, &worker, &called) => {}
            }
            // Nobody can have anything of this ledger any more, so this says that nothing is held.
            if let Ok(Err(error)) = tokio::time::timeout(LAST_WORD_LIMIT, self.agree()).await {
                tracing::debug!("what {worker} held lapses by itself: {error:#}");
            }
        };
        let name = "queue-memory".to_owned();
        std::thread::Builder::new().name(name).spawn(move || runtime.block_on(life)).map_err(Error::Thread)?;
        Ok(())
    }

    /// Tells the ledger everything, at every change and often enough, for ever.
    async fn keep(&mut self, called: &Notify) {
        let mut is_out = false;
        loop {
            let pause = match self.agree().await {
                Ok(()) => {
                    if is_out {
                        tracing::info!("the memory ledger hears {} again", self.worker);
                    }
                    is_out = false;
                    self.lease / SIGNS_PER_LEASE
                }
                Err(error) => {
                    if !is_out {
                        tracing::warn!("the memory ledger does not hear {}: {error:#}", self.worker);
                    }
                    is_out = true;
                    PAUSE.min(self.lease / SIGNS_PER_LEASE)
                }
            };
            let books = Arc::clone(&self.books);
            tokio::select! {
                () = sleep(pause) => {}
                () = books.changed.notified(), if !is_out => {}
                () = called.notified(), if !is_out => {}
            }
        }
    }

    async fn agree(&mut self) -> Result<(), Error> {
        let told = self.books.tell(self.device.total_mib, self.device.comfortable_mib);
        let json = serde_json::to_string(&told).map_err(|source| Error::Encode { what: "memory", source })?;
        let keys = self.queue.keys();
        let mut call = function("atelier_v1_memory_sync", &[keys.memory(&self.device.name), keys.memories()]);
        call.arg(&self.device.name).arg(&self.worker).arg(milliseconds(self.lease));
        call.arg(keys.memory_channel("")).arg(json);
        let (granted, leaving, waiting) = self.ask(&call).await?;
        granted.into_iter().for_each(|ask| self.books.hear_granted(ask));
        self.books.hear_leaving(leaving);
        for reason in waiting {
            match serde_json::from_str::<Waiting>(&reason) {
                Ok(reason) => self.books.hear_waiting(reason),
                Err(error) => tracing::warn!("cannot read why memory is not free: {error}"),
            }
        }
        Ok(())
    }

    /// Calls over our own connection, which goes when it fails.
    async fn ask(&mut self, call: &redis::Cmd) -> Result<Decided, Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_connection(&self.queue, "open the connection of the memory ledger").await?,
        };
        connection.set_response_timeout((self.lease / 3).clamp(Duration::from_millis(200), Duration::from_secs(5)));
        let failed = |source| self.queue.failed("agree with the memory ledger", source);
        let decided = call.query_async(&mut connection).await.map_err(failed)?;
        self.connection = Some(connection);
        Ok(decided)
    }
}

/// Listens for calls to look at once. What is missed comes with the next sign of life.
async fn hear_calls(queue: &Queue, worker: &str, called: &Notify) {
    loop {
        match queue.subscribe(queue.keys().memory_channel(worker)).await {
            Ok(subscription) => {
                let mut messages = subscription.into_on_message();
                while messages.next().await.is_some() {
                    called.notify_one();
                }
            }
            Err(error) => tracing::debug!("no memory channel for {worker}: {error:#}"),
        }
        sleep(PAUSE).await;
    }
}
