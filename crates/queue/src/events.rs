//! What happens to jobs: a stream that can be replayed.
//!
//! The functions write `queued` (after a release), `running`, `progress` and `cancel_requested` in the same step as the
//! change itself. Submissions and ends are announced by the API, once SQL has them: nobody ever sees an end that SQL
//! does not know.

use std::time::Duration;

use contract::{
    JobId,
    event::{JobChange, JobEvent, Progress},
};
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use time::OffsetDateTime;

use crate::{
    Error, Queue,
    connection::{WaitingConnection, command},
    keys::too_little_memory,
    publisher::to_json,
};

/// How many events can be replayed, roughly. The functions have the same number.
const EVENTS_KEPT: usize = 20_000;
/// How large the JSON of an event may be: as large as a result.
const MAX_EVENT_BYTES: usize = 64 << 10;
/// How many events one read returns.
const READ_AT_ONCE: usize = 1000;

/// The last known state of an open job, for whoever connects late.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Whether a worker has it, or has just ended it and SQL does not know yet.
    pub is_running: bool,
    /// Which worker.
    pub worker: Option<String>,
    /// Attempts used by now, the running one included.
    pub attempt: u32,
    /// How far it is.
    pub progress: Option<Progress>,
    /// It is too large for workers with so much memory: one of them has passed it on.
    pub larger_than_mib: Option<u64>,
}

/// Follows the events on its own connection.
pub struct EventReader {
    stream: String,
    after: String,
    connection: WaitingConnection,
}

impl Queue {
    /// Returns the id of the latest event; `0-0` if there is none.
    pub async fn last_event_id(&self) -> Result<String, Error> {
        let ask = command("XREVRANGE", &[&self.keys().events(), "+", "-", "COUNT", "1"]);
        let reply: StreamRangeReply = self.query("find the latest event", &ask).await?;
        Ok(reply.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |entry| entry.id))
    }

    /// Returns the id of the oldest event that can still be replayed.
    pub async fn first_event_id(&self) -> Result<Option<String>, Error> {
        let ask = command("XRANGE", &[&self.keys().events(), "-", "+", "COUNT", "1"]);
        let reply: StreamRangeReply = self.query("find the oldest event", &ask).await?;
        Ok(reply.ids.into_iter().next().map(|entry| entry.id))
    }

    /// Returns events after an id, oldest first.
    pub async fn events_after(&self, id: &str, count: usize) -> Result<Vec<JobEvent>, Error> {
        let start = format!("({id}");
        let ask = command("XRANGE", &[&self.keys().events(), &start, "+", "COUNT", &count.to_string()]);
        let reply: StreamRangeReply = self.query("replay events", &ask).await?;
        Ok(read_events(&reply.ids))
    }

    /// Opens a reader of the events after an id: `last_event_id` for what comes from now on.
    pub async fn event_reader(&self, after: String) -> Result<EventReader, Error> {
        Ok(EventReader { stream: self.keys().events(), after, connection: WaitingConnection::new(self) })
    }

    /// Returns the last known state of jobs; none where the queue does not know them.
    pub async fn snapshots(&self, ids: &[JobId]) -> Result<Vec<Option<Snapshot>>, Error> {
        type Fields = (Option<String>, Option<String>, Option<u32>, Option<String>, Option<String>);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::pipe();
        for id in ids {
            ask.cmd("HMGET").arg(self.keys().job(*id)).arg(&["state", "worker", "attempts", "progress", "lane"]);
        }
        let found: Vec<Fields> = self.query_all("ask for the state of jobs", &ask).await?;
        let snapshot = |(state, worker, attempts, progress, lane): Fields| {
            let progress = progress.and_then(|json| match serde_json::from_str(&json) {
                Ok(JobChange::Progress(progress)) => Some(progress),
                _ => None,
            });
            let is_running = state? != "queued" && worker.is_some();
            let larger_than_mib = lane.as_deref().and_then(too_little_memory);
            Some(Snapshot { is_running, worker, attempt: attempts.unwrap_or_default(), progress, larger_than_mib })
        };
        Ok(found.into_iter().map(snapshot).collect())
    }

    /// Tells everybody of a change that the API has committed to SQL.
    pub async fn announce(&self, id: JobId, change: &JobChange) -> Result<(), Error> {
        self.announce_all(&[(id, change)]).await
    }

    /// Tells everybody of several changes, in their order.
    pub async fn announce_all(&self, changes: &[(JobId, &JobChange)]) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut tell = redis::pipe();
        for (id, change) in changes {
            let json = to_json("an event", change, MAX_EVENT_BYTES)?;
            tell.cmd("XADD").arg(self.keys().events()).arg("MAXLEN").arg("~").arg(EVENTS_KEPT).arg("*");
            tell.arg("id").arg(id.to_string()).arg("change").arg(json).ignore();
        }
        self.query_all("announce changes", &tell).await
    }
}

impl EventReader {
    /// Waits up to `block` for events; empty if there are none. After a failure it goes on where it was.
    pub async fn next(&mut self, block: Duration) -> Result<Vec<JobEvent>, Error> {
        let mut read = redis::pipe();
        read.cmd("XREAD").arg("COUNT").arg(READ_AT_ONCE).arg("BLOCK").arg(block.as_millis().max(1) as u64);
        read.arg("STREAMS").arg(&self.stream).arg(&self.after);
        let (reply,): (Option<StreamReadReply>,) = self.connection.query_all("read events", &read, block).await?;
        let entries: Vec<StreamId> = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect();
        if let Some(last) = entries.last() {
            self.after.clone_from(&last.id);
        }
        Ok(read_events(&entries))
    }
}

/// Returns the events in stream entries. What cannot be read is reported and left out: watchers lose one line.
fn read_events(entries: &[StreamId]) -> Vec<JobEvent> {
    let read = |entry: &StreamId| {
        let job_id = entry.get::<String>("id")?.parse().ok()?;
        let change = serde_json::from_str(&entry.get::<String>("change")?).ok()?;
        let ms: i64 = entry.id.split('-').next()?.parse().ok()?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
        Some(JobEvent { id: entry.id.clone(), job_id, at, change })
    };
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        match read(entry) {
            Some(event) => events.push(event),
            None => tracing::warn!("cannot read the event {}; it is left out", entry.id),
        }
    }
    events
}
