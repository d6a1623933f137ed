//! An engine with a folder of tiny models, and what a worker would do with it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use assets::picture::Pixels;
use contract::{
    JobId,
    spec::{JobSpec, Painting, TextToImage},
};
use queue::Queue;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use tempfile::TempDir;
use testkit::valkey::TestValkey;
use tokio_util::sync::CancellationToken;
use worker::{
    Engine as _, EngineError, Order, Picture, Run,
    engine::{Reports, StepReport},
};
use worker_sd::sd::{SdEngine, Settings};

/// Longer than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Short, because a new ledger is closed for so long.
const MEMORY_LEASE: Duration = Duration::from_millis(300);

/// An engine and its models.
pub(crate) struct Studio {
    pub(crate) engine: SdEngine,
    pub(crate) models: TempDir,
    pub(crate) queue: Queue,
    _valkey: TestValkey,
}

/// One attempt, with the worker's end of it.
pub(crate) struct Attempt {
    pub(crate) run: Run,
    pub(crate) reports: Reports,
    pub(crate) cancel: CancellationToken,
}

impl Studio {
    /// Starts the engine beside a folder with the model `smoke`.
    pub(crate) async fn open() -> Self {
        let models = tempfile::tempdir().unwrap();
        testkit::tiny_models::write_sd(models.path()).unwrap();
        Self::around(models, 0).await
    }

    /// Starts the engine with so much memory beside a folder with the models `smoke`, `second` and `third`, which are alike.
    pub(crate) async fn open_within(memory_mib: u64) -> Self {
        let models = tempfile::tempdir().unwrap();
        testkit::tiny_models::write_sd(models.path()).unwrap();
        for name in ["second", "third"] {
            let folder = models.path().join("checkpoints");
            fs::copy(folder.join("smoke.json"), folder.join(name).with_extension("json")).unwrap();
        }
        Self::around(models, memory_mib).await
    }

    async fn around(models: TempDir, memory_mib: u64) -> Self {
        let valkey = TestValkey::start().unwrap();
        let queue = Queue::connect(&valkey.url(), "test").await.unwrap();
        queue.prepare().await.unwrap();
        let engine = start_program_within(program(), models.path(), memory_mib, &queue).await;
        Self { engine, models, queue, _valkey: valkey }
    }

    /// Runs a job as a worker does.
    pub(crate) async fn make(&mut self, order: &Order) -> Result<Vec<Picture>, EngineError> {
        let attempt = Attempt::new();
        self.engine.load(order, &attempt.run).await?;
        self.engine.generate(order, &attempt.run).await
    }

    /// Adds a model `broken`: that of `smoke`, with a part of the diffusion model's header replaced by another as long.
    pub(crate) fn add_broken_model(&self, part: &str, replacement: &str) {
        assert_eq!(part.len(), replacement.len());
        let read = |path: &str| fs::read(self.models.path().join(path)).unwrap();
        let mut bytes = read("components/tiny-flux2-klein.safetensors");
        let place = bytes.windows(part.len()).position(|window| window == part.as_bytes()).unwrap();
        bytes[place..place + part.len()].copy_from_slice(replacement.as_bytes());
        fs::write(self.models.path().join("components/broken.safetensors"), bytes).unwrap();
        let sidecar = String::from_utf8(read("checkpoints/smoke.json")).unwrap();
        let sidecar = sidecar.replace("tiny-flux2-klein.safetensors", "broken.safetensors");
        fs::write(self.models.path().join("checkpoints/broken.json"), sidecar).unwrap();
    }
}

impl Attempt {
    pub(crate) fn new() -> Self {
        let cancel = CancellationToken::new();
        let (run, reports) = Run::new(JobId::new(), 1, cancel.clone());
        Self { run, reports, cancel }
    }

    /// Returns every report of progress so far.
    pub(crate) fn steps(&mut self) -> Vec<StepReport> {
        std::iter::from_fn(|| self.reports.steps.try_recv().ok()).collect()
    }
}

/// Starts an engine of this program that may hold so much memory.
pub(crate) async fn start_program_within(program: PathBuf, models: &Path, memory_mib: u64, queue: &Queue) -> SdEngine {
    let library = models::Library::open(models);
    let device = String::new();
    let settings = Settings { program, threads: 1, device, memory_mib, memory_lease: MEMORY_LEASE, library };
    SdEngine::start(settings, queue, &JobId::new().to_string()).await.unwrap()
}

/// Returns the order of a small picture, changed as the test likes.
pub(crate) fn order(change: impl FnOnce(&mut TextToImage)) -> Order {
    let mut spec: TextToImage = serde_json::from_value(serde_json::json!({
        "prompt": "a lake", "model": "smoke", "width": 64, "height": 64, "steps": 4, "cfg_scale": 1.0, "seed": 1,
    }))
    .unwrap();
    change(&mut spec);
    let (width, height) = (spec.width, spec.height);
    Order::without_pictures(JobSpec::TextToImage(spec), width, height)
}

/// Returns the spec of a small painted picture of a kind, with fields of its own.
#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
pub(crate) fn painted(kind: &str, fields: serde_json::Value) -> JobSpec {
    let mut spec = serde_json::json!({
        "kind": kind, "prompt": "a lake", "model": "smoke", "steps": 4, "cfg_scale": 1.0, "seed": 1,
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

/// Returns an order with a change to what painted pictures have in common.
pub(crate) fn reordered(order: &Order, change: impl FnOnce(&mut Painting)) -> Order {
    let mut order = order.clone();
    change(order.spec.painting_mut().unwrap());
    order
}

/// Returns a picture of one colour.
pub(crate) fn filled(width: u32, height: u32, colour: [u8; 3]) -> Pixels {
    Pixels { width, height, rgb: colour.repeat((width * height) as usize) }
}

/// Returns a picture whose colours change slowly from corner to corner.
pub(crate) fn colours(width: u32, height: u32) -> Pixels {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgb = places.flat_map(|(x, y)| [(x * 255 / width) as u8, (y * 255 / height) as u8, 128]).collect();
    Pixels { width, height, rgb }
}

/// Kills a process, as the kernel does when memory runs out.
pub(crate) fn kill(process_id: u32) {
    kill_process(pid(process_id), Signal::KILL).unwrap();
}

/// Waits until a process, anybody's, is gone.
pub(crate) fn wait_until_gone(process_id: u32) {
    if let Ok(process) = pidfd_open(pid(process_id), PidfdFlags::empty()) {
        let limit = Timespec::try_from(LIMIT).unwrap();
        let ready = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!(ready, 1, "process {process_id} is still there");
    }
}

pub(crate) fn pid(process_id: u32) -> Pid {
    Pid::from_raw(i32::try_from(process_id).unwrap()).unwrap()
}

/// Returns the program sd-engine: `ATELIER_SD_ENGINE`, else where `cargo xtask engines` leaves it.
pub(crate) fn program() -> PathBuf {
    let program = env::var_os("ATELIER_SD_ENGINE").map_or_else(
        // This program lies in target/<profile>/deps.
        || env::current_exe().unwrap().ancestors().nth(3).unwrap().join("sd-engine"),
        PathBuf::from,
    );
    assert!(program.is_file(), "there is no {}: run `cargo xtask engines`, which builds it", program.display());
    program
}
