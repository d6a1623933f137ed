//! What the programs of workers have in common: how settings become parts.

use std::thread;

use assets::AssetStore;
use chassis::{Secret, clock::Clock, settings::Error};
use tokio_util::sync::CancellationToken;

use crate::{
    connect::connect,
    parts::{Parts, Settings},
};

/// Returns what a worker is made of; none when it must stop before Valkey is there. An error names the setting to blame.
pub async fn open_parts(
    valkey_url: &Secret,
    queue_prefix: &str,
    assets_url: &str,
    settings: Settings,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Parts>> {
    let assets = AssetStore::open(assets_url).map_err(|error| match error {
        assets::Error::Url { problem, .. } => unusable("assets_url", &problem),
        other => anyhow::Error::from(other).context("could not open the store of files"),
    })?;
    let connected = connect(valkey_url.expose(), queue_prefix, stop).await;
    let queue = connected.map_err(|error| match error {
        queue::Error::Address { .. } => unusable("valkey_url", &error),
        queue::Error::Prefix(_) => unusable("queue_prefix", &error),
        other => other.into(),
    })?;
    Ok(queue.map(|queue| Parts { queue, assets, clock: Clock::system(), settings }))
}

/// Returns how many CPU threads an engine gets: as many as were set, or as there are cores for 0.
#[must_use]
pub fn threads(set: u32) -> u32 {
    if set > 0 {
        return set;
    }
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

fn unusable(setting: &'static str, problem: &dyn std::fmt::Display) -> anyhow::Error {
    Error::unusable(setting, format_args!("cannot be used: {problem}")).into()
}
