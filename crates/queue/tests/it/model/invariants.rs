//! What holds after every step.

use std::collections::BTreeMap;

use super::{
    facts::Facts,
    world::{RowState, World},
};

const ENDS: &[&str] = &["succeeded", "failed", "retry", "crashed", "cancelled", "dead"];

impl World {
    pub(super) async fn check_invariants(&mut self) {
        let facts = self.look().await;
        check_lanes(&facts);
        check_jobs(&facts);
        self.check_texts(&facts).await;
        for row in &self.rows {
            if row.state == RowState::Published && row.published_in == Some(self.losses) {
                let generation = facts.jobs.get(&row.id).map(|hash| hash.generation);
                assert_eq!(generation, Some(row.generation), "published, nothing lost since, and not there: {row:?}");
            }
        }
    }
}

fn check_lanes(facts: &Facts) {
    let mut in_lanes = BTreeMap::new();
    for (name, lane) in &facts.lanes {
        for (entry, id) in &lane.entries {
            assert_eq!(in_lanes.insert(*id, (name, entry)), None, "{id} has two entries");
            let hash = facts.jobs.get(id).unwrap_or_else(|| panic!("an entry without a job: {id}"));
            assert_eq!((&hash.lane, &hash.entry), (name, entry), "an entry that its job does not know: {id}");
            let holder = lane.pending.iter().find(|(pending, _, _)| pending == entry).map(|(_, worker, _)| worker);
            assert_eq!(holder, hash.worker.as_ref(), "the lane and the job name different holders: {id}");
            assert_eq!(hash.state, if holder.is_some() { "running" } else { "queued" }, "{id}");
        }
        assert!(lane.pending.iter().all(|(entry, _, _)| lane.entries.iter().any(|(other, _)| other == entry)));
        // An empty lane is listed until somebody passes by and removes it.
        let rank = facts.listed.get(name).unwrap_or_else(|| panic!("the lane {name} is not listed"));
        assert_eq!(name.split(':').nth(1), Some(rank.to_string().as_str()), "the lane {name} has rank {rank}");
    }
    for (id, hash) in &facts.jobs {
        let is_open = matches!(hash.state.as_str(), "queued" | "running");
        assert_eq!(in_lanes.contains_key(id), is_open, "{id} is {}", hash.state);
    }
}

fn check_jobs(facts: &Facts) {
    for (id, hash) in &facts.jobs {
        let ends: Vec<_> =
            facts.done.iter().filter(|done| done.id == *id && done.generation == hash.generation).collect();
        match hash.state.as_str() {
            "queued" => {
                assert_eq!((&hash.token, &hash.worker, &hash.progress), (&None, &None, &None), "{id} waits");
                assert!(ends.is_empty(), "{id} waits and has ended: {ends:?}");
            }
            "running" => {
                assert!(hash.token.is_some() && hash.worker.is_some(), "{id} runs and nobody has it");
                assert!(ends.is_empty(), "{id} runs and has ended: {ends:?}");
                assert!(hash.attempts >= 1 && hash.attempts <= hash.max_attempts, "{id}: {hash:?}");
            }
            end => {
                assert_eq!(hash.reply, None, "a text job that has ended is still there: {id}");
                assert!(ENDS.contains(&end), "{id} is {end}");
                assert_eq!(ends.len(), 1, "{id} is {end}, and the API hears of it {} times", ends.len());
                assert_eq!((ends[0].outcome.as_str(), ends[0].attempts), (end, hash.attempts), "{id}");
            }
        }
    }
    for (place, done) in facts.done.iter().enumerate() {
        let twin = facts.done[..place].iter().find(|other| (other.id, other.generation) == (done.id, done.generation));
        assert_eq!(twin, None, "one generation ended twice");
    }
}
