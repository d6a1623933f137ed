//! All that Valkey holds, in one look.

use std::collections::{BTreeMap, HashMap};

use contract::JobId;
use redis::aio::MultiplexedConnection;

const LOOK: &str = r"
local p = ARGV[1]
local jobs, lanes = {}, {}
for _, key in ipairs(redis.call('KEYS', p .. 'job:*')) do
  jobs[#jobs + 1] = {string.sub(key, #p + 5), redis.call('HGETALL', key)}
end
for _, key in ipairs(redis.call('KEYS', p .. 'lane:*')) do
  local group, about = redis.call('XINFO', 'GROUPS', key)[1], {}
  for i = 1, #group, 2 do about[group[i]] = group[i + 1] end
  lanes[#lanes + 1] = {string.sub(key, #p + 6), redis.call('XRANGE', key, '-', '+'),
    redis.call('XPENDING', key, 'w', '-', '+', 1000), about['last-delivered-id']}
end
local done = redis.call('XRANGE', p .. 'done', '-', '+')
return {jobs, lanes, done, redis.call('ZRANGE', p .. 'lanes:sd', 0, -1, 'WITHSCORES')}
";

/// All that Valkey holds.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) jobs: BTreeMap<JobId, Hash>,
    /// By name.
    pub(super) lanes: BTreeMap<String, Lane>,
    pub(super) done: Vec<Done>,
    /// The lanes that are listed, with their ranks.
    pub(super) listed: BTreeMap<String, u8>,
}

/// The hash of a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hash {
    pub(super) generation: u64,
    pub(super) state: String,
    pub(super) lane: String,
    pub(super) entry: String,
    pub(super) attempts: u32,
    pub(super) max_attempts: u32,
    pub(super) lease_ms: u64,
    pub(super) cancel: bool,
    pub(super) token: Option<String>,
    pub(super) worker: Option<String>,
    pub(super) progress: Option<String>,
    /// Where its end is told, and not in the done stream.
    pub(super) reply: Option<String>,
    /// Whether it has waited long enough for a worker.
    pub(super) is_late: bool,
}

/// A lane.
#[derive(Debug)]
pub(super) struct Lane {
    /// Entries and their jobs, oldest first.
    pub(super) entries: Vec<(String, JobId)>,
    /// Entries that somebody has: entry, worker, idle time in ms.
    pub(super) pending: Vec<(String, String, u64)>,
    /// What comes after this waits.
    pub(super) delivered: String,
}

/// An entry of the done stream.
#[derive(Debug, PartialEq)]
pub(super) struct Done {
    pub(super) id: JobId,
    pub(super) generation: u64,
    pub(super) outcome: String,
    pub(super) attempts: u32,
}

type Fields = HashMap<String, String>;
type RawLane = (String, Vec<(String, Fields)>, Vec<(String, String, u64, u64)>, String);
type Raw = (Vec<(String, Fields)>, Vec<RawLane>, Vec<(String, Fields)>, Vec<(String, u8)>);

impl Facts {
    pub(super) async fn look(raw: &mut MultiplexedConnection) -> Self {
        let mut look = redis::cmd("EVAL");
        look.arg(LOOK).arg(0).arg("{test}:");
        let (jobs, lanes, done, listed): Raw = look.query_async(raw).await.unwrap();
        let lane = |(name, entries, pending, delivered): RawLane| {
            let entries = entries.into_iter().map(|(entry, fields)| (entry, fields["id"].parse().unwrap())).collect();
            let pending = pending.into_iter().map(|(entry, worker, idle_ms, _)| (entry, worker, idle_ms)).collect();
            (name, Lane { entries, pending, delivered })
        };
        Self {
            jobs: jobs.iter().map(|(id, fields)| (id.parse().unwrap(), hash(fields))).collect(),
            lanes: lanes.into_iter().map(lane).collect(),
            done: done.iter().map(|(_, fields)| done_entry(fields)).collect(),
            listed: listed.into_iter().collect(),
        }
    }

    pub(super) fn state(&self, id: JobId) -> &str {
        self.jobs.get(&id).map_or("", |hash| &hash.state)
    }
}

fn hash(fields: &Fields) -> Hash {
    Hash {
        generation: fields["generation"].parse().unwrap(),
        state: fields["state"].clone(),
        lane: fields["lane"].strip_prefix("{test}:lane:").unwrap().to_owned(),
        entry: fields["entry"].clone(),
        attempts: fields["attempts"].parse().unwrap(),
        max_attempts: fields["max_attempts"].parse().unwrap(),
        lease_ms: fields["lease_ms"].parse().unwrap(),
        cancel: fields["cancel"] == "1",
        token: fields.get("token").cloned(),
        worker: fields.get("worker").cloned(),
        progress: fields.get("progress").cloned(),
        reply: fields.get("reply").cloned(),
        is_late: fields.get("expires").is_some_and(|expires| expires == "0"),
    }
}

fn done_entry(fields: &Fields) -> Done {
    Done {
        id: fields["id"].parse().unwrap(),
        generation: fields["generation"].parse().unwrap(),
        outcome: fields["outcome"].clone(),
        attempts: fields["attempts"].parse().unwrap(),
    }
}

/// Returns an entry's id as something that sorts.
pub(super) fn place(entry: &str) -> (u64, u64) {
    let (ms, sequence) = entry.split_once('-').unwrap();
    (ms.parse().unwrap(), sequence.parse().unwrap())
}
