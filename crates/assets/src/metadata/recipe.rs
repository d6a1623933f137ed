//! What a picture says about how it was made, whoever made it, as a job that makes it again.
//!
//! Strangers write these texts: what cannot be read is passed over, and what cannot be carried over is said in a note.

mod a1111;
mod comfyui;
mod draft;
mod invokeai;
mod swarmui;

use contract::{asset::Source, result::Measure, spec::JobSpec};

use self::draft::Draft;
use super::{A1111_KEYWORD, MEASURES_KEYWORD, OWN_KEYWORD, Text};

/// How a picture was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Whose words these are.
    pub source: Source,
    /// A job that makes it again; none if not even a prompt was found. Its model is named as the source names it.
    pub spec: Option<JobSpec>,
    /// What could not be carried over, and what was done differently when it was made.
    pub notes: Vec<String>,
}

/// Finds out from its texts how a picture was made.
#[must_use]
pub fn find_recipe(texts: &[Text]) -> Recipe {
    let of = |keyword: &str| texts.iter().find(|text| text.keyword == keyword).map(|text| text.text.as_str());
    if let Some(spec) = of(OWN_KEYWORD).and_then(|json| serde_json::from_str(json).ok()) {
        // Whoever makes it again may have to do the same, or need not.
        let measures: Vec<Measure> =
            of(MEASURES_KEYWORD).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let notes = measures.into_iter().map(|measure| measure.message).collect();
        return Recipe { source: Source::Atelier, spec: Some(spec), notes };
    }
    let foreign: [(Source, Option<Draft>); 4] = [
        (Source::InvokeAi, invokeai::read(of)),
        (Source::SwarmUi, of(A1111_KEYWORD).and_then(swarmui::read)),
        (Source::A1111, of(A1111_KEYWORD).and_then(a1111::read)),
        (Source::ComfyUi, comfyui::find_graph(texts).and_then(|graph| comfyui::read(&graph))),
    ];
    for (source, draft) in foreign {
        if let Some(draft) = draft {
            let (spec, notes) = draft.finish();
            return Recipe { source, spec, notes };
        }
    }
    let note = if of("workflow").is_some() {
        "there is a ComfyUI workflow in it, but not the prompt that was run, from which alone a job can be read"
    } else if texts.is_empty() {
        "it says nothing about how it was made"
    } else {
        "nobody here knows how to read what it says about how it was made"
    };
    Recipe { source: Source::Unknown, spec: None, notes: vec![note.to_owned()] }
}
