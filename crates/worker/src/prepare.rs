//! Gets ready what a job needs: fetches and decodes the pictures that it names, and brings them to the size that is painted.

mod fetch;
mod inpaint;
mod size;

use assets::{
    AssetStore,
    picture::{self, Limits, Pixels},
};
use contract::{
    AssetId,
    job::QueuedJob,
    spec::{ImageEdit, ImageToImage, JobSpec, Upscale},
};

use self::fetch::Files;
pub(crate) use self::size::check_format;
use crate::{complete::Completion, engine::EngineError, order::Order};

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What an engine gets.
    pub(crate) order: Order,
    /// Who makes the pictures.
    pub(crate) maker: Maker,
    /// What becomes of the pictures afterwards.
    pub(crate) completion: Completion,
}

/// Who makes the pictures of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// The engine of this worker.
    Engine,
    /// The worker itself: nothing is painted.
    Darkroom,
}

/// Why a job cannot be done.
#[derive(Debug)]
pub(crate) enum Unprepared {
    /// What was asked for cannot be done.
    Refused(EngineError),
    /// The files cannot be read now.
    Store(anyhow::Error),
}

/// Fetches what a job names, and returns what is to be done.
pub(crate) async fn prepare(assets: &AssetStore, job: &QueuedJob) -> Result<Prepared, Unprepared> {
    let files = Files { assets, inputs: &job.inputs };
    let spec = job.spec.clone();
    let (order, completion) = match &job.spec {
        JobSpec::TextToImage(wanted) => {
            (Order::without_pictures(spec, wanted.width, wanted.height), Completion::Nothing)
        }
        JobSpec::ImageToImage(wanted) => (image_to_image(&files, spec, wanted).await?, Completion::Nothing),
        JobSpec::Inpaint(wanted) => {
            let image = files.load(wanted.image).await?.pixels;
            let mask = match wanted.mask {
                Some(mask) => Some(files.load(mask).await?),
                None => None,
            };
            let wanted = wanted.clone();
            blocking(move || inpaint::lay_out(spec, &wanted, image, mask)).await??
        }
        JobSpec::ImageEdit(wanted) => (image_edit(&files, spec, wanted).await?, Completion::Nothing),
        JobSpec::Upscale(wanted) => upscale(&files, spec, wanted).await?,
        // Its many pictures are fetched one after the other, when they are laid in.
        JobSpec::ContactSheet(wanted) => {
            (Order::without_pictures(spec, wanted.cell_px, wanted.cell_px), Completion::Nothing)
        }
    };
    let maker = match &job.spec {
        JobSpec::Upscale(Upscale { upscaler: None, .. }) | JobSpec::ContactSheet(_) => Maker::Darkroom,
        _ => Maker::Engine,
    };
    Ok(Prepared { order, maker, completion })
}

/// Fetches one picture, for those who need many one after the other.
pub(crate) async fn load_picture(
    assets: &AssetStore,
    inputs: &[contract::asset::AssetRef],
    id: AssetId,
) -> Result<Pixels, Unprepared> {
    Ok(Files { assets, inputs }.load(id).await?.pixels)
}

async fn image_to_image(files: &Files<'_>, spec: JobSpec, wanted: &ImageToImage) -> Result<Order, Unprepared> {
    let image = files.load(wanted.image).await?.pixels;
    let (width, height) = size::painted(wanted.width, wanted.height, &image);
    let way = wanted.fit;
    let image = blocking(move || picture::fit(&image, width, height, way)).await?;
    Ok(Order { image: Some(image), ..Order::without_pictures(spec, width, height) })
}

async fn image_edit(files: &Files<'_>, spec: JobSpec, wanted: &ImageEdit) -> Result<Order, Unprepared> {
    let mut references = Vec::with_capacity(wanted.images.len());
    for id in &wanted.images {
        references.push(files.load(*id).await?.pixels);
    }
    let Some(first) = references.first() else {
        return Err(refused("there is no picture to change", "name at least one in images"));
    };
    let (width, height) = size::painted(wanted.width, wanted.height, first);
    Ok(Order { references, ..Order::without_pictures(spec, width, height) })
}

async fn upscale(files: &Files<'_>, spec: JobSpec, wanted: &Upscale) -> Result<(Order, Completion), Unprepared> {
    let image = files.load(wanted.image).await?.pixels;
    let (width, height) = size::enlarged(&image, wanted.factor)?;
    size::check_format(wanted.output.format, width, height)?;
    let completion = match wanted.upscaler {
        Some(_) => Completion::Resample { width, height },
        None => Completion::Nothing,
    };
    Ok((Order { image: Some(image), ..Order::without_pictures(spec, width, height) }, completion))
}

/// Runs what takes long where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unprepared> {
    let failed = |error: tokio::task::JoinError| {
        Unprepared::Refused(EngineError::Crashed { message: format!("the pictures could not be prepared: {error}") })
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

/// Returns the refusal of what can never be done.
pub(crate) fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Unprepared {
    Unprepared::Refused(EngineError::Rejected { message: message.into(), remedy: Some(remedy.into()) })
}

/// How large the pictures may be that a job takes and makes.
pub(crate) fn limits() -> Limits {
    Limits::default()
}
