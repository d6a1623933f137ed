//! The lines between worker-sd and its child sd-engine: one JSON object a line, and raw pixels between them.
//!
//! A [`Command`] that names pictures is followed by their bytes, in the order of [`Command::pictures`]; a [`Line::Preview`]
//! or [`Line::Image`] is followed by its own. Pixels are 8 bits a channel, rows from the top.
//! The child ends when its standard input ends.
//!
//! Both ends are built from the same sources and started together, so these forms need not be readable for older ones.

mod generation;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use generation::{Generation, HiresPass, HiresUpscaler, LoraFile, RawPicture, Tiling};

/// No picture that crosses the pipe has more bytes than this.
pub const LARGEST_PICTURE_BYTES: u64 = 1 << 30;

/// From the worker to sd-engine, on standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Loads a model. Before anything else: a process holds one model or one upscaler.
    Load {
        /// The files.
        files: Box<ModelFiles>,
        /// Words of their own that prompts may use (textual inversion).
        #[serde(default)]
        embeddings: Vec<Embedding>,
        /// CPU threads.
        threads: u32,
    },
    /// Loads an upscaler. Before anything else: a process holds one model or one upscaler.
    LoadUpscaler {
        /// The file, as an absolute path.
        path: String,
        /// CPU threads.
        threads: u32,
        /// Width and height of the squares in which it works, in pixels of the small picture; 0 for the whole at once.
        tile_size: u32,
    },
    /// Makes pictures. Answered by [`Line::Done`] or [`Line::Failed`]. The bytes of its pictures follow.
    Generate {
        /// What to make.
        generation: Box<Generation>,
    },
    /// Enlarges a picture by the upscaler's own factor. Answered by [`Line::Done`] or [`Line::Failed`]. Its bytes follow.
    Upscale {
        /// What to enlarge.
        picture: RawPicture,
    },
    /// Ends the running generation, where the library can. Answered by [`Line::Failed`] with `is_cancelled`.
    Cancel,
    /// Computes something small on the device, and looks whether it is right. Answered by [`Line::Done`] or [`Line::Failed`].
    TryOut,
}

impl Command {
    /// Returns the pictures whose bytes follow this line, in their order.
    #[must_use]
    pub fn pictures(&self) -> Vec<RawPicture> {
        match self {
            Self::Generate { generation } => generation.pictures(),
            Self::Upscale { picture } => vec![*picture],
            Self::Load { .. } | Self::LoadUpscaler { .. } | Self::Cancel | Self::TryOut => Vec::new(),
        }
    }
}

/// From sd-engine to the worker, on standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The process runs and waits for [`Command::Load`] or [`Command::LoadUpscaler`].
    Hello {
        /// The version of the library.
        version: String,
        /// Whether [`Command::Cancel`] works; otherwise the process must be killed.
        can_cancel: bool,
        /// What it computes on: `cpu`, `CUDA0`, … in the words of the library.
        #[serde(default)]
        device: String,
    },
    /// The model or the upscaler is in memory.
    Loaded {
        /// How long it took.
        duration_ms: u64,
        /// How many times as wide and high an upscaler makes pictures; 0 for a model.
        #[serde(default)]
        factor: u32,
    },
    /// A step further.
    Progress {
        /// What the steps are.
        stage: Stage,
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
    },
    /// What the picture looks like by now. Raw bytes follow.
    Preview {
        /// After which step.
        step: u32,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// How many raw bytes follow: `width * height * 3`.
        size_bytes: u64,
    },
    /// A finished picture. Raw bytes follow.
    Image {
        /// The how-manieth, from 0.
        index: u32,
        /// Its seed.
        seed: u32,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// How many raw bytes follow: `width * height * 3`.
        size_bytes: u64,
    },
    /// All pictures were sent.
    Done {
        /// How long it took.
        duration_ms: u64,
    },
    /// The load or the generation came to nothing; the process goes on if it can.
    Failed {
        /// Why, for people.
        message: String,
        /// Whether [`Command::Cancel`] was the reason.
        is_cancelled: bool,
        /// Whether the same command would end the same way again.
        #[serde(default)]
        is_final: bool,
    },
    /// The process is about to abort.
    Abort {
        /// Why, in the words of the library.
        message: String,
    },
    /// A line of the library's log.
    Log {
        /// `debug`, `info`, `warn`, `error`.
        level: String,
        /// The text, without the line's end.
        message: String,
    },
}

/// What a series of steps stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Tensors read from disk.
    Loading,
    /// The prompt and the pictures read by the encoders.
    Encoding,
    /// Denoising steps.
    Sampling,
    /// Tiles or the whole picture turned into pixels.
    Decoding,
    /// Tiles enlarged, for an upscaler or between two passes.
    Upscaling,
}

/// A word of its own that prompts may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedding {
    /// The word.
    pub name: String,
    /// The file, as an absolute path.
    pub path: String,
}

/// The files that make up one model, and how to hold them. Also the form of the `<model>.json` sidecar, where paths are
/// relative to the sidecar's folder. Paths here are absolute once they stand in a [`Command::Load`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelFiles {
    /// A checkpoint with everything in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The diffusion model alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffusion_model: Option<String>,
    /// The autoencoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vae: Option<String>,
    /// A tiny autoencoder instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taesd: Option<String>,
    /// The CLIP-L text encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_l: Option<String>,
    /// The CLIP-G text encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_g: Option<String>,
    /// The T5-XXL text encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t5xxl: Option<String>,
    /// A language model as the text encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm: Option<String>,
    /// Keeps the text encoders on the CPU.
    pub clip_on_cpu: bool,
    /// Keeps the autoencoder on the CPU.
    pub vae_on_cpu: bool,
    /// Keeps weights in main memory and copies them over when needed.
    pub offload_to_cpu: bool,
    /// Uses flash attention.
    pub flash_attn: bool,
    /// Decodes in tiles.
    pub vae_tiling: bool,
    /// What suits the model, by the names of the fields of a job, where a request does not say otherwise. Only a sidecar says
    /// it; engines never hear of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub defaults: Map<String, Value>,
}
