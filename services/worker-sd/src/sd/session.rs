//! One life of a child sd-engine: hello, load, generations, end.

use std::time::{Duration, Instant};

use contract::{
    engine::{Command, Embedding, LARGEST_PICTURE_BYTES, Line, ModelFiles, Stage},
    event::Phase,
    spec::JobSpec,
};
use models::{Library, memory::Tiles};
use process::{Child, Program, State};
use tokio::{
    io::AsyncWriteExt as _,
    process::ChildStdin,
    sync::{mpsc, watch},
    time::{Instant as Deadline, sleep_until, timeout},
};
use tracing::{debug, info, warn};
use worker::{EngineDescription, EngineError, Order, Picture, Run};

use super::{
    frames::{self, Frame},
    order::{self, Ask, Files, Holding},
    preview::{self, Throttle},
};

/// A program that says nothing for so long after its start is not sd-engine.
const HELLO_LIMIT: Duration = Duration::from_secs(30);
/// A cancel must be over within a second: so long the library may try, then the child is killed.
const SOFT_CANCEL_LIMIT: Duration = Duration::from_millis(800);
/// How long a child that is not needed any more may take to go.
const END_LIMIT: Duration = Duration::from_secs(2);
/// Frames that may wait here.
const FRAMES: usize = 16;

/// A running child.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    stdin: ChildStdin,
    frames: mpsc::Receiver<Frame>,
    version: String,
    device: String,
    can_cancel: bool,
    /// What was loaded; nothing at first.
    holding: Option<Holding>,
    /// Whether an answer is due. A session that is found busy was left half-way.
    is_busy: bool,
    /// The first error that the library logged since the last command.
    complaint: Option<String>,
    abort: Option<String>,
}

/// What a child is to hold. One holds one thing for all its life.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Load {
    /// A model, with the words that its prompts may use.
    Model { files: Box<ModelFiles>, embeddings: Vec<Embedding> },
    /// An upscaler: the absolute path of its file.
    Upscaler { path: String },
}

impl Load {
    /// Returns whether a child that holds this can do such a job.
    pub(super) fn suits(&self, spec: &JobSpec) -> bool {
        matches!(self, Self::Upscaler { .. }) == matches!(spec, JobSpec::Upscale(_))
    }
}

/// Why a child did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was not even asked, or can never do it.
    Refused(EngineError),
    /// It says why, and goes on.
    Failed(String),
    /// It was cancelled, and goes on.
    Stopped,
    /// It was cancelled and cannot stop by itself.
    MustBeKilled,
    /// It died, or does not keep to the protocol.
    Gone,
}

impl Session {
    /// Starts a child and waits for its hello.
    pub(super) async fn open(program: &Program) -> Result<Self, EngineError> {
        let mut child = program
            .start()
            .map_err(|error| EngineError::Crashed { message: format!("{:#}", anyhow::Error::from(error)) })?;
        let (Some(stdin), Some(stdout)) = (child.take_stdin(), child.take_stdout()) else {
            return Err(EngineError::Engine { message: "sd-engine has no pipes: this is a bug".to_owned() });
        };
        let (sender, frames) = mpsc::channel(FRAMES);
        tokio::spawn(frames::read(stdout, sender));
        let mut session = Self {
            child,
            stdin,
            frames,
            version: String::new(),
            device: String::new(),
            can_cancel: false,
            holding: None,
            is_busy: true,
            complaint: None,
            abort: None,
        };
        match timeout(HELLO_LIMIT, session.frames.recv()).await {
            Ok(Some(Frame { line: Line::Hello { version, can_cancel, device }, .. })) => {
                (session.version, session.can_cancel, session.device) = (version, can_cancel, device);
                session.is_busy = false;
                Ok(session)
            }
            Ok(Some(_)) | Err(_) => {
                Err(EngineError::Crashed { message: "the program that was started is not sd-engine".to_owned() })
            }
            Ok(None) => Err(EngineError::Crashed { message: session.last_words("started").await }),
        }
    }

    /// Returns what the child said about itself.
    pub(super) fn describe(&self) -> EngineDescription {
        EngineDescription { name: self.version.clone(), device: self.device.clone() }
    }

    /// Returns the number of the process.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// Returns whether the child lives and waits for work.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_busy && matches!(self.child.state(), State::Starting | State::Ready)
    }

    /// Returns whether the child is dead.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.child.state(), State::Exited(_))
    }

    /// Makes it compute something small.
    pub(super) async fn try_out(&mut self) -> Result<(), Trouble> {
        self.send(&Command::TryOut, &[]).await?;
        loop {
            match self.next().await?.line {
                Line::Done { .. } => {
                    self.is_busy = false;
                    return Ok(());
                }
                Line::Failed { message, .. } => return Err(Trouble::Failed(message)),
                _ => {}
            }
        }
    }

    /// Loads a model or an upscaler, and reports steps.
    pub(super) async fn load(
        &mut self,
        what: Load,
        threads: u32,
        report: &watch::Sender<(u32, u32)>,
    ) -> Result<(), Trouble> {
        let (command, has_tiling) = match what {
            Load::Model { files, embeddings } => {
                let has_tiling = files.vae_tiling;
                (Command::Load { files, embeddings, threads }, Some(has_tiling))
            }
            Load::Upscaler { path } => {
                (Command::LoadUpscaler { path, threads, tile_size: order::UPSCALER_TILE_PX }, None)
            }
        };
        self.send(&command, &[]).await?;
        loop {
            match self.next().await?.line {
                Line::Loaded { duration_ms, factor } => {
                    debug!(duration_ms, "sd-engine loaded in {duration_ms} ms");
                    self.holding = Some(match has_tiling {
                        Some(has_tiling) => Holding::Model { has_tiling },
                        None => Holding::Upscaler { factor },
                    });
                    self.is_busy = false;
                    self.child.set_ready();
                    return Ok(());
                }
                Line::Failed { message, .. } => return Err(Trouble::Failed(message)),
                Line::Progress { step, steps, .. } => {
                    report.send_replace((step, steps));
                }
                _ => {}
            }
        }
    }

    /// Does what an order asks for, and reports to the run. LoRAs and upscalers are looked up in `library`.
    pub(super) async fn run(
        &mut self,
        order: &Order,
        tiles: Tiles,
        library: &Library,
        run: &Run,
    ) -> Result<Vec<Picture>, Trouble> {
        let Some(holding) = self.holding else {
            return Err(Trouble::Failed("nothing is loaded".to_owned()));
        };
        let files = Files::find(order, library).await.map_err(Trouble::Refused)?;
        let Ask { command, pictures, count } = order::ask(order, files, holding, tiles).map_err(Trouble::Refused)?;
        self.complaint = None;
        self.send(&command, &pictures).await?;
        self.gather(count, run).await
    }

    /// Gathers the pictures of a command, and passes on what is reported meanwhile.
    async fn gather(&mut self, wanted: u32, run: &Run) -> Result<Vec<Picture>, Trouble> {
        let mut pictures = Vec::new();
        let mut throttle = Throttle::default();
        let mut kill_at = None;
        loop {
            let frame = tokio::select! {
                biased;
                () = run.cancelled().cancelled(), if kill_at.is_none() => {
                    if !self.can_cancel {
                        return Err(Trouble::MustBeKilled);
                    }
                    kill_at = Some(Deadline::now() + SOFT_CANCEL_LIMIT);
                    self.send(&Command::Cancel, &[]).await?;
                    continue;
                }
                () = sleep_until(kill_at.unwrap_or_else(Deadline::now)), if kill_at.is_some() => {
                    return Err(Trouble::MustBeKilled);
                }
                frame = self.next() => frame?,
            };
            match frame.line {
                Line::Progress { stage, step, steps } => run.progress(phase(stage), step, steps),
                Line::Preview { step, width, height, .. } if throttle.lets_through(Instant::now()) => {
                    match preview::encode(width, height, frame.bytes) {
                        Ok(jpeg) => run.preview(step, jpeg),
                        Err(error) => warn!("a preview could not be made: {:#}", anyhow::Error::from(error)),
                    }
                }
                Line::Image { seed, width, height, .. } => {
                    pictures.push(Picture { width, height, rgb: frame.bytes, seed });
                }
                Line::Done { duration_ms } => {
                    self.is_busy = false;
                    let (job_id, count) = (run.job_id, pictures.len());
                    info!(job.id = %job_id, duration_ms, "job {job_id}: {count} pictures made in {duration_ms} ms");
                    return if count == wanted as usize {
                        Ok(pictures)
                    } else {
                        Err(Trouble::Failed(format!("{count} of {wanted} pictures came")))
                    };
                }
                Line::Failed { message, is_cancelled, is_final } => {
                    self.is_busy = false;
                    return Err(match (is_cancelled, is_final) {
                        (true, _) => Trouble::Stopped,
                        (_, true) => Trouble::Refused(EngineError::Rejected { message, remedy: None }),
                        _ => Trouble::Failed(message),
                    });
                }
                _ => {}
            }
        }
    }

    /// Returns why the child died, for people; kills it if it did not. `doing` is what it did, in the past tense.
    pub(super) async fn last_words(&mut self, doing: &str) -> String {
        let exit = self.child.stop(END_LIMIT).await;
        // What it wrote before its end may not have been looked at.
        while let Some(frame) = self.frames.recv().await {
            self.take_note(&frame.line);
        }
        let mut spoken: Vec<String> = self.abort.as_ref().or(self.complaint.as_ref()).cloned().into_iter().collect();
        if spoken.is_empty() {
            spoken = self.child.log().last(3);
        }
        spoken.insert(0, format!("the engine died while it {doing}: {exit}"));
        spoken.join("; ")
    }

    /// Ends the child. Its memory is free when this returns.
    pub(super) async fn end(mut self) {
        // The end of its input ends it at once, even in the middle of a generation.
        drop(self.stdin);
        self.child.stop(END_LIMIT).await;
    }

    /// Sends a command and the bytes that belong to it.
    async fn send(&mut self, command: &Command, pictures: &[&[u8]]) -> Result<(), Trouble> {
        let announced = command.pictures();
        let fits =
            announced.iter().map(|picture| picture.size_bytes).eq(pictures.iter().map(|bytes| bytes.len() as u64));
        if !fits || announced.iter().any(|picture| picture.size_bytes > LARGEST_PICTURE_BYTES) {
            return Err(Trouble::Failed("a picture has not the bytes that were announced: this is a bug".to_owned()));
        }
        let mut text = serde_json::to_vec(command).map_err(|error| Trouble::Failed(error.to_string()))?;
        text.push(b'\n');
        self.is_busy = true;
        self.stdin.write_all(&text).await.map_err(|_| Trouble::Gone)?;
        for bytes in pictures {
            self.stdin.write_all(bytes).await.map_err(|_| Trouble::Gone)?;
        }
        self.stdin.flush().await.map_err(|_| Trouble::Gone)
    }

    /// Waits for the next frame. Safe to drop half-way.
    async fn next(&mut self) -> Result<Frame, Trouble> {
        let frame = self.frames.recv().await.ok_or(Trouble::Gone)?;
        self.take_note(&frame.line);
        Ok(frame)
    }

    fn take_note(&mut self, line: &Line) {
        match line {
            Line::Abort { message } => self.abort = Some(message.clone()),
            Line::Log { level, message } => {
                if level == "error" {
                    self.complaint.get_or_insert_with(|| message.clone());
                }
                debug!("sd-engine {level}: {message}");
            }
            _ => {}
        }
    }
}

fn phase(stage: Stage) -> Phase {
    match stage {
        Stage::Loading => Phase::Loading,
        Stage::Encoding => Phase::Encoding,
        Stage::Sampling => Phase::Sampling,
        Stage::Decoding => Phase::Decoding,
        Stage::Upscaling => Phase::Upscaling,
    }
}
