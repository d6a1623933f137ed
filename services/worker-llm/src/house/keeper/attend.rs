//! Looks after a model in memory: who works with it, whether it lives, and when it must leave.

use std::sync::Arc;

use tokio::time::sleep;
use tracing::info;

use super::{Life, Stopped, bring::Arrived};
use crate::{
    llama::{measure, server::Server},
    metrics,
};

/// Why a model leaves.
pub(super) enum Leave {
    Idle,
    Asked,
    Died(String),
}

impl Life {
    /// Looks after a model in memory until it leaves.
    pub(super) async fn attend(&mut self, arrived: Arrived) -> Result<Leave, Stopped> {
        let Arrived { server, holding, desk } = arrived;
        let mut gate = desk.watch();
        let (name, memory) = (self.ledger_name(), self.settings.memory.clone());
        let (mut was_busy, mut most_mib) = (false, None);
        let leave = loop {
            let is_busy = gate.borrow_and_update().inside > 0;
            match (was_busy, is_busy) {
                (false, true) => holding.busy(),
                (true, false) => {
                    most_mib = most_mib.max(self.look_again(&server));
                    holding.idle(most_mib.unwrap_or_else(|| holding.mib()));
                }
                _ => {}
            }
            was_busy = is_busy;
            let idle = self.settings.idle.filter(|_| !is_busy);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    desk.close();
                    server.end().await;
                    return Err(Stopped);
                }
                reason = server.died() => break Leave::Died(reason),
                () = desk.hangs.cancelled() => {
                    server.kill();
                    break Leave::Died(format!("it said nothing for too long; {}", server.died().await));
                }
                () = memory.must_leave(&name) => {
                    desk.close();
                    if gate.borrow().inside == 0 {
                        break Leave::Asked;
                    }
                    self.say(format!("{} leaves its memory to others when it is done, and comes back afterwards", self.model));
                    tokio::select! {
                        biased;
                        // What is still under way then has been drained, or is given up.
                        () = self.stop.cancelled() => {
                            server.end().await;
                            return Err(Stopped);
                        }
                        reason = server.died() => break Leave::Died(reason),
                        () = desk.hangs.cancelled() => {
                            server.kill();
                            break Leave::Died(format!("it said nothing for too long; {}", server.died().await));
                        }
                        () = desk.empty() => break Leave::Asked,
                    }
                }
                // The head of the loop looks who came or went.
                _ = gate.changed() => {}
                ask = self.asks.recv() => match ask {
                    Some(ask) => drop(ask.reply.send(Ok(Arc::clone(&desk)))),
                    None => {
                        server.end().await;
                        return Err(Stopped);
                    }
                },
                () = sleep(idle.unwrap_or_default()), if idle.is_some() => {
                    if desk.close_if_empty() {
                        break Leave::Idle;
                    }
                }
            }
        };
        desk.close();
        match &leave {
            Leave::Died(reason) => {
                desk.epitaph.send_replace(Some(reason.clone()));
                self.needs_all = server.ran_out_of_memory(reason);
                self.note_death(reason);
            }
            Leave::Idle => info!(model.id = self.model, "model {} was idle and leaves the memory", self.model),
            Leave::Asked => {
                metrics::model_evicted();
                info!(model.id = self.model, "model {} leaves its memory to others", self.model);
            }
        }
        server.end().await;
        drop(holding);
        self.change(|view| (view.resident, view.process_id) = (None, None));
        Ok(leave)
    }

    /// Measures again where that takes no time: the driver of a card is not asked while somebody may wait.
    fn look_again(&self, server: &Server) -> Option<u64> {
        let is_machine = self.settings.llama.device == "cpu";
        is_machine.then(|| measure::of_machine_mib(server.process_id()?)).flatten()
    }
}
