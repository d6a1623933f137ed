//! Many jobs as one: grids, sweeps and variations, with their own progress and a contact sheet at the end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    GroupId, JobId,
    asset::AssetRef,
    job::{Failure, JobState, Priority},
};

/// More cells than these a group does not have.
pub const MOST_CELLS: usize = 400;
/// More values than these an axis does not have.
pub const MOST_VALUES: usize = 100;

/// The body of `POST /api/groups`: one job for every combination of the values on the axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// What people call it. It stands above the contact sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// What all cells have in common: a job with its `kind`. Fields that an axis sets may be left out.
    /// Without a seed, all cells share a random one.
    #[schema(value_type = Object, example = json!({ "kind": "text_to_image", "prompt": "a lighthouse at dawn" }))]
    pub base: Map<String, Value>,
    /// What differs: the first axis runs along the columns, the second along the rows, the third repeats the rows.
    #[schema(min_items = 1, max_items = 3)]
    pub axes: Vec<Axis>,
    /// Whether a contact sheet is made of the cells when all have ended.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub contact_sheet: bool,
    /// How urgent the cells are.
    #[serde(default)]
    pub priority: Priority,
}

/// One field and its values. Besides `field` an axis has exactly one other: where the values come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Which field of the job, or the way to it: `cfg_scale`, `loras/0/weight`, `hires/scale`.
    #[schema(min_length = 1, max_length = 200, example = "cfg_scale")]
    pub field: String,
    /// These values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100)]
    pub values: Option<Vec<Value>>,
    /// Numbers at equal distances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Numbers around the one that `base` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<Around>,
    /// So many random seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub random: Option<u32>,
    /// The text that `base` has, with a part of it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<Replace>,
    /// Every way to read the text that `base` has, where `{dawn|dusk}` in it leaves a choice.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schema(default = false)]
    pub choices: bool,
}

/// Numbers at equal distances: with `step` or with `count`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first number.
    pub start: f64,
    /// The last number, or the bound that no step passes.
    pub stop: f64,
    /// The distance from one to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// How many numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub count: Option<u32>,
}

/// Numbers around the one that `base` has, as far as the field allows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Around {
    /// How far the first and the last lie from it.
    pub by: f64,
    /// How many numbers, itself among them if the count is odd.
    #[schema(minimum = 2, maximum = 100)]
    pub count: u32,
}

/// A part of a text, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// What is looked for. `base` must have it.
    #[schema(min_length = 1, max_length = 1000)]
    pub search: String,
    /// What takes its place, one after the other. Name the text itself to keep it among them.
    #[schema(min_items = 1, max_items = 100)]
    pub with: Vec<String>,
}

/// A group as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its name for ever.
    pub id: GroupId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What all cells have in common.
    #[schema(value_type = Object)]
    pub base: Map<String, Value>,
    /// What differs, with all values.
    pub axes: Vec<GroupAxis>,
    /// Whether a contact sheet is made when all cells have ended.
    pub contact_sheet: bool,
    /// How urgent the cells are.
    pub priority: Priority,
    /// True from the moment that somebody asked for its end.
    pub cancel_requested: bool,
    /// The cell of another group that it explores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentCell>,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// How far it is, as one.
    pub progress: GroupProgress,
}

/// An axis with all its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupAxis {
    /// Which field of the job.
    pub field: String,
    /// The values that the field has, or for a replacement the texts that take the place of `search`.
    pub values: Vec<Value>,
    /// What they are called on the contact sheet.
    pub labels: Vec<String>,
    /// The text that is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// Where a group comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParentCell {
    /// Which group.
    pub group_id: GroupId,
    /// Which of its cells.
    pub cell: u32,
}

/// How far a group is, as one: the events of `GET /api/groups/{id}/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupProgress {
    /// Which group.
    pub group_id: GroupId,
    /// How many cells stand where.
    pub counts: CellCounts,
    /// Done share of all cells, 0 to 1.
    pub fraction: f64,
    /// Seconds until the last cell ends, estimated, where there is something to estimate from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_s: Option<f64>,
    /// When the last cell ended.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<OffsetDateTime>,
    /// The contact sheet, once all cells have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_sheet: Option<Sheet>,
}

/// How many cells stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CellCounts {
    /// All cells.
    pub cells: u32,
    /// They wait for a worker.
    pub queued: u32,
    /// A worker has them.
    pub running: u32,
    /// They made what they were asked for.
    pub succeeded: u32,
    /// They cannot be done.
    pub failed: u32,
    /// Somebody ended them.
    pub cancelled: u32,
    /// Every attempt went wrong.
    pub dead: u32,
}

/// The contact sheet of a group: a job of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sheet {
    /// The job that draws it.
    pub job_id: JobId,
    /// Where that job stands.
    pub state: JobState,
    /// The sheet, once it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetRef>,
}

/// A group with its cells, as `GET /api/groups/{id}` returns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// Its cells, column by column, then row by row.
    pub cells: Vec<Cell>,
}

/// One combination of the values: a job of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// Its place, from 0.
    pub index: u32,
    /// Its values in words, one for each axis.
    pub labels: Vec<String>,
    /// Its job.
    pub job_id: JobId,
    /// Where that job stands.
    pub state: JobState,
    /// Done share of the job, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// The first file that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetRef>,
    /// Why it failed, or why its last attempt did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The body of `POST /api/groups/{id}/explore`: a new group around one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExploreCell {
    /// Around which cell.
    #[schema(minimum = 0)]
    pub cell: u32,
    /// Fields that stay as they are in the cell. The other axes of the group vary again: seeds anew, numbers more closely
    /// around the cell's own, everything else through the same values.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub lock: Vec<String>,
    /// Further axes, or other values for those of the group.
    #[serde(default)]
    #[schema(max_items = 3)]
    pub vary: Vec<Axis>,
    /// How far numbers go from the cell's own, as a share of it.
    #[serde(default = "default_spread")]
    #[schema(minimum = 0.001, maximum = 10, default = 0.25)]
    pub spread: f64,
    /// What people call the new group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
}

fn yes() -> bool {
    true
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn default_spread() -> f64 {
    0.25
}
