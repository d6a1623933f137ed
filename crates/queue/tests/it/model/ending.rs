//! The end of a series: the faults stop, a good worker comes, and everything must come to rest.

use super::{
    operation::Request,
    world::{RowState, World},
};
use queue::Outcome;

/// How many rounds everything may take to come to rest.
const ROUNDS: usize = 12;

impl World {
    pub(super) async fn drain(&mut self) {
        let request = Request { worker: 9, takes_over: true, prefers_warm: true, warm: Vec::new(), excluded: None };
        for _ in 0..ROUNDS {
            self.reconcile().await;
            self.pump(false).await;
            self.expire_everything().await;
            self.reap().await;
            self.held.clear();
            while self.lease(&request).await.handed.is_some() {
                let held = self.held[0].clone();
                self.finish_held(&held, Outcome::Succeeded, false).await;
            }
            self.project(false, true).await;
            self.project(false, false).await;
            self.check_invariants().await;
            if self.is_at_rest().await {
                break;
            }
        }
        let stuck: Vec<_> = self.rows.iter().filter(|row| !matches!(row.state, RowState::Ended(_))).collect();
        assert!(stuck.is_empty(), "stuck for ever: {stuck:?}");
        self.check_no_text_events().await;
        let facts = self.look().await;
        assert!(facts.jobs.is_empty() && facts.done.is_empty(), "left behind: {facts:?}");
        assert!(facts.lanes.is_empty() && facts.listed.is_empty(), "empty lanes are left: {facts:?}");
        for (id, outcome, losses) in std::mem::take(&mut self.accepted) {
            let is_end = matches!(outcome, Outcome::Succeeded | Outcome::Failed | Outcome::Cancelled);
            if is_end && losses == self.losses {
                let state = self.row(id).state;
                assert_eq!(state, RowState::Ended(outcome), "an accepted end was not kept");
            }
        }
    }

    /// Lets every lease run out, also the long ones.
    async fn expire_everything(&mut self) {
        for id in self.look().await.jobs.into_keys() {
            let key = format!("{{test}}:job:{id}");
            redis::cmd("HSET").arg(key).arg("lease_ms").arg(1).exec_async(&mut self.raw).await.unwrap();
        }
        self.expire(u32::MAX).await;
    }

    async fn is_at_rest(&mut self) -> bool {
        let facts = self.look().await;
        facts.jobs.is_empty()
            && facts.done.is_empty()
            && self.rows.iter().all(|row| matches!(row.state, RowState::Ended(_)))
    }
}
