//! Who holds the memory of the devices, sent every second to every WebSocket that asked for it.

use std::time::Duration;

use contract::socket::ServerMessage;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::{Live, encoded::json};

/// How often it is sent.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sends what the ledgers say for ever, while anybody wants to know.
pub(super) async fn send(live: Live) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !live.is_memory_wanted() {
            continue;
        }
        match live.parts().queue.memory().await {
            Ok(devices) => live.send_memory(&json(&ServerMessage::Memory { devices })),
            // Valkey is away, which others report.
            Err(error) => debug!("no word about memory: {error:#}"),
        }
    }
}
