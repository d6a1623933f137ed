//! What a picture says about how it was made: the `parameters` text that A1111 and Civitai read, and our own JSON.

pub(crate) mod exif;
pub mod names;
mod parameters;
mod read;
mod recipe;
pub(crate) mod xmp;

use contract::{result::Measure, spec::JobSpec};

pub use read::{read_spec, read_texts};
pub use recipe::{Recipe, find_recipe};

/// The keyword of our own JSON: the whole [`JobSpec`], with the seed of this one picture.
pub const OWN_KEYWORD: &str = "atelier";
/// The keyword of what was done differently so that the picture could be made at all: a list of [`Measure`]s. It stands beside
/// our own JSON and not in it, as that is a job that anybody may submit again.
pub const MEASURES_KEYWORD: &str = "atelier_measures";
/// The keyword of A1111.
pub const A1111_KEYWORD: &str = "parameters";

/// A text in a PNG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it is.
    pub keyword: String,
    /// What it says.
    pub text: String,
}

/// Returns the texts that go into the picture of this seed. Whoever submits the JSON gets this one picture again.
pub fn texts(spec: &JobSpec, seed: u32) -> serde_json::Result<Vec<Text>> {
    let mut own = spec.clone();
    if let Some(painting) = own.painting_mut() {
        painting.seed = Some(seed);
        painting.batch_count = 1;
    }
    let parameters = parameters::write(&own, seed).map(|text| Text { keyword: A1111_KEYWORD.to_owned(), text });
    let json = Text { keyword: OWN_KEYWORD.to_owned(), text: serde_json::to_string(&own)? };
    Ok(parameters.into_iter().chain([json]).collect())
}

/// Returns the text that says what was done differently; none if nothing was.
pub fn measures_text(measures: &[Measure]) -> serde_json::Result<Option<Text>> {
    if measures.is_empty() {
        return Ok(None);
    }
    Ok(Some(Text { keyword: MEASURES_KEYWORD.to_owned(), text: serde_json::to_string(measures)? }))
}
