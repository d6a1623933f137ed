//! Looks for what belongs to nothing any more: queue entries, files, processes.

use std::{collections::HashSet, time::Duration};

use contract::spec::WorkerKind;
use rustix::process::Signal;

use super::{
    audit::Audit,
    fleet::{Fleet, SWEEP_AFTER, Service},
    report::{Finding, Wrong},
};
use crate::{files, wait};

/// How long the API may take to stop, to start and to sweep.
const SWEEP_LIMIT: Duration = Duration::from_secs(20);

/// Lists what is left, after waiting for it to go, and after everything was stopped.
pub async fn check(fleet: &Fleet, audit: &Audit, limit: Duration) -> anyhow::Result<Vec<Finding>> {
    let entries =
        wait::until(limit, "an empty queue", || async { list_entries(fleet).await.ok().filter(Vec::is_empty) });
    let entries = match entries.await {
        Ok(none) => none,
        Err(_) => list_entries(fleet).await?,
    };
    let files = sweep(fleet, audit).await?;
    let processes = fleet.stop().await;
    let all = entries.into_iter().chain(files).chain(processes);
    Ok(all.map(|what| Finding::new(Wrong::Orphaned, what)).collect())
}

/// Lets the API sweep, which it does at its start, once everything is old enough; returns the files that are left.
async fn sweep(fleet: &Fleet, audit: &Audit) -> anyhow::Result<Vec<String>> {
    if list_files(fleet, audit).await?.is_empty() {
        return Ok(Vec::new());
    }
    tokio::time::sleep(SWEEP_AFTER).await;
    fleet.signal(Service::Api, Signal::TERM);
    let swept =
        wait::until(SWEEP_LIMIT, "the sweep", || async { list_files(fleet, audit).await.ok().filter(Vec::is_empty) });
    match swept.await {
        Ok(none) => Ok(none),
        Err(_) => list_files(fleet, audit).await,
    }
}

/// Lists what is in Valkey although no job is open.
async fn list_entries(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let queue = fleet.queue().await?;
    let mut left: Vec<_> = queue.open_jobs().await?.iter().map(|id| format!("the queue knows job {id}")).collect();
    for kind in WorkerKind::ALL {
        let depth = queue.depth(*kind).await?;
        if depth.queued + depth.running > 0 {
            left.push(format!("the lanes of {} hold {} and {}", kind.as_str(), depth.queued, depth.running));
        }
    }
    let done = fleet.valkey().ask("XLEN {atelier}:done")?;
    if done != ":0" {
        left.push(format!("the done stream holds {done} entries"));
    }
    Ok(left)
}

/// Lists the files that no asset on record refers to.
async fn list_files(fleet: &Fleet, audit: &Audit) -> anyhow::Result<Vec<String>> {
    let referenced: HashSet<String> = audit.referenced_blobs().await?.into_iter().collect();
    let mut left = Vec::new();
    for path in files::below(&fleet.outputs()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !referenced.contains(&name) {
            left.push(format!("the file {} belongs to no asset", path.display()));
        }
    }
    Ok(left)
}
