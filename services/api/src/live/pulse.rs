//! The state of the whole, sent to every WebSocket every few seconds.

use std::time::Duration;

use contract::socket::{Pulse, ServerMessage};
use sysinfo::System;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::{Live, encoded::json};

/// How often it is sent.
const INTERVAL: Duration = Duration::from_secs(2);

/// Returns the memory of the machine in MiB: all of it, and what is free. Zero where the system does not say.
pub(crate) fn memory() -> (u64, u64) {
    let Ok(mut system) = System::new() else { return (0, 0) };
    system.refresh_memory();
    (system.total_memory() >> 20, system.available_memory() >> 20)
}

/// Sends the state of the whole for ever, while anybody is connected.
pub(super) async fn send(live: Live) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !live.is_pulse_wanted() {
            continue;
        }
        let (memory_total_mib, memory_available_mib) = memory();
        let parts = live.parts();
        let found = async {
            let workers = parts.queue.workers().await?;
            anyhow::Ok((workers, parts.db.queue_depths(parts.clock.now()).await?))
        };
        match found.await {
            Ok((workers, queues)) => {
                let pulse = Pulse { memory_total_mib, memory_available_mib, queues, workers };
                live.send_pulse(&json(&ServerMessage::System(pulse)));
            }
            // Valkey is away, which others report; the clients see that the pulse stops.
            Err(error) => debug!("no pulse: {error:#}"),
        }
    }
}
