//! What the ledgers say, for people.

use std::collections::BTreeMap;

use contract::memory::{DeviceMemory, HoldingState, MeasuredMemory, MemoryHolding, MemoryRequest};
use serde::Deserialize;

use crate::{
    Error, Queue,
    connection::{command, function},
};

/// A ledger as it is kept; `functions/memory.lua` says what the fields mean.
#[derive(Debug, Deserialize)]
struct Kept {
    total: u64,
    comfortable: u64,
    workers: BTreeMap<String, KeptWorker>,
}

#[derive(Debug, Deserialize)]
struct KeptWorker {
    holdings: BTreeMap<String, KeptHolding>,
    requests: BTreeMap<String, KeptRequest>,
    #[serde(default)]
    measured: Option<MeasuredMemory>,
}

#[derive(Debug, Deserialize)]
struct KeptHolding {
    mib: u64,
    state: HoldingState,
    changed: i64,
    #[serde(default)]
    ends: Option<i64>,
    pinned: bool,
    evict: bool,
}

#[derive(Debug, Deserialize)]
struct KeptRequest {
    mib: u64,
    place: u64,
    since: i64,
}

impl Queue {
    /// Returns who holds the memory of every device and who waits for it, by the name of the device.
    pub async fn memory(&self) -> Result<Vec<DeviceMemory>, Error> {
        let action = "read the memory ledgers";
        let memories = self.keys().memories();
        let mut devices: Vec<String> = self.query(action, &command("SMEMBERS", &[&memories])).await?;
        devices.sort_unstable();
        let mut found = Vec::with_capacity(devices.len());
        for device in devices {
            let call = function("atelier_v1_memory_read", &[self.keys().memory(&device)]);
            let Some((now_ms, json)) = self.query::<Option<(i64, String)>>(action, &call).await? else {
                self.query::<u64>(action, &command("SREM", &[&memories, &device])).await?;
                continue;
            };
            match serde_json::from_str::<Kept>(&json) {
                // A device that no worker serves any more is of no interest.
                Ok(kept) if kept.workers.is_empty() => {}
                Ok(kept) => found.push(kept.shown(device, now_ms)),
                Err(error) => tracing::warn!("cannot read the memory ledger of {device}: {error}"),
            }
        }
        Ok(found)
    }
}

impl Kept {
    fn shown(self, device: String, now_ms: i64) -> DeviceMemory {
        let seconds_since = |then_ms: i64| u64::try_from((now_ms - then_ms) / 1000).unwrap_or(0);
        let (mut holdings, mut waiting, mut measured, mut workers) = (Vec::new(), Vec::new(), None, Vec::new());
        for (worker, kept) in self.workers {
            // All of them measure the same thing.
            measured = measured.or(kept.measured);
            workers.push(worker.clone());
            holdings.extend(kept.holdings.into_iter().map(|(model, holding)| MemoryHolding {
                model,
                worker: worker.clone(),
                mib: holding.mib,
                state: holding.state,
                for_s: seconds_since(holding.changed),
                remaining_s: holding.ends.map(|ends| u64::try_from((ends - now_ms) / 1000).unwrap_or(0)),
                is_pinned: holding.pinned,
                is_leaving: holding.evict,
            }));
            waiting.extend(kept.requests.into_iter().map(|(model, request)| {
                let (worker, for_s) = (worker.clone(), seconds_since(request.since));
                (request.place, MemoryRequest { model, worker, needed_mib: request.mib, for_s })
            }));
        }
        holdings.sort_by_key(|holding| std::cmp::Reverse(holding.mib));
        waiting.sort_by_key(|(place, _)| *place);
        let held_mib = holdings.iter().map(|holding| holding.mib).sum();
        let others_mib = measured.as_ref().map(|found| found.used_mib.saturating_sub(held_mib));
        DeviceMemory {
            device,
            total_mib: self.total,
            comfortable_mib: self.comfortable,
            holdings,
            waiting: waiting.into_iter().map(|(_, request)| request).collect(),
            measured,
            others_mib,
            workers,
        }
    }
}
