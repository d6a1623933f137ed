//! Which workers are alive.

use std::time::Duration;

use contract::worker::Worker;

use crate::{Error, Queue};

impl Queue {
    /// Says that a worker is alive; lapses unless it is said again in time.
    pub async fn announce_worker(&self, _worker: &Worker, _lapse: Duration) -> Result<(), Error> {
        todo!()
    }

    /// Says that a worker has stopped.
    pub async fn retire_worker(&self, _name: &str) -> Result<(), Error> {
        todo!()
    }

    /// Lists the workers that are alive, by name.
    pub async fn workers(&self) -> Result<Vec<Worker>, Error> {
        todo!()
    }
}
