//! What the worker makes itself, without an engine: plain enlargements and contact sheets.
//!
//! It is driven like an engine, so cancels, lost leases and panics end here as they do there.

mod sheet;

use std::ops::ControlFlow;

use assets::{
    AssetStore,
    picture::{Pixels, resample_with},
};
use contract::{asset::AssetRef, event::Phase, spec::JobSpec};
use tokio::sync::mpsc;

use self::sheet::Sheet;
use crate::{
    engine::{Engine, EngineDescription, EngineError, Picture, Run},
    order::Order,
    prepare::{Unprepared, load_picture},
};

/// Makes pictures without an engine.
#[derive(Debug)]
pub(crate) struct Darkroom {
    assets: AssetStore,
    inputs: Vec<AssetRef>,
}

impl Darkroom {
    /// Returns a darkroom for a job that names these files.
    pub(crate) fn new(assets: AssetStore, inputs: Vec<AssetRef>) -> Self {
        Self { assets, inputs }
    }

    async fn enlarge(&self, order: &Order, run: &Run) -> Result<Pixels, EngineError> {
        let image = order.image.clone().ok_or_else(|| bug("there is no picture to enlarge"))?;
        let (width, height) = (order.width, order.height);
        let (rows, mut done) = mpsc::unbounded_channel();
        let cancelled = run.cancelled().clone();
        run.progress(Phase::Upscaling, 0, height);
        let enlarging = tokio::task::spawn_blocking(move || {
            resample_with(&image, width, height, |row| {
                // Nobody hears it once the attempt is given up.
                let is_heard = row % ROWS_A_REPORT != 0 || rows.send(row).is_ok();
                if cancelled.is_cancelled() || !is_heard { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        });
        while let Some(row) = done.recv().await {
            run.progress(Phase::Upscaling, row, height);
        }
        let enlarged = enlarging.await.map_err(|error| bug(&error.to_string()))?;
        enlarged.ok_or(EngineError::Cancelled)
    }

    async fn lay_together(&self, order: &Order, run: &Run) -> Result<Pixels, EngineError> {
        let JobSpec::ContactSheet(wanted) = &order.spec else { return Err(bug("this is no contact sheet")) };
        let steps = u32::try_from(wanted.cells.len()).unwrap_or(u32::MAX);
        let mut sheet = Sheet::begin(wanted.clone())?;
        for (cell, step) in wanted.cells.iter().zip(0..) {
            run.progress(Phase::Upscaling, step, steps);
            if run.cancelled().is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let Some(id) = *cell else {
                sheet.skip();
                continue;
            };
            let picture =
                load_picture(&self.assets, &self.inputs, id).await.map_err(|unprepared| match unprepared {
                    Unprepared::Refused(error) => error,
                    Unprepared::Store(error) => EngineError::Engine { message: format!("{error:#}") },
                })?;
            sheet = blocking(move || {
                sheet.take(&picture);
                sheet
            })
            .await?;
        }
        run.progress(Phase::Upscaling, steps, steps);
        blocking(move || sheet.draw()).await
    }
}

/// After how many rows people hear how far it is.
const ROWS_A_REPORT: u32 = 64;

impl Engine for Darkroom {
    fn describe(&self) -> EngineDescription {
        EngineDescription { name: format!("atelier {}", env!("CARGO_PKG_VERSION")), device: "cpu".to_owned() }
    }

    fn resident_models(&self) -> Vec<String> {
        Vec::new()
    }

    async fn load(&mut self, _: &Order, _: &Run) -> Result<(), EngineError> {
        Ok(())
    }

    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        let Pixels { width, height, rgb } = match &order.spec {
            JobSpec::ContactSheet(_) => self.lay_together(order, run).await?,
            _ => self.enlarge(order, run).await?,
        };
        Ok(vec![Picture { width, height, rgb, seed: 0 }])
    }

    async fn unload(&mut self) {}
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| bug(&error.to_string()))
}

fn bug(problem: &str) -> EngineError {
    EngineError::Engine { message: format!("{problem}; this is a bug") }
}
