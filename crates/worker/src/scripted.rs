//! An engine without a model: it paints a labelled test card with believable steps and previews.
//!
//! For demonstrations on any machine, for the development of the web app, and for every test of the system.
//! A directive in the prompt makes it misbehave; `docs/scripted-engine.md` lists them.

mod card;
mod directive;
mod enlarge;

use std::time::Duration;

use contract::{
    event::Phase,
    spec::{JobSpec, Painting, Upscale},
};

use self::directive::{Directive, Misdeed};
use crate::{
    engine::{Engine, EngineDescription, EngineError, Picture, Run},
    order::Order,
};

/// Loading a model takes this many steps of the engine's pace.
const LOAD_STEPS: u32 = 4;

/// The engine without a model.
#[derive(Debug)]
pub struct ScriptedEngine {
    step: Duration,
    resident: Option<String>,
}

impl ScriptedEngine {
    /// Returns an engine that takes this long for each step.
    #[must_use]
    pub fn new(step: Duration) -> Self {
        Self { step, resident: None }
    }

    /// Waits, unless the run is cancelled before.
    async fn wait(run: &Run, duration: Duration) -> Result<(), EngineError> {
        if duration.is_zero() && !run.cancelled().is_cancelled() {
            // A timer would take a millisecond.
            tokio::task::yield_now().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = run.cancelled().cancelled() => Err(EngineError::Cancelled),
            () = tokio::time::sleep(duration) => Ok(()),
        }
    }

    /// Samples one picture step by step: the `number`-th of the job, counted from 0.
    async fn paint(
        &self,
        (order, painting): (&Order, &Painting),
        number: u32,
        directive: &Directive,
        run: &Run,
    ) -> Result<Picture, EngineError> {
        let seed = painting.seed.unwrap_or(0).wrapping_add(number);
        let (width, height) = order.painted_size();
        let mut picture = card::draw(width, height, painting.steps, seed);
        if directive.is_flat(run.attempt, painting.vae_tiling == Some(true)) {
            picture.rgb.fill(127);
        }
        let pace = directive.step.unwrap_or(self.step);
        let first = painting.steps;
        let second = order.spec.hires().map_or(0, |hires| if hires.steps > 0 { hires.steps } else { first });
        let (before, all) = (number * (first + second), painting.batch_count * (first + second));
        run.progress(Phase::Sampling, before, all);
        for step in 1..=first + second {
            Self::wait(run, pace).await?;
            if step == first.div_ceil(2) {
                misbehave(directive, run).await?;
            }
            if step == first + 1 {
                run.progress(Phase::Upscaling, 1, 1);
            }
            run.progress(Phase::Sampling, before + step, all);
            if let Some(jpeg) = card::preview(&picture, step, first + second) {
                run.preview(before + step, jpeg);
            }
        }
        run.progress(Phase::Decoding, 0, 1);
        Self::wait(run, pace).await?;
        run.progress(Phase::Decoding, 1, 1);
        Ok(picture)
    }

    /// Enlarges a picture: each pixel becomes a square.
    async fn enlarge(&self, order: &Order, wanted: &Upscale, run: &Run) -> Result<Picture, EngineError> {
        let Some(image) = &order.image else {
            return Err(EngineError::Engine { message: "there is no picture to enlarge".to_owned() });
        };
        run.progress(Phase::Upscaling, 0, 1);
        Self::wait(run, self.step).await?;
        let picture = enlarge::by_squares(image, wanted.factor);
        run.progress(Phase::Upscaling, 1, 1);
        Ok(picture)
    }
}

impl Engine for ScriptedEngine {
    fn describe(&self) -> EngineDescription {
        EngineDescription { name: format!("scripted {}", env!("CARGO_PKG_VERSION")), device: "cpu".to_owned() }
    }

    fn resident_models(&self) -> Vec<String> {
        self.resident.iter().cloned().collect()
    }

    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        let wanted = order.spec.model().map(str::to_owned);
        let directive = order.spec.painting().map_or(Ok(Directive::default()), read_directive)?;
        if directive.misdeed(run.attempt) == Some(Misdeed::FailLoad) {
            return Err(EngineError::Engine {
                message: "the model could not be loaded, as its prompt asked".to_owned(),
            });
        }
        if self.resident.is_some() && self.resident == wanted {
            return Ok(());
        }
        self.resident = None;
        let load = directive.load.unwrap_or(self.step * LOAD_STEPS);
        for number in 0..LOAD_STEPS {
            run.progress(Phase::Loading, number, LOAD_STEPS);
            Self::wait(run, load / LOAD_STEPS).await?;
        }
        run.progress(Phase::Loading, LOAD_STEPS, LOAD_STEPS);
        self.resident = wanted;
        Ok(())
    }

    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        if let JobSpec::Upscale(wanted) = &order.spec {
            return Ok(vec![self.enlarge(order, wanted, run).await?]);
        }
        let wanted = painting(order)?;
        let directive = read_directive(wanted)?;
        run.progress(Phase::Encoding, 0, 1);
        Self::wait(run, directive.step.unwrap_or(self.step)).await?;
        run.progress(Phase::Encoding, 1, 1);
        let mut pictures = Vec::new();
        for number in 0..wanted.batch_count {
            let painted = self.paint((order, wanted), number, &directive, run).await;
            if matches!(painted, Err(EngineError::Crashed { .. })) {
                self.resident = None;
            }
            pictures.push(painted?);
        }
        Ok(pictures)
    }

    async fn unload(&mut self) {
        self.resident = None;
    }
}

/// Returns what to paint.
fn painting(order: &Order) -> Result<&Painting, EngineError> {
    order.spec.painting().ok_or_else(|| EngineError::Rejected {
        message: format!("the scripted engine does not know the kind {}", order.spec.kind().as_str()),
        remedy: None,
    })
}

fn read_directive(painting: &Painting) -> Result<Directive, EngineError> {
    Directive::read(&painting.prompt).map_err(|message| EngineError::Rejected {
        message,
        remedy: Some("correct the directive, or take it out of the prompt".to_owned()),
    })
}

/// Does what the directive says, in the middle of the steps.
async fn misbehave(directive: &Directive, run: &Run) -> Result<(), EngineError> {
    match directive.misdeed(run.attempt) {
        None | Some(Misdeed::FailLoad | Misdeed::Flat | Misdeed::FlatUntiled) => Ok(()),
        Some(Misdeed::Reject) => Err(EngineError::Rejected {
            message: "the scripted engine refused, as the prompt asked".to_owned(),
            remedy: Some("take the directive out of the prompt".to_owned()),
        }),
        Some(Misdeed::Fail) => {
            Err(EngineError::Engine { message: "the scripted engine failed, as the prompt asked".to_owned() })
        }
        Some(Misdeed::Crash) => {
            Err(EngineError::Crashed { message: "the scripted engine died, as the prompt asked".to_owned() })
        }
        // Stands for a worker that takes itself down with a job: nothing is cleaned up, as with a segmentation fault.
        Some(Misdeed::Kill) => std::process::abort(),
        Some(Misdeed::Hang) => std::future::pending().await,
    }
}
