//! Stored files, by id.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{AssetId, JobId, spec::JobSpec, tag::Tag};

/// A reference to a stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetRef {
    /// Its name; `GET /api/assets/{id}` returns the bytes.
    pub id: AssetId,
    /// BLAKE3 of the bytes, 64 hex digits: the strong `ETag`.
    pub blake3: String,
    /// For example `image/png`.
    pub media_type: String,
    /// How many bytes.
    pub size_bytes: u64,
    /// Width in pixels, of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// A stored file as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// The file.
    pub file: AssetRef,
    /// The job that made it; none for uploads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The assets that it was made from.
    #[serde(default)]
    pub parents: Vec<AssetId>,
    /// What it shows, the surest first; empty as long as nobody has said.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// When it was stored.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// The JSON form of an upload: `POST /api/assets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadAsset {
    /// The bytes in base64, or a `data:` URL.
    #[schema(min_length = 1)]
    pub data: String,
}

/// The JSON form of `POST /api/assets/inspect`: either the bytes, or the id of a stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectAsset {
    /// The bytes in base64, or a `data:` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    pub data: Option<String>,
    /// A file that is stored already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<AssetId>,
}

/// What a picture says about how it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inspection {
    /// Which program made it.
    pub source: Source,
    /// A job that makes it again, as well as it can be made here. `null` if not even a prompt was found.
    pub spec: Option<JobSpec>,
    /// What could not be carried over, and what to do about it.
    pub notes: Vec<String>,
    /// All texts in the file, by their keywords.
    pub texts: BTreeMap<String, String>,
}

/// The programs whose pictures can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This server, or another one like it.
    Atelier,
    /// AUTOMATIC1111, Forge, SD.Next, and what else writes their text.
    #[serde(rename = "a1111")]
    A1111,
    /// ComfyUI.
    #[serde(rename = "comfyui")]
    ComfyUi,
    /// InvokeAI.
    #[serde(rename = "invokeai")]
    InvokeAi,
    /// SwarmUI.
    #[serde(rename = "swarmui")]
    SwarmUi,
    /// None that is known, or it says nothing.
    Unknown,
}
