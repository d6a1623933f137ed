//! The loop of a worker: wait for a job, run it, until told to stop.

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::Context;
use contract::{
    JobId,
    worker::{Resident, Worker as Announcement, WorkerState},
};
use queue::{Affinity, Consumer, Lease};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field::Empty, info, info_span, warn};

use crate::{
    connect, drive,
    engine::Engine,
    metrics,
    pace::Paces,
    parts::Parts,
    presence::{self, Presence},
    residency::Residency,
};

/// After an error that is no outage, the queue is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Taking leave is not waited for longer.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

/// A worker: its engine, and what it remembers of the jobs that it ran.
pub(crate) struct Worker<E> {
    pub(crate) engine: E,
    pub(crate) parts: Parts,
    pub(crate) paces: Paces,
    pub(crate) residency: Residency,
    /// The zero of the residency's time.
    pub(crate) started: Instant,
    pub(crate) stop: CancellationToken,
    pub(crate) last_problem: Option<String>,
}

/// Takes jobs and runs them with `engine` until `stop` fires; a job that runs then may finish for a while.
///
/// Waits for Valkey and for the API where they are missing. Returns an error only for what waiting cannot mend.
pub async fn run<E: Engine>(engine: E, parts: Parts, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = parts.settings.clone();
    let announcement = Announcement {
        name: settings.name.clone(),
        kind: settings.kind,
        engine: engine.describe().name,
        device: engine.describe().device,
        memory_mib: engine.memory_mib(),
        state: WorkerState::Idle,
        job_id: None,
        resident_models: Vec::new(),
        residents: Vec::new(),
        started_at: parts.clock.now(),
        last_problem: None,
        engine_builds: settings.engine_builds.clone(),
    };
    let name = announcement.name.clone();
    metrics::begin();
    // While the worker drains, its metrics are still of interest: they go when this function returns.
    let door = CancellationToken::new();
    let _door = door.clone().drop_guard();
    if settings.metrics_port != 0 {
        serve_metrics(settings.metrics_port, door).await?;
    }
    let Some(mut consumer) = connect::open_consumer(&parts.queue, &settings, &name, &stop).await? else {
        return Ok(());
    };
    let mut worker = Worker {
        engine,
        paces: Paces::default(),
        residency: Residency::new(settings.least_quantum),
        started: Instant::now(),
        stop: stop.clone(),
        last_problem: None,
        parts,
    };
    let (presence, seen) = watch::channel(worker.presence(None));
    let beat = settings.lease / 5;
    let announcing =
        tokio::spawn(presence::announce(worker.parts.queue.clone(), announcement, beat, seen, stop.clone()));
    info!(worker.name = name, "worker {name} waits for jobs");

    // What the end of a job brought along.
    let mut handed = None;
    while !stop.is_cancelled() {
        let lease = match handed.take() {
            Some(lease) => Some(lease),
            None => {
                presence.send_replace(worker.presence(None));
                worker.next(&mut consumer).await
            }
        };
        if let Some(lease) = lease {
            presence.send_replace(worker.presence(Some(lease.job.id)));
            handed = worker.run_and_record(lease, &mut consumer).await;
        }
    }
    if let Some(lease) = handed {
        worker.give_back(lease, &mut consumer).await;
    }
    info!(worker.name = name, "worker {name} stops");
    drive::unload(&mut worker.engine, settings.grace).await;
    drop(presence);
    if tokio::time::timeout(LEAVE_LIMIT, announcing).await.is_err() {
        warn!("did not take leave of the queue in time; the announcement lapses by itself");
    }
    Ok(())
}

/// Opens `/metrics` and `/livez` on the loopback.
pub async fn serve_metrics(port: u16, stop: CancellationToken) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on {address} for /metrics; set ATELIER_METRICS_PORT to a free port, or to 0 for none")
    })?;
    info!("listening on http://{address} for /metrics and /livez");
    tokio::spawn(chassis::metrics::serve(listener, stop));
    Ok(())
}

impl<E: Engine> Worker<E> {
    /// Waits for a job; none when the worker must stop, or when what it prefers has changed.
    async fn next(&mut self, consumer: &mut Consumer) -> Option<Lease> {
        let now = self.started.elapsed();
        let affinity = self.affinity();
        let look_up = self.stop.child_token();
        let mut waiting = pin!(consumer.next(&affinity, &look_up));
        let exclusion_lapses = self.residency.next_change(now);
        let changed = async {
            let lapse = async {
                match exclusion_lapses {
                    Some(after) => tokio::time::sleep(after).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = lapse => {}
                () = self.engine.tend() => {}
            }
        };
        let leased = tokio::select! {
            biased;
            leased = &mut waiting => leased,
            () = changed => {
                // A job that is just being handed over is not lost: the consumer comes to its end by itself.
                look_up.cancel();
                waiting.await
            }
        };
        match leased {
            Ok(lease) => lease,
            Err(error) => {
                warn!("could not ask for a job: {:#}", anyhow::Error::from(error));
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
                None
            }
        }
    }

    /// Returns which jobs this worker prefers now.
    pub(crate) fn affinity(&self) -> Affinity {
        let affinity = self.residency.affinity(self.started.elapsed(), self.engine.resident_models());
        Affinity { memory_mib: self.engine.memory_mib(), ..affinity }
    }

    /// Runs a job inside the trace that began with its request, and returns the next one if it waits already.
    async fn run_and_record(&mut self, lease: Lease, consumer: &mut Consumer) -> Option<Lease> {
        let (id, kind) = (lease.job.id, lease.job.spec.kind());
        let attempt = lease.attempt;
        let span = info_span!(
            "job",
            job.id = %id,
            job.kind = kind.as_str(),
            model.id = lease.job.spec.model(),
            job.attempt = attempt,
            job.outcome = Empty
        );
        chassis::telemetry::continue_trace(&span, lease.job.traceparent.as_deref());
        let began = Instant::now();
        metrics::attempt_began();
        info!(job.id = %id, "job {id} leased, attempt {attempt}");
        let (end, next) = self.run_job(lease, consumer).instrument(span.clone()).await;
        let duration = began.elapsed();
        span.record("job.outcome", end.as_str());
        metrics::attempt_ended(kind, end, duration.as_secs_f64());
        info!(job.id = %id, duration_ms = duration.as_millis() as u64, "job {id} {}", end.as_str());
        next
    }

    fn residents(&self) -> Vec<Resident> {
        let models = self.engine.resident_models().into_iter();
        models.map(|model| Resident { memory_mib: self.engine.held_mib(&model), model }).collect()
    }

    fn presence(&self, job_id: Option<JobId>) -> Presence {
        let state = if job_id.is_some() {
            WorkerState::Busy
        } else if self.residency.next_change(self.started.elapsed()).is_some() {
            WorkerState::Broken
        } else {
            WorkerState::Idle
        };
        Presence { state, job_id, residents: self.residents(), last_problem: self.last_problem.clone() }
    }
}
