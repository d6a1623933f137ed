//! The fault run: a whole system under load whose parts are killed, stopped, wiped and rolled back, and whose books must
//! agree afterwards: every accepted job ended exactly once, with a result or a reason, and nothing is left lying about.
//!
//! Everything that chance decides is drawn from the seed; what the machine decides (who has which job when the blow
//! falls) is not, so one seed may find a fault in one run and not in the next. The report names the seed.

pub mod audit;
pub mod books;
pub mod fleet;
pub mod load;
pub mod nemesis;
pub mod report;
pub mod residue;
pub mod watch;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use fastrand::Rng;

use self::{
    audit::Audit,
    fleet::{Fleet, Setup},
    load::Load,
    nemesis::Nemesis,
    report::Tally,
    watch::Watch,
};
use crate::plan::Engine;

/// The lease of the fault run: short, so that waiting for it does not take the time.
pub const LEASE: Duration = Duration::from_millis(1500);
/// How long the system may take to end every job once nobody disturbs it any more.
const SETTLE_LIMIT: Duration = Duration::from_secs(45);
/// The same, for the run that is expected to leave jobs behind.
const CONTROL_SETTLE_LIMIT: Duration = Duration::from_secs(12);

/// What a run consists of.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many jobs are submitted.
    pub jobs: usize,
    /// For how long, while faults happen.
    pub time: Duration,
    /// What the workers drive.
    pub engine: Engine,
    /// Whether the API puts back what Valkey lost. Without it, jobs must get stuck: the control of the control.
    pub reconcile: bool,
    /// Whether the folder of the run is kept even if all went well.
    pub keep: bool,
}

/// Runs one seed and returns what was counted.
pub async fn run(seed: u64, options: &Options) -> anyhow::Result<Tally> {
    let begun = Instant::now();
    let folder = tempfile::Builder::new().prefix(&format!("atelier-faults-{seed}-")).tempdir()?;
    let setup = Setup::new(folder.path(), options)?;
    let fleet = Arc::new(Fleet::start(setup).await.context("starting the system")?);
    fleet.supervise();
    let audit = Audit::install(&fleet.database()).await.context("installing the audit")?;
    let watch = Watch::start(&fleet).await.context("following the events")?;
    let mut seeds = Rng::with_seed(seed);

    let load = Load::start(fleet.client(), options.clone(), seeds.fork());
    let nemesis = Nemesis::new(Arc::clone(&fleet), watch.clone(), options.clone(), seeds.fork());
    let faults = nemesis.rage(begun + options.time, &load).await;
    let accepted = load.finish().await.context("submitting jobs")?;
    fleet.calm();

    let limit = if options.reconcile { SETTLE_LIMIT } else { CONTROL_SETTLE_LIMIT };
    audit.until_all_ended(limit).await?;
    let mut findings = books::check(&fleet, &audit, &watch, &accepted).await.context("checking the books")?;
    findings.extend(residue::check(&fleet, &audit, limit).await.context("looking for what is left")?);

    let mut tally = Tally::of(seed, &accepted, &faults, findings);
    tally.attempts = audit.attempts().await?;
    tally.ends = audit.ends().await?;
    tally.seconds = begun.elapsed().as_secs_f64();
    drop(fleet);
    if options.keep || (options.reconcile && !tally.agrees()) {
        tally.folder = Some(keep(folder));
    }
    Ok(tally)
}

fn keep(folder: tempfile::TempDir) -> PathBuf {
    folder.keep()
}
