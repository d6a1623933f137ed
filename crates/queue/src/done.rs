//! What workers finished, on its way to SQL.
//!
//! The stream has one group, `api`, which hands each new entry to one reader. An entry stays in the stream until it is
//! settled, after the SQL commit, and [`DoneReader::pending`] shows all that were read, so that nothing else need
//! remember by whom. The API must write an entry with a condition on the generation
//! (`WHERE id = … AND generation = … AND state = 'published'`), because it may see it twice.

mod decode;

use std::time::Duration;

use contract::{JobId, job::Failure, result::JobResult};
use redis::streams::{StreamId, StreamInfoGroupsReply, StreamRangeReply, StreamReadReply};

use crate::{
    Error, Queue,
    connection::{WaitingConnection, command, function},
};

/// What a reader does, for errors.
const READ: &str = "read what workers finished";
/// How many unreadable entries are kept for a person to look at.
const UNREADABLE_KEPT: usize = 1000;
/// How many entries one function call settles.
const SETTLED_AT_ONCE: usize = 128;

/// The end of one publication of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneEntry {
    /// Its name in the stream, for [`Queue::settle`].
    pub entry_id: String,
    /// Which job.
    pub job_id: JobId,
    /// Which publication of it.
    pub generation: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts used by now.
    pub attempts: u32,
    /// What was made, if it succeeded.
    pub result: Option<JobResult>,
    /// Why nothing was made, unless it succeeded or was cancelled.
    pub failure: Option<Failure>,
    /// Who ran it last.
    pub worker: Option<String>,
}

/// How a publication of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It made what it was asked for.
    Succeeded,
    /// It cannot be done; another try would not help.
    Failed,
    /// It went wrong; another try may help.
    Retry,
    /// The engine process died under it: counts towards poison.
    Crashed,
    /// Somebody asked for its end.
    Cancelled,
    /// Its last holder disappeared, and there are no attempts left.
    Dead,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: &[Self] = &[Self::Succeeded, Self::Failed, Self::Retry, Self::Crashed, Self::Cancelled, Self::Dead];

    /// Returns the name that stands in the stream.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

/// Reads the done stream as one consumer of the group, on its own connection.
pub struct DoneReader {
    queue: Queue,
    consumer: String,
    connection: WaitingConnection,
    /// Whether entries may have been handed to us in an answer that never arrived.
    is_in_doubt: bool,
}

impl Queue {
    /// Opens a reader. Each API instance has its own `consumer` name, and keeps it over restarts.
    pub async fn done_reader(&self, consumer: &str) -> Result<DoneReader, Error> {
        self.make_done_group().await?;
        let connection = WaitingConnection::new(self);
        Ok(DoneReader { queue: self.clone(), consumer: consumer.to_owned(), connection, is_in_doubt: true })
    }

    /// Forgets entries after the SQL commit (job, generation, entry id), and their jobs unless these were published
    /// again since.
    pub async fn settle(&self, entries: &[(JobId, u64, String)]) -> Result<(), Error> {
        let mut calls = redis::pipe();
        for batch in entries.chunks(SETTLED_AT_ONCE) {
            let mut keys = vec![self.keys().done()];
            keys.extend(batch.iter().map(|(id, _, _)| self.keys().job(*id)));
            let mut call = function("atelier_v1_settle", &keys);
            for (_, generation, entry_id) in batch {
                call.arg(*generation).arg(entry_id);
            }
            calls.add_command(call).ignore();
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.query_all("settle jobs", &calls).await
    }

    pub(crate) async fn make_done_group(&self) -> Result<(), Error> {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(self.keys().done()).arg("api").arg("0").arg("MKSTREAM");
        match self.query::<()>("make the group of the done stream", &create).await {
            Err(Error::Command { source, .. }) if source.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }
}

impl DoneReader {
    /// Returns the oldest that were read and not settled, whoever read them. Settle what it returns, and call it again
    /// until it returns nothing.
    pub async fn pending(&mut self, count: usize) -> Result<Vec<DoneEntry>, Error> {
        let Some(last_read) = self.last_read().await? else { return Ok(Vec::new()) };
        let mut list = redis::cmd("XRANGE");
        list.arg(self.queue.keys().done()).arg("-").arg(last_read).arg("COUNT").arg(count);
        let listed: StreamRangeReply = self.queue.query(READ, &list).await?;
        // Anything that an answer lost is in this list, as long as the caller empties it.
        self.is_in_doubt = listed.ids.len() >= count;
        self.decode(listed.ids).await
    }

    /// Returns the last entry that the group handed to anybody; none if there was no group.
    async fn last_read(&self) -> Result<Option<String>, Error> {
        let ask = command("XINFO", &["GROUPS", &self.queue.keys().done()]);
        let known = match self.queue.query::<StreamInfoGroupsReply>(READ, &ask).await {
            Err(Error::Command { source, .. }) if source.to_string().contains("no such key") => None,
            known => known?.groups.into_iter().find(|group| group.name == "api"),
        };
        if known.is_none() {
            // Valkey lost its data; what workers finish from now on must not be lost too.
            self.queue.make_done_group().await?;
        }
        Ok(known.map(|group| group.last_delivered_id))
    }

    /// Waits up to `block` for new entries; after a failure it first returns what is pending.
    pub async fn next(&mut self, count: usize, block: Duration) -> Result<Vec<DoneEntry>, Error> {
        if self.is_in_doubt {
            let pending = self.pending(count).await?;
            if !pending.is_empty() {
                return Ok(pending);
            }
        }
        let mut read = redis::pipe();
        read.cmd("XREADGROUP").arg("GROUP").arg("api").arg(&self.consumer).arg("COUNT").arg(count);
        // What was handed out is not kept a second time: the stream itself holds it until it is settled.
        read.arg("BLOCK").arg(block.as_millis().max(1) as u64).arg("NOACK");
        read.arg("STREAMS").arg(self.queue.keys().done()).arg(">");
        self.is_in_doubt = true;
        let entries = self.read(&read, block).await?;
        self.is_in_doubt = false;
        self.decode(entries).await
    }

    async fn read(&mut self, commands: &redis::Pipeline, block: Duration) -> Result<Vec<StreamId>, Error> {
        let answer = self.connection.query_all(READ, commands, block).await;
        let (reply,): (Option<StreamReadReply>,) = match answer {
            Err(Error::Command { source, .. }) if source.to_string().contains("NOGROUP") => {
                self.queue.make_done_group().await?;
                return Ok(Vec::new());
            }
            answer => answer?,
        };
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    /// Returns the entries in our types. One that cannot be read never stops the stream.
    async fn decode(&self, entries: Vec<StreamId>) -> Result<Vec<DoneEntry>, Error> {
        let mut decoded = Vec::with_capacity(entries.len());
        for entry in entries {
            match decode::decode(&entry) {
                Ok(done) => decoded.push(done),
                Err(unreadable) => {
                    tracing::error!("cannot read the done entry {}: {}; it is kept aside", entry.id, unreadable.reason);
                    self.set_aside(&entry, &unreadable).await?;
                    decoded.extend(unreadable.substitute.map(|done| *done));
                }
            }
        }
        Ok(decoded)
    }

    /// Keeps a copy for a person to look at. The entry itself goes too, unless somebody will settle it.
    async fn set_aside(&self, entry: &StreamId, unreadable: &decode::Unreadable) -> Result<(), Error> {
        let mut commands = redis::pipe();
        commands.atomic().cmd("XADD").arg(self.queue.keys().unreadable()).arg("MAXLEN").arg("~").arg(UNREADABLE_KEPT);
        commands.arg("*").arg("entry").arg(&entry.id).arg("reason").arg(&unreadable.reason);
        for (name, value) in &entry.map {
            if let redis::Value::BulkString(bytes) = value {
                commands.arg(name).arg(bytes);
            }
        }
        commands.ignore();
        if unreadable.substitute.is_none() {
            let done = self.queue.keys().done();
            commands.cmd("XDEL").arg(&done).arg(&entry.id).ignore();
        }
        self.queue.query_all("set an unreadable entry aside", &commands).await
    }
}
