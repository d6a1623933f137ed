//! Connections to Valkey.

use crate::Error;

/// A handle on the queue; cheap to clone. It reconnects by itself.
#[derive(Clone)]
pub struct Queue {}

impl Queue {
    /// Connects. Keys begin with `{prefix}:`. Waits at most a few seconds.
    pub async fn connect(_url: &str, _prefix: &str) -> Result<Self, Error> {
        todo!()
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), Error> {
        todo!()
    }

    /// Loads the function library and makes the groups. For the API only; idempotent.
    pub async fn prepare(&self) -> Result<(), Error> {
        todo!()
    }

    /// Returns a name that changes when the server restarts or loses its data: reconcile then.
    pub async fn run_id(&self) -> Result<String, Error> {
        todo!()
    }
}

pub(crate) fn is_outage(_error: &redis::RedisError) -> bool {
    todo!()
}
