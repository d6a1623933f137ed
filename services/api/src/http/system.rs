//! The state of the whole: every dependency looked at, and what to do where one is not well.

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Json, extract::State};
use contract::{
    system::{Check, QueueDepth, System, Verdict},
    tag::TaggingDepth,
    worker::WorkerState,
};
use tokio::time::timeout;
use url::Url;

use super::{Api, problem::Error};
use crate::{db, live};

/// How long each look may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// With less than this, a batch of large pictures may not fit.
const LITTLE_DISK_MIB: u64 = 1024;

/// Looks at every dependency: what was found, and what to do.
#[utoipa::path(get, path = "/api/system", tag = "operation",
    responses((status = 200, description = "What was found.", body = System)))]
pub(crate) async fn load_system(State(api): State<Arc<Api>>) -> Result<Json<System>, Error> {
    let (database, valkey, store, models, workers, memory_of_devices) = tokio::join!(
        look_at_database(&api),
        look_at_valkey(&api),
        look_at_store(&api),
        look_at_models(&api),
        look_at_workers(&api),
        timeout(PATIENCE, api.queue.memory())
    );
    // A Valkey that does not answer is reported above.
    let memory = memory_of_devices.ok().and_then(Result::ok).unwrap_or_default();
    let mut checks = vec![database, store, models, workers];
    checks.extend(valkey);
    let folder = Url::parse(&api.config.assets_url).ok().and_then(|url| url.to_file_path().ok());
    let (disk_free_mib, (memory_total_mib, memory_available_mib)) =
        tokio::task::spawn_blocking(move || (folder.and_then(|folder| free_mib(&folder)), live::memory()))
            .await
            .map_err(Error::internal)?;
    checks.extend(disk_free_mib.map(look_at_disk));
    let is_ready = checks.iter().all(|check| check.verdict != Verdict::Bad);
    // A database that does not answer is reported above; the page itself still appears.
    let queues = timeout(PATIENCE, api.db.queue_depths(api.clock.now())).await;
    let queues = queues.ok().and_then(Result::ok).unwrap_or_default();
    checks.extend(look_at_queues(&queues));
    let tagging = timeout(PATIENCE, load_tagging(&api)).await.ok().and_then(Result::ok).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Json(System {
        version,
        is_ready,
        checks,
        queues,
        memory_total_mib,
        memory_available_mib,
        memory,
        tagging,
        disk_free_mib,
    }))
}

/// Returns how much there is to tag.
pub(crate) async fn load_tagging(api: &Api) -> Result<TaggingDepth, db::Error> {
    let (waiting, set_aside) = api.db.count_taggings().await?;
    Ok(TaggingDepth { is_on: api.config.auto_tagging, waiting, set_aside })
}

async fn look_at_database(api: &Api) -> Check {
    let remedy = "Check ATELIER_DATABASE_URL, that the database runs, and that its disk is not full.";
    match timeout(PATIENCE, api.db.ping()).await {
        Ok(Ok(())) => good("database", "It answers."),
        Ok(Err(error)) => bad("database", chain(error), remedy),
        Err(_) => bad("database", "It does not answer.", remedy),
    }
}

async fn look_at_valkey(api: &Api) -> Vec<Check> {
    let checks = timeout(PATIENCE, api.queue.check_server()).await;
    checks
        .unwrap_or_else(|_| vec![bad("valkey", "It does not answer.", "Start Valkey, or correct ATELIER_VALKEY_URL.")])
}

async fn look_at_store(api: &Api) -> Check {
    let remedy = "Check ATELIER_OUTPUTS_DIR and ATELIER_ASSETS_URL, and that the disk is not full.";
    match timeout(PATIENCE, api.assets.probe()).await {
        Ok(Ok(())) => good("asset store", "Files can be written and read."),
        Ok(Err(error)) => bad("asset store", chain(error), remedy),
        Err(_) => bad("asset store", "It does not answer.", remedy),
    }
}

async fn look_at_models(api: &Api) -> Check {
    let remedy =
        format!("Put .safetensors or .gguf files into {}.", api.config.models_dir.join("checkpoints").display());
    match timeout(PATIENCE, api.models.list()).await {
        Ok(Ok(models)) => {
            let usable = models.iter().filter(|model| model.problem.is_none()).count();
            let finding = format!("{usable} of {} models can be used.", models.len());
            if usable == 0 { warning("models", finding, remedy) } else { good("models", finding) }
        }
        Ok(Err(error)) => bad("models", chain(error), remedy),
        Err(_) => bad("models", "The folder does not answer.", remedy),
    }
}

async fn look_at_workers(api: &Api) -> Check {
    let remedy = "Start a worker: without one, jobs wait.";
    match timeout(PATIENCE, api.queue.workers()).await {
        Ok(Ok(workers)) if workers.is_empty() => warning("workers", "There is none.", remedy),
        Ok(Ok(workers)) => {
            let broken = workers.iter().find(|worker| worker.state == WorkerState::Broken);
            match broken {
                Some(worker) => {
                    let problem = worker.last_problem.as_deref().unwrap_or("it does not say why");
                    let finding =
                        format!("{} alive; the engine of {} cannot run: {problem}", workers.len(), worker.name);
                    warning("workers", finding, "Look at the log of that worker.")
                }
                None => good("workers", format!("{} alive.", workers.len())),
            }
        }
        Ok(Err(error)) => bad("workers", chain(error), "Start Valkey, or correct ATELIER_VALKEY_URL."),
        Err(_) => bad("workers", "Valkey does not answer.", "Start Valkey, or correct ATELIER_VALKEY_URL."),
    }
}

/// Says what was paused, which people forget. Nothing needs to be said about a queue that works.
fn look_at_queues(queues: &[QueueDepth]) -> Option<Check> {
    let paused = queues.iter().filter(|queue| queue.is_paused);
    let paused: Vec<_> =
        paused.map(|queue| format!("{} ({} waiting)", queue.worker_kind.as_str(), queue.queued)).collect();
    let finding = format!("It is paused: {}.", paused.join(", "));
    let remedy = "Resume it with `atelier resume` or POST /api/queue/resume when workers shall go on.";
    (!paused.is_empty()).then(|| warning("queue", finding, remedy))
}

fn look_at_disk(free_mib: u64) -> Check {
    let finding = format!("{free_mib} MiB are free where files are stored.");
    if free_mib < LITTLE_DISK_MIB {
        return warning("disk", finding, "Free some space, or move ATELIER_OUTPUTS_DIR to a larger disk.");
    }
    good("disk", finding)
}

/// Returns the free space of the disk that a folder is on.
fn free_mib(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) >> 20)
}

fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}.", error.into())
}

fn good(name: &str, finding: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Good, finding: finding.into(), remedy: None }
}

fn warning(name: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Warning, finding: finding.into(), remedy: Some(remedy.into()) }
}

fn bad(name: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Bad, finding: finding.into(), remedy: Some(remedy.into()) }
}
