//! What workers do, by direct calls of the functions: a zombie is easier to play than to be.

use contract::{JobId, event::JobChange};
use proptest::sample::Index;
use queue::Outcome;
use redis::FromRedisValue;

use super::{
    facts::Facts,
    operation::Request,
    oracle::{Foretold, model_of, too_little_mib},
    world::{Held, LEASE_MS, RowState, World, lane_of_model, memory_of},
};
use crate::ground::{failure, progress, result};

/// What is handed over: id, attempt, attempts in all, job.
type HandedOver = Option<(String, u32, u32, String)>;

impl World {
    /// Asks for a job, and holds the answer against the oracle.
    pub(super) async fn lease(&mut self, request: &Request) -> Foretold {
        let before = self.look().await;
        let foretold = before.foretell_lease(request);
        let (token, arguments) = self.ask(request);
        let keys = ["{test}:lanes:sd".to_owned(), "{test}:done".to_owned(), "{test}:ev".to_owned()];
        let handed: HandedOver = self.call("lease", &keys, &arguments).await;
        self.check_lease(&before, request, &foretold, handed, token).await;
        foretold
    }

    /// Ends a job and asks for the next in one call: what it does must be what the two calls would have done.
    pub(super) async fn finish_and_lease(&mut self, held: &Index, outcome: Outcome, request: &Request) {
        let Some(held) = self.pick_held(held) else { return };
        let request = Request { worker: held.worker[1..].parse().unwrap(), ..request.clone() };
        let mut before = self.look().await;
        let (is_running, is_repeated) = before.foretell_finish(held.id, &held.token, outcome.as_str());
        let generation = before.jobs.get(&held.id).map_or(0, |hash| hash.generation);
        if is_running {
            before.end(held.id, outcome.as_str());
        }
        let foretold = before.foretell_lease(&request);
        let (token, wishes) = self.ask(&request);
        let mut arguments =
            vec![held.id.to_string(), held.token.clone(), outcome.as_str().to_owned(), payload(outcome)];
        arguments.extend(wishes);
        let keys = [
            format!("{{test}}:job:{}", held.id),
            "{test}:done".to_owned(),
            "{test}:lanes:sd".to_owned(),
            "{test}:ev".to_owned(),
        ];
        let (accepted, handed): (bool, HandedOver) = self.call("finish_and_lease", &keys, &arguments).await;
        assert_eq!(accepted, is_running || is_repeated, "only the holder is heard: {held:?}");
        if is_running {
            let after = self.look().await;
            self.assert_ended(&after, held.id, outcome.as_str());
            self.remember_end(held.id, generation, outcome);
        }
        self.leave(&held, false);
        if handed.is_some() {
            self.tally.count("finish brought the next");
        }
        self.check_lease(&before, &request, &foretold, handed, token).await;
    }

    /// Returns a new token, and the arguments of a request.
    fn ask(&mut self, request: &Request) -> (String, Vec<String>) {
        self.tokens += 1;
        let token = format!("token {}", self.tokens);
        let models = request.warm.iter().copied().chain(request.excluded).map(lane_of_model);
        let mut arguments = vec![
            format!("w{}", request.worker),
            token.clone(),
            if request.takes_over { LEASE_MS } else { 0 }.to_string(),
            memory_of(request.worker).to_string(),
            if request.prefers_warm { "1" } else { "-1" }.to_owned(),
            request.warm.len().to_string(),
        ];
        arguments.extend(models);
        (token, arguments)
    }

    /// Holds what was handed over against what was foretold, and keeps it.
    async fn check_lease(
        &mut self,
        before: &Facts,
        request: &Request,
        foretold: &Foretold,
        handed: HandedOver,
        token: String,
    ) {
        assert_eq!(handed.as_ref().map(|(id, ..)| id.parse().unwrap()), foretold.handed, "{request:?} of {before:?}");
        let worker = format!("w{}", request.worker);
        let after = self.look().await;
        for (id, outcome) in &foretold.closed {
            self.assert_ended(&after, *id, outcome);
            self.tally.count(if *outcome == "dead" { "closed as dead" } else { "closed as cancelled" });
        }
        if let (Some(id), Some((_, attempt, max_attempts, _))) = (foretold.handed, handed) {
            let (old, new) = (&before.jobs[&id], &after.jobs[&id]);
            assert_eq!((attempt, max_attempts), (old.attempts + 1, old.max_attempts));
            assert_eq!((new.state.as_str(), new.attempts), ("running", attempt));
            assert_eq!((new.token.as_ref(), new.worker.as_ref()), (Some(&token), Some(&worker)));
            assert_eq!(new.progress, None, "the progress of an earlier attempt");
            let pending = after.lanes[&new.lane].pending.iter().find(|(entry, _, _)| *entry == new.entry);
            assert!(pending.is_some_and(|(_, _, idle_ms)| *idle_ms < LEASE_MS), "a new lease that has run out");
            self.tally.count(if foretold.is_taken_over { "taken over" } else { "handed over" });
            self.held.push(Held { id, token, worker });
        }
    }

    /// Asks for a job when all leases have run out.
    pub(super) async fn expire_lease(&mut self, request: &Request) {
        self.expire(u32::MAX).await;
        drop(self.lease(&Request { takes_over: true, ..request.clone() }).await);
    }

    /// Asks for a job and never hears the answer.
    pub(super) async fn lose_answer(&mut self, request: &Request) {
        let before = self.look().await;
        let foretold = self.lease(request).await;
        if foretold.handed.is_some() {
            self.held.pop();
        }
        let worker = format!("w{}", request.worker);
        let own = self.held.iter().filter(|held| held.worker == worker);
        let tokens: Vec<String> = own.map(|held| held.token.clone()).collect();
        let between = self.look().await;
        let is_lost = |hash: &&super::facts::Hash| {
            hash.state == "running"
                && hash.worker.as_ref() == Some(&worker)
                && !hash.token.as_ref().is_some_and(|token| tokens.contains(token))
        };
        let lost = between.jobs.values().filter(is_lost).count();
        let keys = ["{test}:lanes:sd".to_owned(), "{test}:ev".to_owned(), "{test}:wake:sd".to_owned()];
        let arguments: Vec<String> = std::iter::once(worker.clone()).chain(tokens.clone()).collect();
        let recovered: usize = self.call("recover", &keys, &arguments).await;
        assert_eq!(recovered, lost);
        if let Some(id) = foretold.handed {
            let (old, new) = (&before.jobs[&id], &self.look().await.jobs[&id]);
            assert_eq!((new.state.as_str(), new.attempts), ("queued", old.attempts), "it cost an attempt");
            self.tally.count("recovered");
        }
    }

    pub(super) fn forget(&mut self, held: &Index) {
        if !self.held.is_empty() {
            self.held.remove(held.index(self.held.len()));
        }
    }

    pub(super) async fn beat(&mut self, held: &Index, reports: bool) {
        if let Some(held) = self.pick_held(held) {
            self.beat_held(&held, reports).await;
        }
    }

    pub(super) async fn beat_held(&mut self, held: &Held, reports: bool) {
        let before = self.look().await;
        let hash = before.jobs.get(&held.id);
        let foretold = match hash {
            Some(hash) if hash.token.as_ref() == Some(&held.token) && hash.state == "running" => {
                if hash.cancel {
                    "cancel"
                } else {
                    "ok"
                }
            }
            _ => "lost",
        };
        let change = serde_json::to_string(&JobChange::Progress(progress(3))).unwrap();
        let json = if reports { change.clone() } else { String::new() };
        let keys = [format!("{{test}}:job:{}", held.id), "{test}:ev".to_owned()];
        let arguments = [held.id.to_string(), held.token.clone(), held.worker.clone(), json];
        let answer: String = self.call("beat", &keys, &arguments).await;
        assert_eq!(answer, foretold);
        let after = self.look().await;
        if foretold == "lost" {
            assert_eq!(after.jobs, before.jobs, "somebody who has lost the job changed it");
            self.tally.count("beat lost");
            return;
        }
        let hash = &after.jobs[&held.id];
        let (_, worker, idle_ms) =
            after.lanes[&hash.lane].pending.iter().find(|(entry, _, _)| *entry == hash.entry).unwrap();
        assert!(*idle_ms < LEASE_MS && *worker == held.worker, "the lease was not renewed");
        assert!(!reports || hash.progress.as_ref() == Some(&change), "the progress is not kept");
        self.tally.count(if foretold == "ok" { "beat ok" } else { "beat cancel" });
    }

    pub(super) async fn finish(&mut self, held: &Index, outcome: Outcome, hears: bool, stays: bool) {
        if let Some(held) = self.pick_held(held) {
            if !hears {
                self.finish_held(&held, outcome, true).await;
            }
            self.finish_held(&held, outcome, stays).await;
        }
    }

    pub(super) async fn finish_held(&mut self, held: &Held, outcome: Outcome, stays: bool) {
        let before = self.look().await;
        let (is_running, is_repeated) = before.foretell_finish(held.id, &held.token, outcome.as_str());
        let keys = [format!("{{test}}:job:{}", held.id), "{test}:done".to_owned()];
        let arguments = [held.id.to_string(), held.token.clone(), outcome.as_str().to_owned(), payload(outcome)];
        let accepted: bool = self.call("finish", &keys, &arguments).await;
        assert_eq!(accepted, is_running || is_repeated, "only the holder is heard: {held:?}");
        let after = self.look().await;
        if is_running {
            self.assert_ended(&after, held.id, outcome.as_str());
            self.remember_end(held.id, before.jobs[&held.id].generation, outcome);
        } else {
            assert_eq!(after.jobs, before.jobs, "somebody who does not hold the job changed it");
        }
        self.tally.count(match (is_running, is_repeated) {
            (true, _) => "finish accepted",
            (false, true) => "finish repeated",
            (false, false) => "finish lost",
        });
        self.leave(held, stays);
    }

    /// Remembers an end that the API must keep. A generation that came back with an older image ends unheard: SQL has a
    /// newer one, and the job runs again.
    fn remember_end(&mut self, id: JobId, generation: u64, outcome: Outcome) {
        if self.asked.texts.contains_key(&id) {
            return;
        }
        let row = self.row(id);
        if generation == row.generation && row.state == RowState::Published {
            let losses = self.losses;
            self.accepted.push((id, outcome, losses));
        }
    }

    pub(super) async fn release(&mut self, held: &Index, stays: bool) {
        let Some(held) = self.pick_held(held) else { return };
        let before = self.look().await;
        let hash = before.jobs.get(&held.id).filter(|hash| hash.token.as_ref() == Some(&held.token));
        let foretold = hash.filter(|hash| hash.state == "running");
        let keys = [
            format!("{{test}}:job:{}", held.id),
            "{test}:done".to_owned(),
            "{test}:ev".to_owned(),
            "{test}:wake:sd".to_owned(),
        ];
        let accepted: bool = self.call("release", &keys, &[held.id.to_string(), held.token.clone()]).await;
        assert_eq!(accepted, foretold.is_some());
        let after = self.look().await;
        match foretold {
            Some(old) if old.cancel => self.assert_ended(&after, held.id, "cancelled"),
            Some(old) => {
                let new = &after.jobs[&held.id];
                assert_eq!((new.state.as_str(), new.attempts), ("queued", old.attempts - 1));
                self.tally.count("released");
            }
            None => assert_eq!(after.jobs, before.jobs),
        }
        self.leave(&held, stays);
    }

    /// Passes a job on while the three workers are there, of which the last has the most memory.
    pub(super) async fn pass_on(&mut self, held: &Index, stays: bool) {
        let Some(held) = self.pick_held(held) else { return };
        for worker in 0..3 {
            let name = format!("w{worker}");
            let announcement =
                serde_json::json!({ "kind": "sd", "state": "busy", "memory_mib": memory_of(worker) }).to_string();
            let keys = ["{test}:workers".to_owned(), format!("{{test}}:worker:{name}")];
            let _: u64 = self.call("announce_worker", &keys, &[name, announcement, "60000".to_owned()]).await;
        }
        let memory_mib = memory_of(held.worker[1..].parse().unwrap());
        let before = self.look().await;
        let hash = before.jobs.get(&held.id).filter(|hash| hash.token.as_ref() == Some(&held.token));
        let running = hash.filter(|hash| hash.state == "running");
        let is_largest = memory_mib == memory_of(2);
        let keys = ["done", "ev", "wake:sd", "lanes:sd", "workers"].map(|name| format!("{{test}}:{name}"));
        let keys = [vec![format!("{{test}}:job:{}", held.id)], keys.to_vec()].concat();
        let arguments = [held.id.to_string(), held.token.clone(), memory_mib.to_string()];
        let answer: i64 = self.call("pass_on", &keys, &arguments).await;
        let after = self.look().await;
        match running {
            Some(old) if old.cancel => {
                assert_eq!(answer, 1);
                self.assert_ended(&after, held.id, "cancelled");
            }
            Some(old) if !is_largest => {
                let new = &after.jobs[&held.id];
                assert_eq!((answer, new.state.as_str(), new.attempts), (1, "queued", old.attempts - 1));
                assert_eq!(too_little_mib(&new.lane), Some(memory_mib));
                assert_eq!(model_of(&new.lane), model_of(&old.lane));
                self.tally.count("passed on");
            }
            running => {
                assert_eq!(answer, if running.is_some() { -1 } else { 0 });
                assert_eq!(after.jobs, before.jobs, "nobody passed it on, and it changed");
                self.tally.count(if running.is_some() { "too large for all" } else { "passed on too late" });
            }
        }
        // Who has to do it itself still has it.
        self.leave(&held, stays || answer == -1);
    }

    fn pick_held(&self, index: &Index) -> Option<Held> {
        (!self.held.is_empty()).then(|| self.held[index.index(self.held.len())].clone())
    }

    fn leave(&mut self, held: &Held, stays: bool) {
        if !stays {
            self.held.retain(|other| other.token != held.token);
        }
    }

    /// Calls a function as programs of ours do.
    pub(super) async fn call<T: FromRedisValue>(&mut self, name: &str, keys: &[String], arguments: &[String]) -> T {
        let mut call = redis::cmd("FCALL");
        call.arg(format!("atelier_v1_{name}")).arg(keys.len()).arg(keys).arg(arguments);
        call.query_async(&mut self.raw).await.unwrap_or_else(|error| panic!("{name} failed: {error}"))
    }
}

/// Returns what a worker says of an end.
fn payload(outcome: Outcome) -> String {
    match outcome {
        Outcome::Succeeded => serde_json::to_string(&result()).unwrap(),
        Outcome::Cancelled => String::new(),
        _ => serde_json::to_string(&failure()).unwrap(),
    }
}
