//! What pictures show, in words: tags, where they are from, and how far the work on them is.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::AssetId;

/// A word or two about a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tag {
    /// The words: in lower case, with single spaces, at most 40 characters.
    #[schema(max_length = 40)]
    pub tag: String,
    /// What they are about.
    pub facet: Facet,
    /// Who says so.
    pub source: TagSource,
    /// How sure the source says it is, from 0 to 1. Models judge themselves, so compare it only within one source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// When it was said.
    #[serde(with = "time::serde::rfc3339")]
    pub tagged_at: OffsetDateTime,
}

/// What a tag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// What is to be seen.
    Subject,
    /// How it is made.
    Style,
    /// What one feels.
    Mood,
}

impl Facet {
    /// Every facet.
    pub const ALL: &[Self] = &[Self::Subject, Self::Style, Self::Mood];

    /// Returns the name that stands in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Style => "style",
            Self::Mood => "mood",
        }
    }
}

/// Who tagged a picture, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TagSource {
    /// A model that looked at the picture.
    Picture {
        /// Its id.
        model: String,
    },
    /// A model that read the prompt, and has not seen what became of it.
    Prompt {
        /// Its id.
        model: String,
    },
    /// A person.
    Person,
}

/// The tags of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PictureTags {
    /// Which picture.
    pub asset_id: AssetId,
    /// The surest first.
    pub tags: Vec<Tag>,
}

/// How far the tagging of a picture is: `GET /api/assets/{id}/tags`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tagging {
    /// Which picture.
    pub asset_id: AssetId,
    /// Where it stands; none for files that are not tagged by themselves: uploads, contact sheets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TaggingState>,
    /// How often a model was asked and no tags came of it.
    pub failures: u32,
    /// Why the last time came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The surest first.
    pub tags: Vec<Tag>,
}

/// Where the tagging of a picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaggingState {
    /// It waits until nobody needs the machine.
    Waiting,
    /// It has its tags.
    Tagged,
    /// It was tried often enough: a person may have it tried again.
    SetAside,
}

impl TaggingState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Waiting, Self::Tagged, Self::SetAside];

    /// Returns the name that stands in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Tagged => "tagged",
            Self::SetAside => "set_aside",
        }
    }
}

/// How much there is to tag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaggingDepth {
    /// Whether pictures are tagged in idle time at all.
    pub is_on: bool,
    /// Pictures that wait to be tagged.
    pub waiting: u64,
    /// Pictures that were tried often enough.
    pub set_aside: u64,
}
