//! The server as it describes itself.

use std::iter;

use contract::{
    memory::FitVerdict,
    model::Model,
    system::Check,
    worker::{BuildVerdict, Worker, WorkerState},
};

use super::{bad, good, warning};
use crate::{
    client::{Client, Error},
    words,
};

pub(super) async fn look(client: &Client) -> Vec<Check> {
    let system = match client.load_system().await {
        Ok(system) => system,
        Err(error) => return vec![trouble(client, &error)],
    };
    let mut checks = vec![good("server", format!("{} runs version {}", client.server(), system.version))];
    checks.extend(system.checks);
    checks.extend(match client.list_workers().await {
        Ok(workers) => workers_checks(&workers.data),
        Err(error) => vec![trouble(client, &error)],
    });
    checks.extend(match client.list_models().await {
        Ok(models) => broken_models(&models.data).into_iter().chain(large_models(&models.data)).collect(),
        Err(error) => vec![trouble(client, &error)],
    });
    checks
}

fn trouble(client: &Client, error: &Error) -> Check {
    let remedy = match error {
        Error::Unreachable { .. } if client.is_local() => "start the server: cargo xtask up",
        Error::Unreachable { .. } => "start the server, or name another one with --server",
        Error::Refused(problem) if problem.status == 401 => {
            "set ATELIER_KEY; an administrator makes keys with `atelier keys create`"
        }
        Error::Refused(problem) if problem.status == 403 => "use a key that allows this",
        _ => "see the log of the API: logs/api.log in the data folder",
    };
    bad("server", words::chain(error), remedy)
}

fn workers_checks(workers: &[Worker]) -> Vec<Check> {
    if workers.is_empty() {
        return vec![bad(
            "workers",
            "there is none: jobs wait",
            "start one: cargo xtask up; its log is logs/worker-sd.log in the data folder",
        )];
    }
    workers.iter().flat_map(|worker| iter::once(worker_check(worker)).chain(passed_over(worker))).collect()
}

/// Returns the builds of its engine that a worker would rather have used.
fn passed_over(worker: &Worker) -> impl Iterator<Item = Check> {
    let passed_over = worker.engine_builds.iter().filter(|build| build.verdict == BuildVerdict::PassedOver);
    passed_over.map(|build| {
        warning(
            &build.program,
            format!("passed over: {}", build.finding),
            "mend it and start the worker again, or delete this build; docs/operating.md, \"Which engine\"",
        )
    })
}

fn worker_check(worker: &Worker) -> Check {
    let finding = format!("{} with {} on {}", worker.name, worker.engine, worker.device);
    match (worker.state, &worker.last_problem) {
        (WorkerState::Broken, problem) => {
            let why = problem.as_deref().unwrap_or("it does not say why");
            bad("worker", format!("{finding} is broken: {why}"), "see its log: logs/worker-sd.log in the data folder")
        }
        (_, Some(problem)) => {
            warning("worker", format!("{finding}; last problem: {problem}"), "see its log if this happens again")
        }
        _ => good("worker", finding),
    }
}

fn broken_models(models: &[Model]) -> Vec<Check> {
    models
        .iter()
        .filter_map(|model| {
            let problem = model.problem.as_ref()?;
            Some(warning("model", format!("{}: {problem}", model.id), "replace the file, or delete it"))
        })
        .collect()
}

fn large_models(models: &[Model]) -> Vec<Check> {
    let fits = models.iter().filter_map(|model| Some((&model.id, model.fit.as_ref()?)));
    let large = fits.filter(|(_, fit)| fit.verdict == FitVerdict::TooLarge);
    large
        .map(|(id, fit)| warning("model", format!("{id}: {}", fit.message), "take another model on this machine"))
        .collect()
}

#[cfg(test)]
mod tests {
    use contract::{spec::WorkerKind, system::Verdict, worker::EngineBuild};
    use time::macros::datetime;

    use super::*;

    fn worker(state: WorkerState) -> Worker {
        Worker {
            state,
            ..Worker::idle("host-sd-1", WorkerKind::Sd, "scripted", "cpu", datetime!(2026-01-02 03:04:05 UTC))
        }
    }

    #[test]
    fn a_server_without_workers_does_not_work() {
        assert_eq!(workers_checks(&[])[0].verdict, Verdict::Bad);
        assert_eq!(workers_checks(&[worker(WorkerState::Idle)])[0].verdict, Verdict::Good);
        assert_eq!(workers_checks(&[worker(WorkerState::Broken)])[0].verdict, Verdict::Bad);
    }

    #[test]
    fn a_build_that_does_not_work_is_a_warning_with_its_reason() {
        let build = |program: &str, verdict, finding: &str| EngineBuild {
            program: program.into(),
            verdict,
            finding: finding.into(),
        };
        let engine_builds = vec![
            build("sd-engine-cuda", BuildVerdict::PassedOver, "libcuda.so.1 is missing"),
            build("sd-engine", BuildVerdict::Chosen, "computes on cpu"),
        ];
        let checks = workers_checks(&[Worker { engine_builds, ..worker(WorkerState::Idle) }]);
        assert_eq!(checks.len(), 2);
        assert_eq!((checks[1].name.as_str(), checks[1].verdict), ("sd-engine-cuda", Verdict::Warning));
        assert!(checks[1].finding.contains("libcuda.so.1"), "{}", checks[1].finding);
    }

    #[test]
    fn a_server_that_is_not_there_can_be_started() {
        let client = Client::new(&"http://127.0.0.1:1".parse().unwrap(), None).unwrap();
        let error = Error::Unreachable { server: "http://127.0.0.1:1".into(), source: "refused".into() };
        assert_eq!(trouble(&client, &error).remedy.as_deref(), Some("start the server: cargo xtask up"));
    }
}
