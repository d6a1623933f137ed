//! Fills in what the client left to us, and checks the whole.

use contract::spec::JobSpec;
use serde_json::{Map, Value};

use super::{Error, Reception, Wrong, names, pictures::Sizes, sizes};
use crate::{capabilities, models::Chosen};

impl Reception {
    /// Returns the whole spec: with the model, with what suits that model in place of what the client has not written, with a
    /// seed. Fails where a field cannot be as it is.
    pub(super) async fn complete(
        &self,
        mut spec: JobSpec,
        written: Option<Map<String, Value>>,
        pictures: &Sizes,
    ) -> Result<JobSpec, Error> {
        let mut wrong = Vec::new();
        if let Some(painting) = spec.painting() {
            let model = self.models.choose(painting.model.as_deref()).await?;
            if let Some(written) = written {
                spec = filled(&spec, written, &model).map_err(Error::Complete)?;
            }
            let impossible = capabilities::impossible(spec.kind(), model.family, &model.id);
            wrong.extend(impossible.map(|detail| Wrong::new("/model", detail)));
            if let Some(painting) = spec.painting_mut() {
                painting.model = Some(model.id);
                painting.seed.get_or_insert_with(|| fastrand::u32(..));
            }
        }
        wrong.extend(sizes::check(&spec, pictures, self.max_picture_pixels));
        if names::has_any(&spec) {
            let asked = spec.clone();
            wrong.extend(self.models.look(move |library| names::check(&asked, library)).await?);
        }
        if wrong.is_empty() { Ok(spec) } else { Err(Error::Wrong(wrong)) }
    }
}

/// Returns a spec with what suits the model in place of what the client has not written.
fn filled(spec: &JobSpec, mut written: Map<String, Value>, model: &Chosen) -> Result<JobSpec, serde_json::Error> {
    for (name, value) in capabilities::defaults(spec.kind(), model) {
        written.entry(name).or_insert(value);
    }
    written.insert("kind".to_owned(), spec.kind().as_str().into());
    serde_json::from_value(Value::Object(written))
}
