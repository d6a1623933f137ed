//! Whether anybody needs the machine, and for how long nobody has.
//!
//! Somebody does while a job waits or runs, and while somebody waits for text, whichever instance of the API was asked.
//! What is paused waits for a person and not for the machine; but while text itself is paused, nothing is asked of it.

use std::time::Duration;

use contract::{JobId, spec::WorkerKind};
use time::OffsetDateTime;
use tokio::sync::broadcast::{self, error::TryRecvError};

use super::Parts;
use crate::dispatch::Trouble;

/// How often to look while a picture is tagged: who comes then waits this much longer at worst.
const LOOK_CLOSELY_EVERY: Duration = Duration::from_millis(100);

/// Looks whether anybody needs the machine.
pub(super) struct Quiet {
    parts: Parts,
    /// Since when nobody has needed it, as far as it was looked at.
    since: OffsetDateTime,
    /// How often somebody had asked for text at the last look.
    awaited: u64,
    ended: broadcast::Receiver<JobId>,
}

impl Quiet {
    /// Begins to look. What was before counts as noise.
    pub(super) fn new(parts: &Parts) -> Self {
        let ended = parts.dispatch.ended();
        let (since, awaited) = (parts.clock.now(), parts.texts.count_awaited());
        Self { parts: parts.clone(), since, awaited, ended }
    }

    /// Looks, and returns for how long nobody has needed the machine; none where somebody does.
    pub(super) async fn lasts(&mut self) -> Result<Option<Duration>, Trouble> {
        let is_needed = self.is_needed(0).await;
        let now = self.parts.clock.now();
        // What cannot be looked at may be anything.
        if *is_needed.as_ref().unwrap_or(&true) {
            self.since = now;
        }
        Ok(if is_needed? { None } else { Some(Duration::try_from(now - self.since).unwrap_or_default()) })
    }

    /// Waits until somebody needs the machine, while one request for text is ours.
    pub(super) async fn until_disturbed(&mut self) {
        while let Ok(false) = self.is_needed(1).await {
            tokio::time::sleep(LOOK_CLOSELY_EVERY).await;
        }
        self.since = self.parts.clock.now();
    }

    /// Returns whether anybody needs the machine, or did since the last look. So many requests in Valkey are ours.
    async fn is_needed(&mut self, ours: u64) -> Result<bool, Trouble> {
        let has_ended = self.has_anything_ended();
        let awaited = self.parts.texts.count_awaited();
        let was_asked = std::mem::replace(&mut self.awaited, awaited) != awaited;
        if has_ended || was_asked || self.parts.texts.is_awaited() {
            return Ok(true);
        }
        let db = &self.parts.db;
        if db.has_pending_jobs().await? || (ours == 0 && db.list_paused().await?.contains(&WorkerKind::Llm)) {
            return Ok(true);
        }
        // Other instances have requests for text, too; only one of all instances tags.
        let depth = self.parts.assistant.queue.depth(WorkerKind::Llm).await?;
        Ok(depth.queued + depth.running > ours)
    }

    fn has_anything_ended(&mut self) -> bool {
        let mut has_ended = false;
        loop {
            match self.ended.try_recv() {
                Ok(_) | Err(TryRecvError::Lagged(_)) => has_ended = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return has_ended,
            }
        }
    }
}
