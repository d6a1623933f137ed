//! Hands previews to those who watch: at most five a second of each job, and always the latest.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use contract::{JobId, preview::Preview};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::Live;

/// The shortest time between two previews of a job.
const INTERVAL: Duration = Duration::from_millis(200);
/// The pause after a failed subscription.
const PAUSE: Duration = Duration::from_secs(1);

/// When the last preview of a job went out, and the one that waits for its turn.
struct Slot {
    sent_at: Instant,
    held: Option<Bytes>,
}

/// Follows the previews of all jobs for ever.
pub(super) async fn follow(live: Live) {
    let mut slots = HashMap::<JobId, Slot>::new();
    loop {
        let mut frames = match live.parts().queue.subscribe_previews().await {
            Ok(frames) => frames,
            Err(error) => {
                warn!("previews are missing: {:#}", anyhow::Error::from(error));
                sleep(PAUSE).await;
                continue;
            }
        };
        loop {
            let due = slots.values().filter(|slot| slot.held.is_some()).map(|slot| slot.sent_at + INTERVAL).min();
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => take(&mut slots, frame),
                    None => break,
                },
                () = wait_until(due) => {}
            }
            send_what_is_due(&mut slots, &live);
        }
        sleep(PAUSE).await;
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn take(slots: &mut HashMap<JobId, Slot>, frame: Bytes) {
    let Some(job) = Preview::decode(&frame).map(|preview| preview.job_id) else { return };
    let long_ago = Instant::now() - INTERVAL;
    slots.entry(job).or_insert(Slot { sent_at: long_ago, held: None }).held = Some(frame);
}

fn send_what_is_due(slots: &mut HashMap<JobId, Slot>, live: &Live) {
    let now = Instant::now();
    for slot in slots.values_mut().filter(|slot| slot.sent_at + INTERVAL <= now) {
        if let Some(frame) = slot.held.take() {
            live.send_preview(&frame);
            slot.sent_at = now;
        }
    }
    slots.retain(|_, slot| slot.held.is_some() || slot.sent_at + INTERVAL > now);
}
