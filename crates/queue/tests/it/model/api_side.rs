//! What the API does.

use std::time::Duration;

use contract::JobId;
use proptest::sample::Index;
use queue::{Cancelled, DoneEntry, Outcome, Publication};

use super::{
    operation::{NewJob, Request},
    world::{Row, RowState, World, model_name},
};
use crate::ground::{KIND, publication_of};

impl Row {
    fn publication(&self, generation: u64) -> Publication {
        Publication {
            generation,
            rank: self.rank,
            model: model_name(self.model),
            attempts: self.attempts,
            max_attempts: self.max_attempts,
            lease: Duration::from_millis(self.lease_ms),
            cancel_requested: self.cancel,
            ..publication_of(self.id)
        }
    }

    /// Writes an end to SQL: `… WHERE id = ? AND generation = ? AND state = 'published'`.
    fn project(&mut self, done: &DoneEntry) {
        if self.state != RowState::Published || self.generation != done.generation {
            return;
        }
        self.attempts = done.attempts;
        self.state = match done.outcome {
            Outcome::Retry | Outcome::Crashed if self.cancel => RowState::Ended(Outcome::Cancelled),
            Outcome::Retry | Outcome::Crashed if self.attempts < self.max_attempts => RowState::Queued,
            Outcome::Retry | Outcome::Crashed => RowState::Ended(Outcome::Dead),
            outcome => RowState::Ended(outcome),
        };
    }
}

impl World {
    pub(super) fn submit(&mut self, job: &NewJob) {
        self.rows.push(Row {
            id: JobId::new(),
            state: RowState::Queued,
            generation: 0,
            attempts: 0,
            max_attempts: job.max_attempts,
            cancel: false,
            rank: job.rank,
            model: job.model,
            lease_ms: job.lease_ms,
            published_in: None,
        });
    }

    pub(super) async fn submit_publish_lease(&mut self, job: &NewJob, worker: u8) {
        self.submit(job);
        self.pump(false).await;
        let request = Request { worker, takes_over: true, prefers_warm: true, warm: vec![job.model], excluded: None };
        drop(self.lease(&request).await);
    }

    pub(super) async fn pump(&mut self, dies: bool) {
        let losses = self.losses;
        for row in self.rows.iter_mut().filter(|row| row.state == RowState::Queued) {
            // SQL first: what does not reach the queue is found by reconciling.
            row.generation += 1;
            row.state = RowState::Published;
            row.published_in = None;
            if dies {
                return;
            }
            let published = self.ground.queue.publish(&[row.publication(row.generation)]).await.unwrap();
            assert_eq!(published, [true], "a new generation was taken for an old one: {row:?}");
            row.published_in = Some(losses);
            if row.generation > 1 {
                self.tally.count("published again");
            }
        }
    }

    pub(super) async fn publish_late(&mut self, job: &Index, is_older: bool) {
        let facts = self.look().await;
        let Some(row) = self.pick_row(job).map(|place| &self.rows[place]) else { return };
        let there = facts.jobs.get(&row.id).map(|hash| hash.generation);
        if there == Some(row.generation) {
            let generation = row.generation - u64::from(is_older);
            let published = self.ground.queue.publish(&[row.publication(generation)]).await.unwrap();
            assert_eq!(published, [false], "generation {generation} was published over {there:?}");
            assert_eq!(self.look().await.jobs, facts.jobs, "a publication that does nothing did something");
            self.tally.count("published late");
        }
    }

    pub(super) async fn cancel(&mut self, job: &Index, is_heard: bool) {
        let facts = self.look().await;
        let Some(place) = self.pick_row(job) else { return };
        let row = &mut self.rows[place];
        match row.state {
            RowState::Ended(_) => {}
            RowState::Queued => {
                row.cancel = true;
                row.state = RowState::Ended(Outcome::Cancelled);
            }
            RowState::Published => {
                row.cancel = true;
                let foretold = match facts.state(row.id) {
                    "" => Cancelled::Absent,
                    "queued" => Cancelled::Cancelled,
                    "running" => Cancelled::Requested,
                    _ => Cancelled::Finished,
                };
                assert_eq!(self.ground.queue.cancel(row.id).await.unwrap(), foretold);
                let id = row.id;
                let after = self.look().await;
                match foretold {
                    Cancelled::Cancelled => {
                        assert_eq!(after.state(id), "cancelled");
                        self.tally.count("cancelled while waiting");
                    }
                    Cancelled::Requested => {
                        assert!(after.state(id) == "running" && after.jobs[&id].cancel);
                        self.tally.count("cancelled while running");
                        let token = after.jobs[&id].token.as_ref();
                        let holder = self.held.iter().find(|held| Some(&held.token) == token).cloned();
                        if let Some(holder) = holder.filter(|_| is_heard) {
                            self.beat_held(&holder, false).await;
                        }
                    }
                    _ => assert_eq!(after.jobs, facts.jobs),
                }
            }
        }
    }

    pub(super) async fn recall(&mut self, job: &Index) {
        let facts = self.look().await;
        let Some(place) = self.pick_row(job) else { return };
        let row = &mut self.rows[place];
        let waits = facts.state(row.id) == "queued";
        assert_eq!(self.ground.queue.recall(&[row.id]).await.unwrap(), [waits]);
        if waits {
            self.tally.count("recalled");
            if row.state == RowState::Published {
                row.state = RowState::Queued;
            }
        } else {
            assert_eq!(self.look().await.jobs, facts.jobs);
        }
    }

    pub(super) async fn reap(&mut self) {
        let facts = self.look().await;
        let foretold = facts.foretell_reap();
        self.ground.queue.reap(KIND, Duration::from_millis(1)).await.unwrap();
        let after = self.look().await;
        for (id, outcome) in &foretold {
            self.assert_ended(&after, *id, outcome);
            self.tally.count("reaped");
        }
        for (id, hash) in &facts.jobs {
            if foretold.iter().all(|(closed, _)| closed != id) {
                assert_eq!(after.jobs.get(id), Some(hash), "reaping touched what it must leave alone");
            }
        }
    }

    pub(super) async fn project(&mut self, dies: bool, is_pending: bool) {
        let entries = if is_pending {
            self.done.pending(100).await.unwrap()
        } else {
            self.done.next(100, Duration::from_millis(1)).await.unwrap()
        };
        for done in entries {
            let row = self.row(done.job_id);
            if row.state != RowState::Published || row.generation != done.generation {
                self.tally.count("settled twice");
            }
            self.row(done.job_id).project(&done);
            if dies {
                return;
            }
            self.ground.queue.settle(&[(done.job_id, done.generation, done.entry_id)]).await.unwrap();
            let after = self.look().await;
            let left = after.jobs.get(&done.job_id).map(|hash| hash.generation);
            assert_ne!(left, Some(done.generation), "a settled job is still there");
        }
    }

    pub(super) async fn reconcile(&mut self) {
        let queue = &self.ground.queue;
        let published: Vec<_> =
            self.rows.iter().filter(|row| row.state == RowState::Published).map(|row| row.id).collect();
        let generations = queue.generations(&published).await.unwrap();
        for (id, generation) in published.into_iter().zip(generations) {
            let row = self.row(id);
            if generation.is_none_or(|generation| generation < row.generation) {
                row.state = RowState::Queued;
            }
        }
        let open = self.ground.queue.open_jobs().await.unwrap();
        // SQL knows nothing of requests for text.
        let of_sql = open.into_iter().filter(|id| !self.asked.texts.contains_key(id)).collect::<Vec<_>>();
        for id in of_sql {
            let row = self.row(id);
            let (state, cancel) = (row.state, row.cancel);
            match state {
                RowState::Ended(_) => {
                    self.ground.queue.purge(id).await.unwrap();
                    assert_eq!(self.look().await.jobs.get(&id), None, "a purged job is still there");
                    self.tally.count("purged");
                }
                RowState::Published if cancel => drop(self.ground.queue.cancel(id).await.unwrap()),
                _ => {}
            }
        }
    }
}
