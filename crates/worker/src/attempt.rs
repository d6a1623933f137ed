//! One attempt: adopt what an earlier one left, or load, make, store; then tell the queue.

use std::{future::Future, time::Duration};

use contract::{
    JobId,
    cost::Cost,
    job::{Failure, FailureCode},
    result::JobResult,
};
use queue::{Accepted, Consumer, Ending, Lease, Outcome};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    complete::Completion,
    darkroom::Darkroom,
    drive::{self, Driven, Halt, Made},
    engine::{Engine, EngineError, Run},
    keep::{self, Origin},
    metrics::{self, End},
    order::Order,
    pace::{Amount, Attempted, Measured},
    parts::Parts,
    prepare::{Maker, Prepared, Unprepared, prepare},
    watch::Watch,
    work::Worker,
};

/// Once the worker stops, telling the queue is not tried longer than this: the lease runs out by itself.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// What to tell the queue.
enum Verdict {
    Succeed(Box<JobResult>, End),
    Fail(Outcome, Failure),
    Cancel,
    Release,
    /// Nothing: another worker has the job.
    Discard,
}

impl<E: Engine> Worker<E> {
    /// Runs a leased job to its end, and returns the next one if it waits already.
    pub(crate) async fn run_job(&mut self, lease: Lease, consumer: &mut Consumer) -> (End, Option<Lease>) {
        let verdict = self.reach_verdict(&lease).await;
        let lease = match self.pass_on(lease, &verdict).await {
            Ok(end) => return (end, None),
            Err(lease) => lease,
        };
        match &verdict {
            Verdict::Fail(_, failure) => self.last_problem = Some(failure.message.clone()),
            Verdict::Succeed(..) => self.last_problem = None,
            Verdict::Cancel | Verdict::Release | Verdict::Discard => {}
        }
        self.tell(lease, &verdict, consumer).await
    }

    /// Puts a job back that this worker has not begun.
    pub(crate) async fn give_back(&mut self, lease: Lease, consumer: &mut Consumer) {
        self.tell(lease, &Verdict::Release, consumer).await;
    }

    async fn reach_verdict(&mut self, lease: &Lease) -> Verdict {
        match self.parts.assets.find_result(lease.job.id).await {
            Ok(Some(result)) => Verdict::Succeed(Box::new(result), End::Adopted),
            Ok(None) => self.make(lease).await,
            Err(error) => storage_failure(&anyhow::Error::from(error)),
        }
    }

    async fn make(&mut self, lease: &Lease) -> Verdict {
        let leased_at = self.parts.clock.now();
        let spec = &lease.job.spec;
        let model = spec.model().unwrap_or_default();
        let Prepared { order, maker, completion } = match prepare(&self.parts.assets, &lease.job).await {
            Ok(prepared) => prepared,
            Err(Unprepared::Refused(error)) => return engine_failure(error),
            Err(Unprepared::Store(error)) => return storage_failure(&error),
        };
        let resident = self.engine.resident_models();
        // What the worker makes itself needs no model.
        let was_resident = maker == Maker::Darkroom || resident.iter().any(|resident| resident == model);
        let amount = Amount::of(&order);
        let device = self.engine.describe().device;
        self.paces.recall(model, &device, &lease.job.history);
        let mut watch = Watch::begin(lease, self.paces.expect(model, was_resident, amount));

        let overdue = self.overdue(self.parts.settings.drain);
        let (driven, engine) = match maker {
            Maker::Engine => {
                let driven = drive(&mut self.engine, &self.parts, lease, &order, overdue, &mut watch).await;
                (driven, self.engine.describe().name)
            }
            Maker::Darkroom => {
                let mut darkroom = Darkroom::new(self.parts.assets.clone(), lease.job.inputs.clone());
                let driven = drive(&mut darkroom, &self.parts, lease, &order, overdue, &mut watch).await;
                (driven, darkroom.describe().name)
            }
        };
        let made = match driven {
            Driven::Made(_) if lease.cancelled().is_cancelled() => return Verdict::Cancel,
            Driven::Made(made) => made,
            Driven::Halted(Halt::Cancelled) => return Verdict::Cancel,
            Driven::Halted(Halt::Lost) => return Verdict::Discard,
            Driven::Halted(Halt::Drained) => return Verdict::Release,
            Driven::Halted(Halt::Stalled) => return self.engine_lost(self.hung()).await,
            Driven::Panicked(words) => {
                let message = format!("the engine panicked: {words}");
                return self.engine_lost(EngineError::Crashed { message }).await;
            }
            Driven::NotLoaded(error) => {
                if !matches!(error, EngineError::Rejected { .. } | EngineError::TooLarge { .. }) {
                    self.residency.load_failed(self.started.elapsed(), model);
                }
                return engine_failure(error);
            }
            Driven::NotMade(error) => return engine_failure(error),
        };
        if !was_resident {
            // Its quantum began when it was there, not when this job was done.
            let painted = made.work.saturating_sub(made.load);
            self.residency.loaded(self.started.elapsed().saturating_sub(painted), model, made.load);
            metrics::model_loaded(made.load.as_secs_f64());
        }

        let made = match complete(made, completion).await {
            Ok(made) => made,
            Err(error) => return engine_failure(error),
        };
        let origin = Origin { spec, leased_at, engine };
        let (attempt, notes) = (Attempted { was_resident, amount, device }, made.notes.clone());
        let kept = keep(&self.parts, lease, made, origin, &mut watch, |measured| attempt.cost(measured, notes))
            .instrument(info_span!("store"));
        let kept = tokio::select! {
            biased;
            () = lease.lost().cancelled_owned() => return Verdict::Discard,
            () = self.overdue(self.parts.settings.drain + self.parts.settings.grace) => return Verdict::Release,
            // A cancel comes too late now: the files are nearly there.
            kept = kept => kept,
        };
        match kept {
            Ok(result) => {
                if let Some(pace) = result.cost.as_ref().and_then(|cost| cost.pace) {
                    self.paces.learn(model, pace);
                }
                Verdict::Succeed(Box::new(result), End::Succeeded)
            }
            Err(error) => storage_failure(&error),
        }
    }

    /// Returns the end of an engine that hangs. Its beat goes on, so nobody else would ever take the job over.
    fn hung(&self) -> EngineError {
        let limit_s = self.parts.settings.stall.as_secs_f64();
        EngineError::Crashed { message: format!("the engine said nothing for {limit_s} s and was given up") }
    }

    /// Ends what is left of an engine of which nobody knows the state.
    async fn engine_lost(&mut self, error: EngineError) -> Verdict {
        drive::unload(&mut self.engine, self.parts.settings.grace).await;
        engine_failure(error)
    }

    /// Leaves a job that is too large for this worker to one with more memory. Gives the lease back where it is not, and
    /// where there is none.
    async fn pass_on(&mut self, lease: Lease, verdict: &Verdict) -> Result<End, Lease> {
        let Verdict::Fail(_, Failure { code: FailureCode::TooLarge, message, .. }) = verdict else { return Err(lease) };
        let Some(memory_mib) = self.engine.memory_mib() else { return Err(lease) };
        let id = lease.job.id;
        match self.heard(id, lease.pass_on(memory_mib)).await {
            Some(Ok(Accepted::Yes)) => {
                info!(job.id = %id, "job {id} is left to a worker with more memory: {message}");
                Ok(End::PassedOn)
            }
            Some(Ok(Accepted::Lost)) => Ok(End::Lost),
            Some(Err(lease)) => Err(lease),
            None => Ok(End::Unheard),
        }
    }

    /// Tells the queue how a job ended, and takes the next one that it hands over.
    async fn tell(&mut self, lease: Lease, verdict: &Verdict, consumer: &mut Consumer) -> (End, Option<Lease>) {
        let id = lease.job.id;
        let (end, ending) = match verdict {
            Verdict::Succeed(result, end) => (*end, Some(Ending::Succeeded(result))),
            Verdict::Fail(outcome, failure) => {
                warn!(job.id = %id, "job {id} failed ({:?}): {}", failure.code, failure.message);
                let end = match outcome {
                    Outcome::Failed => End::Failed,
                    Outcome::Crashed => End::Crashed,
                    _ => End::Retry,
                };
                (end, Some(Ending::Failed(*outcome, failure)))
            }
            Verdict::Cancel => (End::Cancelled, Some(Ending::Cancelled)),
            Verdict::Release => (End::Released, None),
            Verdict::Discard => return (End::Lost, None),
        };
        let (affinity, stop) = (self.affinity(), self.stop.clone());
        let telling = async {
            match ending {
                Some(ending) => consumer.finish_and_take(lease, ending, &affinity, &stop).await,
                None => Ok((lease.release().await?, None)),
            }
        };
        match self.heard(id, telling).await {
            Some((Accepted::Yes, next)) => (end, next),
            Some((Accepted::Lost, next)) => (End::Lost, next),
            None => (End::Unheard, None),
        }
    }

    /// Waits until the queue has heard how a job ended, which is tried until it has; while the worker stops, not for long.
    /// None when it did not hear.
    async fn heard<T>(&mut self, id: JobId, telling: impl Future<Output = Result<T, queue::Error>>) -> Option<T> {
        tokio::select! {
            biased;
            told = telling => match told {
                Ok(told) => Some(told),
                Err(error) => {
                    error!(job.id = %id, "the queue did not hear how job {id} ended: {:#}", anyhow::Error::from(error));
                    None
                }
            },
            () = self.overdue(FINISH_LIMIT) => {
                warn!(job.id = %id, "the queue did not hear in time how job {id} ended; its lease runs out by itself");
                None
            }
        }
    }

    /// Waits until the worker was told to stop, and then for `limit`.
    fn overdue(&self, limit: Duration) -> impl Future<Output = ()> + Send + use<E> {
        let stop = self.stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(limit).await;
        }
    }
}

/// Returns how a job ends, or goes on, after its engine did not do what it was asked for.
fn engine_failure(error: EngineError) -> Verdict {
    let (outcome, code, message, remedy) = match error {
        EngineError::Rejected { message, remedy } => (Outcome::Failed, FailureCode::Rejected, message, remedy),
        EngineError::TooLarge { message, remedy } => (Outcome::Failed, FailureCode::TooLarge, message, Some(remedy)),
        EngineError::Engine { message } => (Outcome::Retry, FailureCode::Engine, message, None),
        EngineError::Crashed { message } => {
            metrics::engine_restarted();
            (Outcome::Crashed, FailureCode::EngineCrashed, message, None)
        }
        EngineError::Hopeless { message, remedy } => (Outcome::Failed, FailureCode::Engine, message, Some(remedy)),
        EngineError::Cancelled => {
            let message = "the engine stopped although nobody asked it to".to_owned();
            (Outcome::Retry, FailureCode::Engine, message, None)
        }
    };
    Verdict::Fail(outcome, Failure { code, message, remedy })
}

/// Runs an engine until it is done or must stop.
async fn drive<D: Engine>(
    engine: &mut D,
    parts: &Parts,
    lease: &Lease,
    order: &Order,
    overdue: impl Future<Output = ()>,
    watch: &mut Watch<'_>,
) -> Driven {
    let (cancelled, lost) = (lease.cancelled(), lease.lost());
    let (mut run, reports) = Run::new(lease.job.id, lease.attempt, CancellationToken::new());
    run.history.clone_from(&lease.job.history);
    let stalled = drive::stall(reports.signs_of_life.clone(), parts.settings.stall);
    let halt = async {
        tokio::select! {
            biased;
            () = lost.cancelled() => Halt::Lost,
            () = cancelled.cancelled() => Halt::Cancelled,
            () = overdue => Halt::Drained,
            () = stalled => Halt::Stalled,
        }
    };
    let driving = drive::drive(engine, order, &run, &parts.clock, halt, parts.settings.grace);
    watch.during(&parts.queue, reports, driving).await
}

/// Makes of what an engine painted what was asked for.
async fn complete(mut made: Made, completion: Completion) -> Result<Made, EngineError> {
    if completion == Completion::Nothing {
        return Ok(made);
    }
    let pictures = std::mem::take(&mut made.pictures);
    let completing = tokio::task::spawn_blocking(move || completion.complete(pictures));
    let completed = completing.await.map_err(|error| EngineError::Engine { message: error.to_string() })?;
    made.pictures = completed?;
    Ok(made)
}

/// Stores what was made, and leaves the result for the next attempt in case the queue does not hear of this one.
async fn keep(
    parts: &Parts,
    lease: &Lease,
    made: Made,
    origin: Origin<'_>,
    watch: &mut Watch<'_>,
    cost: impl FnOnce(&Measured) -> Cost,
) -> anyhow::Result<JobResult> {
    let mut result = keep::keep(&parts.assets, &parts.clock, made, origin, |report| {
        watch.tell(report);
    })
    .await?;
    result.cost = Some(cost(&watch.measure()));
    parts.assets.write_result(lease.job.id, lease.token(), &result).await?;
    Ok(result)
}

fn storage_failure(error: &anyhow::Error) -> Verdict {
    warn!("{error:#}");
    Verdict::Fail(
        Outcome::Retry,
        Failure {
            code: FailureCode::Storage,
            message: "the files could not be stored".to_owned(),
            remedy: Some("look at the free space and the permissions where assets are stored".to_owned()),
        },
    )
}
