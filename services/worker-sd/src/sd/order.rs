//! Turns an order into a command for sd-engine and the pictures that follow it: every decision falls here, none in the child.

use assets::picture::Pixels;
use contract::{
    engine::{Command, Generation, HiresPass, HiresUpscaler, LARGEST_PICTURE_BYTES, LoraFile, RawPicture, Tiling},
    spec::{Hires, JobSpec, Painting, lora_tags, sampling::Scheduler},
};
use models::{Library, memory::Tiles};
use worker::{EngineError, Order};

use super::source::refuse;

/// What the library takes by itself: the size leaves seams to nobody's eye and fits small cards.
const TILING: Tiling = Tiling { tile_size: 0, overlap: 0.5 };
/// Tiles of a quarter of that area, for when memory is tight.
const SMALL_TILING: Tiling = Tiling { tile_size: 16, overlap: 0.25 };
/// Squares in which upscalers work, in pixels of the small picture.
pub(super) const UPSCALER_TILE_PX: u32 = 128;

/// A command, with the bytes that follow it.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) command: Command,
    pub(super) pictures: Vec<&'a [u8]>,
    /// How many pictures come back.
    pub(super) count: u32,
}

/// What the session holds, as far as it decides about a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holding {
    /// A model, and whether it decodes all its pictures in tiles.
    Model { has_tiling: bool },
    /// An upscaler, and how many times as wide and high it makes pictures.
    Upscaler { factor: u32 },
}

/// The files that an order names beside its model.
#[derive(Debug, Default)]
pub(super) struct Files {
    loras: Vec<LoraFile>,
    hires_upscaler: Option<String>,
}

impl Files {
    /// Finds them.
    pub(super) async fn find(order: &Order, library: &Library) -> Result<Self, EngineError> {
        let Some(painting) = order.spec.painting() else { return Ok(Self::default()) };
        let tagged = lora_tags::take(&painting.prompt);
        if let Some(tag) = tagged.unreadable.first() {
            return Err(reject(format!("the tag {tag} cannot be read"), Some("write <lora:name:weight>")));
        }
        let loras = lora_tags::add_up(tagged.loras.into_iter().chain(painting.loras.iter().cloned()));
        let hires = order.spec.hires().map(|hires| hires.upscaler.clone());
        let upscaler = hires.filter(|name| !Hires::BUILT_IN.contains(&name.as_str()));
        if loras.is_empty() && upscaler.is_none() {
            return Ok(Self::default());
        }
        let library = library.clone();
        let finding = tokio::task::spawn_blocking(move || {
            let hires_upscaler = upscaler.map(|name| library.resolve_upscaler(&name)).transpose()?;
            let mut files = Vec::new();
            for lora in loras {
                files.push(LoraFile { path: library.resolve_lora(&lora.name)?.path, weight: lora.weight });
            }
            Ok::<_, models::Error>(Self { loras: add_up(files), hires_upscaler: hires_upscaler.map(|file| file.path) })
        });
        let found = finding.await.map_err(|error| EngineError::Engine { message: error.to_string() })?;
        found.map_err(refuse)
    }
}

/// Returns the command for an order.
pub(super) fn ask(order: &Order, files: Files, holding: Holding, tiles: Tiles) -> Result<Ask<'_>, EngineError> {
    match (&order.spec, holding) {
        (JobSpec::Upscale(_), Holding::Upscaler { factor }) => upscale(order, factor),
        (spec, Holding::Model { has_tiling }) => match spec.painting() {
            Some(painting) => paint(order, painting, files, tiling(painting, has_tiling, tiles)),
            None => Err(reject(format!("this engine does not know the kind {}", spec.kind().as_str()), None)),
        },
        (spec, Holding::Upscaler { .. }) => {
            Err(reject(format!("an upscaler does not know the kind {}", spec.kind().as_str()), None))
        }
    }
}

fn upscale(order: &Order, factor: u32) -> Result<Ask<'_>, EngineError> {
    let Some(image) = &order.image else {
        return Err(bug("there is no picture to enlarge"));
    };
    let pixels = u64::from(image.width) * u64::from(image.height) * u64::from(factor) * u64::from(factor);
    if pixels * 3 > LARGEST_PICTURE_BYTES {
        return Err(reject(
            format!("{} × {} pixels are too many for an upscaler by {factor}", image.width, image.height),
            Some("send a smaller picture, or choose an upscaler with a smaller factor"),
        ));
    }
    let command = Command::Upscale { picture: raw(image) };
    Ok(Ask { command, pictures: vec![&image.rgb], count: 1 })
}

fn paint<'a>(
    order: &'a Order,
    painting: &Painting,
    files: Files,
    tiling: Option<Tiling>,
) -> Result<Ask<'a>, EngineError> {
    if [&painting.prompt, &painting.negative_prompt].iter().any(|text| text.contains('\0')) {
        return Err(reject("the prompt holds a zero byte".to_owned(), Some("take it out")));
    }
    if painting.flow_shift == Some(0.0) {
        // The library would divide by it and hand out a black picture.
        return Err(reject("a flow_shift of 0 leaves no noise to begin with".to_owned(), Some("take one above 0")));
    }
    if fewest_steps(order, painting) < 2
        && let Some(scheduler @ (Scheduler::Karras | Scheduler::Exponential | Scheduler::Gits)) = painting.scheduler
    {
        // The library divides by the steps less one: black pictures, or a crash.
        return Err(reject(
            format!("the scheduler {scheduler:?} cannot spread a single step").to_lowercase(),
            Some("take two steps or more, or another scheduler"),
        ));
    }
    let Files { loras, hires_upscaler } = files;
    let hires = order.spec.hires().map(|hires| second_pass(order, hires, hires_upscaler));
    let mask = order.mask.as_ref().zip(order.image.as_ref());
    let generation = Generation {
        prompt: lora_tags::take(&painting.prompt).prompt,
        negative_prompt: painting.negative_prompt.clone(),
        width: order.width,
        height: order.height,
        steps: painting.steps,
        cfg_scale: painting.cfg_scale,
        distilled_guidance: painting.distilled_guidance,
        skip_layer_guidance: painting.skip_layer_guidance.clone(),
        sampler: painting.sampler,
        scheduler: painting.scheduler,
        eta: painting.eta,
        flow_shift: painting.flow_shift,
        seed: painting.seed.unwrap_or_default(),
        batch_count: painting.batch_count,
        clip_skip: painting.clip_skip,
        strength: strength(&order.spec),
        loras,
        tiling,
        cache: painting.cache,
        hires,
        init: order.image.as_ref().map(raw),
        mask: mask.map(|(mask, image)| RawPicture { size_bytes: mask.len() as u64, ..raw(image) }),
        references: order.references.iter().map(raw).collect(),
    };
    let pictures = order.image.iter().map(|image| image.rgb.as_slice());
    let pictures = pictures.chain(mask.map(|(mask, _)| mask.as_slice()));
    let pictures = pictures.chain(order.references.iter().map(|reference| reference.rgb.as_slice())).collect();
    let count = generation.batch_count;
    Ok(Ask { command: Command::Generate { generation: Box::new(generation) }, pictures, count })
}

/// Returns how pixels are coded and decoded: as memory asks for, else as the spec does, else as the model's sidecar does.
fn tiling(painting: &Painting, has_tiling: bool, tiles: Tiles) -> Option<Tiling> {
    match tiles {
        Tiles::Small => Some(SMALL_TILING),
        Tiles::Usual => Some(TILING),
        Tiles::Whole => painting.vae_tiling.unwrap_or(has_tiling).then_some(TILING),
    }
}

/// Returns over how many steps the scheduler spreads the noise, in the pass where it has the fewest.
fn fewest_steps(order: &Order, painting: &Painting) -> u32 {
    let Some(hires) = order.spec.hires() else { return painting.steps };
    let sampled = (f64::from(painting.steps) * strength(&order.spec)) as u32 + 1;
    let wanted = if hires.steps > 0 { hires.steps } else { painting.steps.min(sampled) };
    painting.steps.min((f64::from(wanted) / hires.strength.max(0.0001)) as u32)
}

/// Returns how much of the picture to begin with is painted anew.
fn strength(spec: &JobSpec) -> f64 {
    match spec {
        JobSpec::ImageToImage(spec) => spec.strength,
        JobSpec::Inpaint(spec) => spec.strength,
        _ => 1.0,
    }
}

/// Returns each file once, as two names may mean the same one. What adds up to nothing is left out.
fn add_up(files: Vec<LoraFile>) -> Vec<LoraFile> {
    let mut sums: Vec<LoraFile> = Vec::new();
    for file in files {
        match sums.iter_mut().find(|known| known.path == file.path) {
            Some(known) => known.weight += file.weight,
            None => sums.push(file),
        }
    }
    sums.retain(|file| file.weight != 0.0);
    sums
}

fn second_pass(order: &Order, hires: &Hires, model: Option<String>) -> HiresPass {
    let (width, height) = order.painted_size();
    HiresPass {
        width,
        height,
        upscaler: match model {
            Some(path) => HiresUpscaler::Model { path, tile_size: UPSCALER_TILE_PX },
            None => HiresUpscaler::BuiltIn { name: hires.upscaler.clone() },
        },
        steps: hires.steps,
        strength: hires.strength,
    }
}

fn raw(picture: &Pixels) -> RawPicture {
    RawPicture { width: picture.width, height: picture.height, size_bytes: picture.rgb.len() as u64 }
}

fn reject(message: String, remedy: Option<&str>) -> EngineError {
    EngineError::Rejected { message, remedy: remedy.map(str::to_owned) }
}

fn bug(what: &str) -> EngineError {
    EngineError::Engine { message: format!("{what}: this is a bug") }
}
