//! What a person asks for: one struct a kind of job, in one tagged enum.
//!
//! The bounds in the `schema` attributes are the validation: the front door checks requests against [`schema`], and forms
//! and flags are drawn from it.

pub mod contact_sheet;
pub mod hires;
pub mod image_edit;
pub mod image_to_image;
pub mod inpaint;
pub mod lora_tags;
pub mod output;
pub mod painting;
pub mod sampling;
pub mod schema;
pub mod text_to_image;
pub mod upscale;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use contact_sheet::ContactSheet;
pub use hires::Hires;
pub use image_edit::ImageEdit;
pub use image_to_image::ImageToImage;
pub use inpaint::Inpaint;
pub use output::Output;
pub use painting::Painting;
pub use text_to_image::TextToImage;
pub use upscale::Upscale;

use crate::AssetId;

/// What to make. The tag `kind` decides which fields there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// A picture from words.
    TextToImage(TextToImage),
    /// A picture from another picture and words.
    ImageToImage(ImageToImage),
    /// A part of a picture painted anew, or what lies beyond its edges.
    Inpaint(Inpaint),
    /// A picture made from others by an instruction.
    ImageEdit(ImageEdit),
    /// A larger picture of the same.
    Upscale(Upscale),
    /// Many pictures on one, in rows and columns.
    ContactSheet(ContactSheet),
}

/// The kinds of job, as they stand in paths, filters and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// A picture from words.
    TextToImage,
    /// A picture from another picture and words.
    ImageToImage,
    /// A part of a picture painted anew, or what lies beyond its edges.
    Inpaint,
    /// A picture made from others by an instruction.
    ImageEdit,
    /// A larger picture of the same.
    Upscale,
    /// Many pictures on one, in rows and columns.
    ContactSheet,
}

/// Which kind of worker takes a job. One set of lanes in the queue for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerKind {
    /// Pictures by stable-diffusion.cpp.
    Sd,
    /// Text by llama.cpp, or by any server that speaks as OpenAI does.
    Llm,
}

impl JobSpec {
    /// Returns the kind of this job.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            Self::TextToImage(_) => JobKind::TextToImage,
            Self::ImageToImage(_) => JobKind::ImageToImage,
            Self::Inpaint(_) => JobKind::Inpaint,
            Self::ImageEdit(_) => JobKind::ImageEdit,
            Self::Upscale(_) => JobKind::Upscale,
            Self::ContactSheet(_) => JobKind::ContactSheet,
        }
    }

    /// Returns the id of the model or upscaler that the job needs, once the front door has chosen one.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Upscale(spec) => spec.upscaler.as_deref(),
            _ => self.painting().and_then(|painting| painting.model.as_deref()),
        }
    }

    /// Returns what all painted pictures have in common; none of a job that paints nothing.
    #[must_use]
    pub fn painting(&self) -> Option<&Painting> {
        match self {
            Self::TextToImage(spec) => Some(&spec.painting),
            Self::ImageToImage(spec) => Some(&spec.painting),
            Self::Inpaint(spec) => Some(&spec.painting),
            Self::ImageEdit(spec) => Some(&spec.painting),
            Self::Upscale(_) | Self::ContactSheet(_) => None,
        }
    }

    /// Returns what all painted pictures have in common, to change it.
    #[must_use]
    pub fn painting_mut(&mut self) -> Option<&mut Painting> {
        match self {
            Self::TextToImage(spec) => Some(&mut spec.painting),
            Self::ImageToImage(spec) => Some(&mut spec.painting),
            Self::Inpaint(spec) => Some(&mut spec.painting),
            Self::ImageEdit(spec) => Some(&mut spec.painting),
            Self::Upscale(_) | Self::ContactSheet(_) => None,
        }
    }

    /// Returns what the files are.
    #[must_use]
    pub fn output(&self) -> &Output {
        match self {
            Self::Upscale(spec) => &spec.output,
            Self::ContactSheet(spec) => &spec.output,
            Self::TextToImage(TextToImage { painting, .. })
            | Self::ImageToImage(ImageToImage { painting, .. })
            | Self::Inpaint(Inpaint { painting, .. })
            | Self::ImageEdit(ImageEdit { painting, .. }) => &painting.output,
        }
    }

    /// Returns a second pass, where one was asked for.
    #[must_use]
    pub fn hires(&self) -> Option<&Hires> {
        match self {
            Self::TextToImage(spec) => spec.hires.as_ref(),
            Self::ImageToImage(spec) => spec.hires.as_ref(),
            Self::Inpaint(_) | Self::ImageEdit(_) | Self::Upscale(_) | Self::ContactSheet(_) => None,
        }
    }

    /// Returns the assets that the job takes, each once, in their order, with the JSON pointer to its first place.
    #[must_use]
    pub fn inputs(&self) -> Vec<(String, AssetId)> {
        let named = |field: &str, id: AssetId| (format!("/{field}"), id);
        let mut inputs: Vec<(String, AssetId)> = match self {
            Self::TextToImage(_) => Vec::new(),
            Self::ImageToImage(spec) => vec![named("image", spec.image)],
            Self::Inpaint(spec) => {
                let mask = spec.mask.map(|mask| named("mask", mask));
                [named("image", spec.image)].into_iter().chain(mask).collect()
            }
            Self::ImageEdit(spec) => {
                (0..).zip(&spec.images).map(|(place, id): (u32, _)| (format!("/images/{place}"), *id)).collect()
            }
            Self::Upscale(spec) => vec![named("image", spec.image)],
            Self::ContactSheet(spec) => {
                let cells = (0..).zip(&spec.cells);
                cells.filter_map(|(place, cell): (u32, _)| cell.map(|id| (format!("/cells/{place}"), id))).collect()
            }
        };
        let mut seen = std::collections::HashSet::new();
        inputs.retain(|(_, id)| seen.insert(*id));
        inputs
    }
}

impl JobKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: &[Self] =
        &[Self::TextToImage, Self::ImageToImage, Self::Inpaint, Self::ImageEdit, Self::Upscale, Self::ContactSheet];

    /// Returns the name that stands in paths and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextToImage => "text_to_image",
            Self::ImageToImage => "image_to_image",
            Self::Inpaint => "inpaint",
            Self::ImageEdit => "image_edit",
            Self::Upscale => "upscale",
            Self::ContactSheet => "contact_sheet",
        }
    }

    /// Returns the kind of worker that takes such jobs.
    #[must_use]
    pub fn worker_kind(self) -> WorkerKind {
        match self {
            Self::TextToImage
            | Self::ImageToImage
            | Self::Inpaint
            | Self::ImageEdit
            | Self::Upscale
            | Self::ContactSheet => WorkerKind::Sd,
        }
    }
}

impl WorkerKind {
    /// Every kind of worker.
    pub const ALL: &[Self] = &[Self::Sd, Self::Llm];

    /// Returns the name that stands in the keys of the queue and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sd => "sd",
            Self::Llm => "llm",
        }
    }
}

impl std::str::FromStr for JobKind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

impl std::str::FromStr for WorkerKind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

/// A name that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownName;

impl std::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unknown name")
    }
}

impl std::error::Error for UnknownName {}
