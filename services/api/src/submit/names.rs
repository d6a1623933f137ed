//! The names in a job that lead to files: LoRAs, in their list and in the prompt, and upscalers.

use contract::spec::{Hires, JobSpec, lora_tags};
use models::{AddOnFile, Error, Library};
use serde_json::Value;

use super::{Wrong, unknown};

/// The least and the most that a tag in a prompt may weigh: the same as in the list.
const WEIGHTS: std::ops::RangeInclusive<f64> = -10.0..=10.0;
const LORAS: &str = "/api/loras";
const UPSCALERS: &str = "/api/upscalers";

/// Returns whether a job names a file.
pub(super) fn has_any(spec: &JobSpec) -> bool {
    let in_painting =
        spec.painting().is_some_and(|painting| !painting.loras.is_empty() || painting.prompt.contains('<'));
    in_painting || spec.hires().is_some() || matches!(spec, JobSpec::Upscale(_))
}

/// Returns what is wrong with the names in a job.
pub(super) fn check(spec: &JobSpec, library: &Library) -> Result<Vec<Wrong>, Error> {
    let mut wrong = Vec::new();
    if let Some(painting) = spec.painting() {
        for (place, lora) in (0..).zip(&painting.loras) {
            let place: u32 = place;
            let found = misnamed(library.resolve_lora(&lora.name), LORAS)?;
            wrong.extend(found.map(|found| found.at(format!("/loras/{place}/name"), spec, Value::from)));
        }
        let tagged = lora_tags::take(&painting.prompt);
        for tag in tagged.unreadable {
            let tag: String = tag.chars().take(60).collect();
            wrong.push(Wrong::new("/prompt", format!("the tag {tag} cannot be read: write <lora:name:0.8>")));
        }
        for lora in tagged.loras {
            if !WEIGHTS.contains(&lora.weight) {
                let name: String = lora.name.chars().take(60).collect();
                let detail = format!("the weight of {name} in the prompt must be between -10 and 10");
                wrong.push(Wrong::new("/prompt", detail));
            }
            let found = misnamed(library.resolve_lora(&lora.name), LORAS)?;
            let renamed = |near| {
                let (old, new) = (format!("<lora:{}", lora.name), format!("<lora:{near}"));
                Value::from(painting.prompt.replace(&old, &new))
            };
            wrong.extend(found.map(|found| found.at("/prompt".to_owned(), spec, renamed)));
        }
    }
    if let Some(hires) = spec.hires().filter(|hires| !Hires::BUILT_IN.contains(&hires.upscaler.as_str())) {
        let found = misnamed(library.resolve_upscaler(&hires.upscaler), UPSCALERS)?;
        wrong.extend(found.map(|mut found| {
            found.detail.push_str(&format!("; or one of the engine's own ways: {}", Hires::BUILT_IN.join(", ")));
            found.at("/hires/upscaler".to_owned(), spec, Value::from)
        }));
    }
    if let JobSpec::Upscale(upscale) = spec
        && let Some(upscaler) = &upscale.upscaler
    {
        let found = misnamed(library.resolve_upscaler(upscaler), UPSCALERS)?;
        wrong.extend(found.map(|found| found.at("/upscaler".to_owned(), spec, Value::from)));
    }
    Ok(wrong)
}

/// A name that leads nowhere.
struct Misnamed {
    detail: String,
    nearest: Option<String>,
}

impl Misnamed {
    fn at(self, pointer: String, spec: &JobSpec, mend: impl FnOnce(String) -> Value) -> Wrong {
        let wrong = Wrong::new(pointer, self.detail);
        match self.nearest {
            Some(near) => wrong.mended(spec, mend(near)),
            None => wrong,
        }
    }
}

/// Returns why a name leads nowhere; none if it does not.
fn misnamed(found: Result<AddOnFile, Error>, list: &str) -> Result<Option<Misnamed>, Error> {
    match found {
        Ok(_) => Ok(None),
        Err(Error::Unknown { noun, id, nearest }) => {
            let detail = unknown(noun, &id, &nearest, list);
            Ok(Some(Misnamed { detail, nearest: nearest.into_iter().next() }))
        }
        Err(Error::Broken { noun, id, problem, remedy }) => {
            let detail = format!("the {noun} {id} cannot be used: {problem}; {remedy}");
            Ok(Some(Misnamed { detail, nearest: None }))
        }
        Err(error) => Err(error),
    }
}
