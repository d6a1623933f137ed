//! Many pictures on one, in rows and columns.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Output;
use crate::AssetId;

/// Many pictures on one, in rows and columns, with what tells them apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContactSheet {
    /// The cells, row by row: ids of assets. `null` leaves a cell empty.
    #[schema(min_items = 1, max_items = 400)]
    pub cells: Vec<Option<AssetId>>,
    /// How many cells a row has.
    #[schema(minimum = 1, maximum = 100)]
    pub columns: u32,
    /// What stands above each column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub column_labels: Vec<String>,
    /// What stands to the left of each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 400)]
    pub row_labels: Vec<String>,
    /// What stands above the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 1000)]
    pub title: String,
    /// How wide and high a cell is at most, in pixels.
    #[serde(default = "default_cell_px")]
    #[schema(minimum = 32, maximum = 1024, default = 256)]
    pub cell_px: u32,
    /// What the file is.
    #[serde(flatten)]
    pub output: Output,
}

fn default_cell_px() -> u32 {
    256
}
