//! Stored files, by id.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{AssetId, JobId};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// The file.
    pub file: AssetRef,
    /// The job that made it; none for uploads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The assets that it was made from.
    #[serde(default)]
    pub parents: Vec<AssetId>,
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
