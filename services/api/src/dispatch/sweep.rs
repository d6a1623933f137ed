//! The sweep: deletes what nobody needs any more.
//!
//! Results of jobs that have ended (SQL has them), idempotency keys whose day is over, and files that no asset has:
//! the leftovers of attempts that were lost, or of uploads whose record was never written.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use time::OffsetDateTime;

use super::{
    outage::{Pause, Trouble},
    shared::Shared,
};
use crate::db::micros;

const EVERY: Duration = Duration::from_secs(60);
/// Looking through all files takes longer; it happens this many times within the age at which a file is deleted.
const FILE_LOOKS: u32 = 4;
const FILES_AT_ONCE: usize = 500;
/// Where the time of the first sweep rests.
const FIRST_SWEEP: &str = "first_sweep_us";

/// Sweeps until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pause = Pause::new();
    let mut looked_at_files = None;
    loop {
        let between_looks = shared.parts.settings.sweep_after / FILE_LOOKS;
        let files_are_due = looked_at_files.is_none_or(|at: Instant| at.elapsed() >= between_looks);
        let swept = async {
            results_and_keys(&shared).await?;
            if files_are_due { files(&shared).await } else { Ok(()) }
        };
        match swept.await {
            Ok(()) => {
                pause.reset();
                shared.assets_outage.end();
                if files_are_due {
                    looked_at_files = Some(Instant::now());
                }
            }
            Err(error) => {
                shared.trouble("deleting what is no longer needed", error);
                shared.rest(&mut pause).await;
            }
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn results_and_keys(shared: &Shared) -> Result<(), Trouble> {
    shared.parts.db.forget_idempotency_keys(shared.now()).await?;
    let with_results = shared.parts.assets.list_result_jobs().await?;
    for id in shared.parts.db.list_ended(&with_results).await? {
        shared.parts.assets.delete_results(id).await?;
    }
    Ok(())
}

async fn files(shared: &Shared) -> Result<(), Trouble> {
    let now = shared.parts.clock.now();
    let before = now - shared.parts.settings.sweep_after;
    shared.parts.assets.delete_partial(before).await?;
    let begun = first_sweep(shared, now).await?;
    let mut needed = None;
    let mut old = shared
        .parts
        .assets
        .list_blobs()
        // Files from before this database cannot be its leftovers: somebody may have deleted only the database.
        .try_filter(|blob| std::future::ready(blob.modified_at < before && micros(blob.modified_at) >= begun))
        .map_ok(|blob| blob.blake3)
        .try_chunks(FILES_AT_ONCE);
    while let Some(hashes) = old.try_next().await.map_err(|error| error.1)? {
        let unused = shared.parts.db.list_unused_blobs(&hashes).await?;
        if unused.is_empty() {
            continue;
        }
        if needed.is_none() {
            needed = Some(files_of_unrecorded_results(shared).await?);
        }
        for hash in unused.iter().filter(|hash| needed.as_ref().is_some_and(|needed| !needed.contains(*hash))) {
            tracing::info!(asset.blake3 = hash, "a file that no asset has is deleted");
            shared.parts.assets.delete_blob(hash).await?;
        }
    }
    Ok(())
}

/// Returns when this database was first used for a sweep.
async fn first_sweep(shared: &Shared, now: OffsetDateTime) -> Result<i64, Trouble> {
    if let Some(begun) = shared.parts.db.find_setting(FIRST_SWEEP).await? {
        return Ok(begun);
    }
    let begun = micros(now);
    shared.parts.db.put_setting(FIRST_SWEEP, &begun).await?;
    Ok(begun)
}

/// Returns the files of results that SQL does not have yet.
async fn files_of_unrecorded_results(shared: &Shared) -> Result<HashSet<String>, Trouble> {
    let mut needed = HashSet::new();
    for id in shared.parts.assets.list_result_jobs().await? {
        if let Some(result) = shared.parts.assets.find_result(id).await? {
            needed.extend(result.assets.into_iter().map(|file| file.blake3));
        }
    }
    Ok(needed)
}
