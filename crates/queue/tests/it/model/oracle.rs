//! What the functions must answer.

use std::cmp::Reverse;

use contract::JobId;

use super::{
    facts::{Facts, Hash, place},
    operation::Request,
    world::{LEASE_MS, lane_of_model, memory_of},
};

/// How many entries of a lane the functions look at in one call.
const EXPIRED_AT_ONCE: usize = 16;

/// What a request for a job must do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Foretold {
    /// Jobs that are closed on the way, with their outcome.
    pub(super) closed: Vec<(JobId, &'static str)>,
    /// The job that is handed over.
    pub(super) handed: Option<JobId>,
    /// Whether it is taken over from somebody else.
    pub(super) is_taken_over: bool,
}

impl Facts {
    /// Foretells the answer to a request for a job.
    pub(super) fn foretell_lease(&self, request: &Request) -> Foretold {
        let mut foretold = Foretold::default();
        for name in self.lanes_in_order(request) {
            let lane = &self.lanes[name];
            let expired =
                lane.entries.iter().filter(|(entry, id)| request.takes_over && self.is_expired(name, entry, *id));
            let waiting = lane.entries.iter().filter(|(entry, _)| place(entry) > place(&lane.delivered));
            for (entry, id) in expired.chain(waiting) {
                let hash = &self.jobs[id];
                match fate(hash) {
                    Some(outcome) => foretold.closed.push((*id, outcome)),
                    None => {
                        foretold.handed = Some(*id);
                        foretold.is_taken_over = place(entry) <= place(&lane.delivered);
                        return foretold;
                    }
                }
            }
        }
        foretold
    }

    /// Foretells whether an end comes from the holder of a running job, and whether it only repeats one.
    pub(super) fn foretell_finish(&self, id: JobId, token: &str, outcome: &str) -> (bool, bool) {
        let hash = self.jobs.get(&id).filter(|hash| hash.token.as_deref() == Some(token));
        // Who did not hear the answer may ask again.
        (hash.is_some_and(|hash| hash.state == "running"), hash.is_some_and(|hash| hash.state == outcome))
    }

    /// Ends a running job.
    pub(super) fn end(&mut self, id: JobId, outcome: &str) {
        let Some(hash) = self.jobs.get_mut(&id) else { return };
        hash.state = outcome.to_owned();
        let hash = hash.clone();
        if hash.reply.is_some() {
            self.jobs.remove(&id);
        }
        if let Some(lane) = self.lanes.get_mut(&hash.lane) {
            lane.entries.retain(|(entry, _)| *entry != hash.entry);
            lane.pending.retain(|(entry, _, _)| *entry != hash.entry);
        }
    }

    /// Foretells which expired leases are closed when nobody takes them over, and who has waited long enough.
    pub(super) fn foretell_reap(&self) -> Vec<(JobId, &'static str)> {
        let mut closed = Vec::new();
        for (name, lane) in &self.lanes {
            let expired = lane.entries.iter().filter(|(entry, id)| self.is_expired(name, entry, *id));
            closed.extend(expired.filter_map(|(_, id)| Some((*id, fate(&self.jobs[id])?))));
            let waiting = lane.entries.iter().filter(|(entry, _)| place(entry) > place(&lane.delivered));
            let late = waiting.take(EXPIRED_AT_ONCE).filter(|(_, id)| self.jobs[id].is_late);
            closed.extend(late.map(|(_, id)| (*id, "expired")));
        }
        closed
    }

    fn is_expired(&self, lane: &str, entry: &str, id: JobId) -> bool {
        let pending = self.lanes[lane].pending.iter().find(|(pending, _, _)| pending == entry);
        pending.is_some_and(|(_, _, idle_ms)| *idle_ms >= LEASE_MS && *idle_ms >= self.jobs[&id].lease_ms)
    }

    /// Returns the lanes in the order in which the worker wants them.
    fn lanes_in_order(&self, request: &Request) -> Vec<&String> {
        let excluded = request.excluded.map(lane_of_model);
        let memory_mib = memory_of(request.worker);
        let has_enough = |name: &str| memory_mib == 0 || too_little_mib(name).is_none_or(|mib| memory_mib > mib);
        let is_wanted = |name: &&String| has_enough(name) && Some(model_of(name)) != excluded.as_deref();
        let mut lanes: Vec<_> = self.lanes.keys().filter(is_wanted).collect();
        lanes.sort_by_key(|name| {
            let warmth = request.warm.iter().position(|model| lane_of_model(*model) == model_of(name));
            let warmth = warmth.map_or(0, |place| i64::try_from(request.warm.len() - place).unwrap());
            let warmth = if request.prefers_warm { warmth } else { -warmth };
            let lane = &self.lanes[*name];
            let head = lane.entries.iter().map(|(entry, _)| place(entry)).find(|entry| *entry > place(&lane.delivered));
            (self.listed[*name], Reverse(warmth), head.is_none(), head, *name)
        });
        lanes
    }
}

/// Returns how a job ends instead of being handed over.
fn fate(hash: &Hash) -> Option<&'static str> {
    if hash.cancel {
        return Some("cancelled");
    }
    (hash.attempts >= hash.max_attempts).then_some("dead")
}

/// Returns the memory with which nobody takes jobs of this lane.
pub(super) fn too_little_mib(lane: &str) -> Option<u64> {
    lane.split(':').nth(2)?.strip_prefix('>').map(|mib| mib.parse().unwrap())
}

pub(super) fn model_of(lane: &str) -> &str {
    lane.rsplit(':').next().unwrap()
}
