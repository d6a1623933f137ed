//! What can be set in a job: what `GET /api/capabilities` says, and what forms and flags are drawn from.
//!
//! Bounds and help are those of [`crate::spec::schema`], which requests are checked against; nothing is written down twice.

mod describe;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{model::Family, spec::JobKind};

pub use describe::{describe, fields};

/// What a model can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Capabilities {
    /// The model; none while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it is built like.
    #[serde(default)]
    pub family: Family,
    /// What it can be asked for.
    pub kinds: Vec<KindCapabilities>,
}

/// What can be set in one kind of job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KindCapabilities {
    /// The kind of job.
    pub kind: JobKind,
    /// What such a job makes.
    pub help: String,
    /// Why the model cannot do this, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    /// Its name in JSON.
    pub name: String,
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What it does.
    #[serde(default)]
    pub help: String,
    /// Whether a job must have it.
    #[serde(default)]
    pub is_required: bool,
    /// Whether the model looks at it. One without an effect is taken all the same.
    #[serde(default = "yes")]
    pub has_effect: bool,
    /// The least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// It is a multiple of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// The fewest characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// The most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// The fewest entries of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u32>,
    /// The most entries of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u32>,
    /// What it counts: `px`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What a job has that does not say it. Without one, the engine or the pictures decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values that a choice has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The fields of an object, or of each LoRA in a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub fields: Vec<Field>,
}

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A whole number.
    WholeNumber,
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of `choices`.
    Choice,
    /// True or false.
    Flag,
    /// A picture: the id of an asset, or a `data:` URL.
    Picture,
    /// A list of pictures; in some places `null` leaves a gap.
    Pictures,
    /// A list of LoRAs with their weights, each with `fields`.
    Loras,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    WholeNumbers,
    /// An object with `fields`.
    Object,
}

fn yes() -> bool {
    true
}
