//! The names of all keys, and the rules that hold between them.
//!
//! Every key begins with `{prefix}:`, so that all of them lie in one slot of a cluster.
//!
//! | key | form | holds |
//! | --- | --- | --- |
//! | `lane:<kind>:<rank>:<model>` | stream, group `w` | work: `id`. Pending entries are running jobs, idle time is the lease |
//! | `lane:<kind>:<rank>:><MiB>:<model>` | the same | work that is too large for workers with so much memory |
//! | `lanes:<kind>` | sorted set | the lanes that exist, by rank |
//! | `job:<id>` | hash | `generation state lane entry job attempts max_attempts lease_ms cancel [token worker progress] [reply expires]` |
//! | `done` | stream, group `api` | ends on their way to SQL: `id generation outcome attempts worker payload` |
//! | `ev` | stream, about 20,000 | what watchers see: `id change`; the time is in the entry's own id |
//! | `wake:<kind>` | stream of 1 | something was published |
//! | `ctl:<worker>` | channel | `cancel <id>` |
//! | `reply:<instance>` | channel | frames and ends of text jobs, for the API instance that asked |
//! | `preview` | channel | frames as in `contract::preview` |
//! | `preview:<id>` | string, expires | the last frame |
//! | `workers` | set | names of workers |
//! | `worker:<name>` | string, expires | a worker as JSON |
//! | `memory:<device>` | string, expires | who holds the memory of a device and who waits for it, as JSON (`memory.lua`) |
//! | `memories` | set | names of devices |
//! | `mem:<worker>` | channel | `look <device>`: something was granted, or somebody must leave |
//! | `unreadable` | stream, at most 1,000 | done entries that could not be read |
//! | `epoch` | string | random; gone when the data are gone |
//!
//! `<model>` is a short hash of the model's id, so that any name makes a key.
//! A job has a hash from its publication until the API has settled it; one with `reply`, a text job, only until it ends:
//! its end is one message on that channel, and nothing in `done` or `ev`. After every function:
//! - the entries of all lanes are the hashes in state `queued` and `running`, one each;
//! - the pending entries are the hashes in state `running`, held by `worker` under `token`;
//! - a lane is listed in `lanes:<kind>` as long as it has entries.

use contract::{JobId, spec::WorkerKind};

use crate::Error;

/// The names of the keys of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// `{prefix}:`
    start: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Result<Self, Error> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(is_plain) {
            return Err(Error::Prefix(prefix.to_owned()));
        }
        Ok(Self { start: format!("{{{prefix}}}:") })
    }

    pub(crate) fn job(&self, id: JobId) -> String {
        format!("{}job:{id}", self.start)
    }

    /// Returns the id in the name of a job's hash.
    pub(crate) fn job_id(&self, key: &str) -> Option<JobId> {
        key.strip_prefix(&self.start)?.strip_prefix("job:")?.parse().ok()
    }

    /// Matches all jobs, for `SCAN`.
    pub(crate) fn any_job(&self) -> String {
        format!("{}job:*", self.start)
    }

    pub(crate) fn lane(&self, name: &str) -> String {
        format!("{}lane:{name}", self.start)
    }

    pub(crate) fn lanes(&self, kind: WorkerKind) -> String {
        format!("{}lanes:{}", self.start, kind.as_str())
    }

    pub(crate) fn wake(&self, kind: WorkerKind) -> String {
        format!("{}wake:{}", self.start, kind.as_str())
    }

    pub(crate) fn done(&self) -> String {
        format!("{}done", self.start)
    }

    pub(crate) fn unreadable(&self) -> String {
        format!("{}unreadable", self.start)
    }

    pub(crate) fn events(&self) -> String {
        format!("{}ev", self.start)
    }

    pub(crate) fn epoch(&self) -> String {
        format!("{}epoch", self.start)
    }

    /// Returns the channel of a worker; with an empty name, what all of these begin with.
    pub(crate) fn control(&self, worker: &str) -> String {
        format!("{}ctl:{worker}", self.start)
    }

    /// Returns the channel of an API instance that waits for text.
    pub(crate) fn reply(&self, instance: &str) -> String {
        format!("{}reply:{instance}", self.start)
    }

    pub(crate) fn previews(&self) -> String {
        format!("{}preview", self.start)
    }

    pub(crate) fn last_preview(&self, id: JobId) -> String {
        format!("{}preview:{id}", self.start)
    }

    pub(crate) fn memory(&self, device: &str) -> String {
        format!("{}memory:{device}", self.start)
    }

    pub(crate) fn memories(&self) -> String {
        format!("{}memories", self.start)
    }

    /// Returns the channel on which a worker hears of its memory; with an empty name, what all of these begin with.
    pub(crate) fn memory_channel(&self, worker: &str) -> String {
        format!("{}mem:{worker}", self.start)
    }

    pub(crate) fn workers(&self) -> String {
        format!("{}workers", self.start)
    }

    pub(crate) fn worker(&self, name: &str) -> String {
        format!("{}worker:{name}", self.start)
    }
}

/// Returns the name of a lane.
pub(crate) fn lane_name(kind: WorkerKind, rank: u8, model: &str) -> String {
    format!("{}:{rank}:{}", kind.as_str(), model_hash(model))
}

/// Returns how much memory is too little for the jobs of a lane, in MiB, from its name or key.
pub(crate) fn too_little_memory(lane: &str) -> Option<u64> {
    lane.split(':').find_map(|part| part.strip_prefix('>'))?.parse().ok()
}

/// Returns the short hash that stands for a model: FNV-1a, because programs of different builds must agree on it.
/// Two models with one hash would share a lane, which costs model swaps and nothing else.
pub(crate) fn model_hash(model: &str) -> String {
    let hash = model
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_found_again_in_its_key() {
        let keys = Keys::new("atelier").unwrap();
        let id = JobId::new();
        assert_eq!(keys.job_id(&keys.job(id)), Some(id));
        assert_eq!(keys.job_id(&keys.last_preview(id)), None);
    }

    #[test]
    fn the_hash_of_a_model_never_changes() {
        assert_eq!(model_hash(""), "cbf29ce484222325");
        assert_eq!(model_hash("a"), "af63dc4c8601ec8c");
    }

    #[test]
    fn a_lane_tells_how_much_memory_is_too_little() {
        let lane = lane_name(WorkerKind::Sd, 1, "a model");
        assert_eq!(too_little_memory(&lane), None);
        assert_eq!(too_little_memory("{a}:lane:sd:1:>300:cbf29ce484222325"), Some(300));
    }

    #[test]
    fn a_prefix_that_would_break_the_keys_is_refused() {
        for prefix in ["", "a}b", "a*", "a b", "ä"] {
            assert!(Keys::new(prefix).is_err(), "{prefix:?} was accepted");
        }
    }
}
