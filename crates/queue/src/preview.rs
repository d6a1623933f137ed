//! Previews: pictures for those who watch now, and the last one for those who come later.

use bytes::Bytes;
use contract::JobId;
use tokio::sync::mpsc;

use crate::{Error, Queue};

impl Queue {
    /// Sends a frame (see `contract::preview`) to whoever watches, and keeps it for a while.
    pub async fn publish_preview(&self, _id: JobId, _frame: Bytes) -> Result<(), Error> {
        todo!()
    }

    /// Returns the last frame of a job.
    pub async fn last_preview(&self, _id: JobId) -> Result<Option<Bytes>, Error> {
        todo!()
    }

    /// Follows the frames of all jobs, across lost connections. A receiver that is too slow misses frames.
    pub async fn subscribe_previews(&self) -> Result<mpsc::Receiver<Bytes>, Error> {
        todo!()
    }
}
