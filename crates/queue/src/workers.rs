//! Which workers are alive.

use std::time::Duration;

use contract::worker::Worker;

use crate::{
    Error, Queue,
    connection::function,
    publisher::{milliseconds, to_json},
};

/// How large the JSON of a worker may be.
const MAX_WORKER_BYTES: usize = 64 << 10;

impl Queue {
    /// Says that a worker is alive; lapses unless it is said again in time.
    pub async fn announce_worker(&self, worker: &Worker, lapse: Duration) -> Result<(), Error> {
        let json = to_json("a worker", worker, MAX_WORKER_BYTES)?;
        let keys = [self.keys().workers(), self.keys().worker(&worker.name)];
        let mut call = function("atelier_v1_announce_worker", &keys);
        call.arg(&worker.name).arg(json).arg(milliseconds(lapse));
        self.query::<u64>("announce a worker", &call).await.map(drop)
    }

    /// Says that a worker has stopped.
    pub async fn retire_worker(&self, name: &str) -> Result<(), Error> {
        let mut call = function("atelier_v1_retire_worker", &[self.keys().workers(), self.keys().worker(name)]);
        call.arg(name);
        self.query::<u64>("retire a worker", &call).await.map(drop)
    }

    /// Lists the workers that are alive, by name.
    pub async fn workers(&self) -> Result<Vec<Worker>, Error> {
        let action = "list the workers";
        let mut list = redis::cmd("SMEMBERS");
        list.arg(self.keys().workers());
        let mut names: Vec<String> = self.query(action, &list).await?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        names.sort_unstable();
        let mut load = redis::cmd("MGET");
        load.arg(names.iter().map(|name| self.keys().worker(name)).collect::<Vec<_>>());
        let announcements: Vec<Option<String>> = self.query(action, &load).await?;
        let mut workers = Vec::with_capacity(names.len());
        for (name, announcement) in names.iter().zip(announcements) {
            let Some(json) = announcement else {
                self.retire_worker(name).await?;
                continue;
            };
            match serde_json::from_str(&json) {
                Ok(worker) => workers.push(worker),
                Err(error) => tracing::warn!(worker.name = name, "cannot read the announcement of {name}: {error}"),
            }
        }
        Ok(workers)
    }
}
