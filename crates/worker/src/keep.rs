//! Turns pixels into files that stay, with all that it takes to make the picture again.

use anyhow::Context;
use assets::{
    AssetStore, metadata,
    picture::{self, Pixels},
};
use bytes::Bytes;
use chassis::clock::Clock;
use contract::{
    asset::AssetRef,
    event::Phase,
    result::{JobResult, Measure, Timeline},
    spec::JobSpec,
};
use time::OffsetDateTime;

use crate::{
    drive::Made,
    engine::{Picture, StepReport},
};

/// Where pictures come from.
pub(crate) struct Origin<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) leased_at: OffsetDateTime,
    /// The engine's name with its version.
    pub(crate) engine: String,
}

/// Stores every picture, says after each how far it is, and returns the result of the job.
pub(crate) async fn keep(
    assets: &AssetStore,
    clock: &Clock,
    made: Made,
    origin: Origin<'_>,
    mut tell: impl FnMut(StepReport),
) -> anyhow::Result<JobResult> {
    let steps = made.pictures.len() as u32;
    let mut stored = Vec::with_capacity(made.pictures.len());
    tell(StepReport { phase: Phase::Storing, step: 0, steps });
    for (picture, step) in made.pictures.into_iter().zip(1..) {
        stored.push(keep_picture(assets, origin.spec.clone(), picture, made.notes.measures.clone()).await?);
        tell(StepReport { phase: Phase::Storing, step, steps });
    }
    Ok(JobResult {
        assets: stored,
        engine: origin.engine,
        timeline: Timeline {
            leased_at: origin.leased_at,
            loaded_at: made.loaded_at,
            sampled_at: made.sampled_at,
            stored_at: clock.now(),
            engine_s: made.work.as_secs_f64(),
        },
        measures: made.notes.measures,
        cost: None,
    })
}

async fn keep_picture(
    assets: &AssetStore,
    spec: JobSpec,
    picture: Picture,
    measures: Vec<Measure>,
) -> anyhow::Result<AssetRef> {
    let media_type = spec.output().format.media_type();
    // Compressing a large picture takes a second, in which this thread has better things to do.
    let encoding = tokio::task::spawn_blocking(move || encode(&spec, picture, &measures));
    let file = encoding.await.context("could not wait for a picture to be encoded")??;
    assets.put(media_type, Bytes::from(file)).await.context("could not store a picture")
}

fn encode(spec: &JobSpec, picture: Picture, measures: &[Measure]) -> anyhow::Result<Vec<u8>> {
    let mut texts = metadata::texts(spec, picture.seed).context("could not write down how a picture was made")?;
    texts.extend(metadata::measures_text(measures).context("could not write down what was done differently")?);
    let pixels = Pixels { width: picture.width, height: picture.height, rgb: picture.rgb };
    picture::encode(&pixels, spec.output(), &texts).context("could not encode a picture")
}
