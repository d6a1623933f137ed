//! Why a job waits: its place in line, and what no place in line can say.

use std::time::Duration;

use contract::{
    job::{Job, JobState},
    worker::{Worker, WorkerState},
};
use tokio::time::timeout;
use tracing::debug;

use super::{Api, problem::Error};

/// How long the queue has to say why a job waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Adds to a waiting job its place in line, and why it waits where that is not for those before it.
/// Both are found afresh each time: what others do changes them.
pub(crate) async fn fill_in_waiting(api: &Api, job: &mut Job) -> Result<(), Error> {
    if job.state != JobState::Queued || job.paused {
        return Ok(());
    }
    job.position = api.db.queue_position(job.id).await?.map(|ahead| ahead + 1);
    job.waits_for = if api.db.list_paused().await?.contains(&job.kind.worker_kind()) {
        Some(PAUSED.to_owned())
    } else if api.dispatch.queue_away_for().is_some() {
        Some(AWAY.to_owned())
    } else {
        ask_the_queue(api, job).await
    };
    Ok(())
}

const PAUSED: &str = "The queue is paused; it goes on when somebody resumes it.";
const AWAY: &str = "Valkey does not answer at the moment; the job goes to a worker when it is back.";

async fn ask_the_queue(api: &Api, job: &Job) -> Option<String> {
    let ids = [job.id];
    let asking = async { tokio::try_join!(api.queue.workers(), api.queue.snapshots(&ids)) };
    match timeout(PATIENCE, asking).await {
        Ok(Ok((mut workers, snapshots))) => {
            workers.retain(|worker| worker.kind == job.kind.worker_kind() && worker.state != WorkerState::Draining);
            because_of(&workers, snapshots.into_iter().flatten().find_map(|snapshot| snapshot.larger_than_mib))
        }
        Ok(Err(error)) => {
            debug!(job.id = %job.id, "cannot say why the job waits: {error:#}");
            None
        }
        Err(_) => None,
    }
}

/// Says what keeps these workers from a job, which may be too large for so much memory.
fn because_of(workers: &[Worker], larger_than_mib: Option<u64>) -> Option<String> {
    if workers.is_empty() {
        return Some("No worker is running that could do it; start one.".to_owned());
    }
    if workers.iter().all(|worker| worker.state == WorkerState::Broken) {
        let problem = workers.iter().find_map(|worker| worker.last_problem.as_deref());
        let problem = problem.unwrap_or("its log says why.");
        return Some(format!("No worker can run its engine. {} says: {problem}", workers[0].name));
    }
    let too_little = larger_than_mib?;
    let has_more = |worker: &&Worker| worker.memory_mib.is_none_or(|memory| memory > too_little);
    let larger: Vec<&str> = workers.iter().filter(has_more).map(|worker| worker.name.as_str()).collect();
    let needs = format!("It does not fit into {too_little} MiB of memory, and");
    Some(match larger.as_slice() {
        [] => {
            format!("{needs} no worker that is running may use more: start one on a larger device, or cancel the job.")
        }
        [only] => format!("{needs} waits for {only}."),
        several => format!("{needs} waits for one of {}.", several.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::spec::WorkerKind;
    use time::OffsetDateTime;

    fn worker(name: &str, memory_mib: Option<u64>) -> Worker {
        Worker { memory_mib, ..Worker::idle(name, WorkerKind::Sd, "scripted 1", "cpu", OffsetDateTime::UNIX_EPOCH) }
    }

    #[test]
    fn nothing_is_said_where_the_place_in_line_says_it_all() {
        assert_eq!(because_of(&[worker("a", Some(300))], None), None);
    }

    #[test]
    fn a_job_that_is_too_large_names_those_that_it_waits_for() {
        let small = worker("small", Some(300));
        let said = because_of(std::slice::from_ref(&small), Some(300)).unwrap();
        assert!(said.contains("300 MiB") && said.contains("no worker that is running may use more"), "{said}");
        let said = because_of(&[small.clone(), worker("large", Some(301))], Some(300)).unwrap();
        assert!(said.ends_with("waits for large."), "{said}");
        let said = because_of(&[small, worker("large", Some(301)), worker("any", None)], Some(300)).unwrap();
        assert!(said.ends_with("waits for one of large, any."), "{said}");
    }

    #[test]
    fn without_a_worker_that_works_nothing_else_matters() {
        assert!(because_of(&[], Some(300)).unwrap().starts_with("No worker is running"));
        let mut broken = worker("a", None);
        broken.state = WorkerState::Broken;
        broken.last_problem = Some("there is no sd-engine.".to_owned());
        let said = because_of(std::slice::from_ref(&broken), None).unwrap();
        assert_eq!(said, "No worker can run its engine. a says: there is no sd-engine.");
        assert_eq!(because_of(&[broken, worker("b", None)], None), None);
    }
}
