//! `atelier inspect`: how a picture was made.

use std::path::PathBuf;

use clap::Args;
use contract::{asset::Inspection, spec::JobSpec};
use serde_json::Value;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

#[derive(Args)]
pub(crate) struct Options {
    /// The picture: PNG, JPEG or WebP, of Atelier, AUTOMATIC1111, ComfyUI, InvokeAI or SwarmUI.
    file: PathBuf,
}

pub(crate) async fn inspect(client: &Client, options: Options, output: Output) -> Result<Exit, Error> {
    let path = options.file;
    let bytes = match tokio::fs::read(&path).await {
        Ok(bytes) => bytes,
        Err(source) => return Err(Error::File { action: "read", path, source }),
    };
    let inspection = client.inspect_asset(bytes).await?;
    output.result(&inspection, describe);
    Ok(Exit::Done)
}

fn describe(inspection: &Inspection) -> String {
    let notes = inspection.notes.iter().map(|note| format!("# {note}"));
    let again = inspection.spec.as_ref().map(again);
    notes.chain(again).collect::<Vec<_>>().join("\n")
}

/// Returns what makes the picture again: a command where the command line has words for it, else the body of a request.
fn again(spec: &JobSpec) -> String {
    let fields = match serde_json::to_value(spec) {
        Ok(Value::Object(fields)) => fields,
        _ => return String::new(),
    };
    let is_plain = !fields.values().any(|value| value.is_object() || value.is_array());
    let JobSpec::TextToImage(picture) = spec else { return request(spec) };
    if !is_plain || fields.contains_key("strip_metadata") {
        return request(spec);
    }
    let flags = fields.iter().filter(|(name, _)| !["kind", "prompt"].contains(&name.as_str())).map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("--{}={}", name.replace('_', "-"), quoted(&value))
    });
    let words = [quoted(&picture.painting.prompt)].into_iter().chain(flags);
    format!("atelier submit {}", words.collect::<Vec<_>>().join(" "))
}

fn request(spec: &JobSpec) -> String {
    let mut fields = serde_json::to_value(spec).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("kind");
    }
    format!("# POST /api/workflows/{}\n{fields:#}", spec.kind().as_str())
}

/// Returns a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./+:".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn describe_spec(spec: Value) -> String {
        let inspection = json!({"source": "a1111", "spec": spec, "notes": ["it is old"], "texts": {}});
        describe(&serde_json::from_value(inspection).unwrap())
    }

    #[test]
    fn a_picture_from_words_comes_back_as_a_command() {
        let spec = json!({"kind": "text_to_image", "prompt": "it's a cat; rm -rf /", "seed": 7, "sampler": "dpm++2m"});
        let text = describe_spec(spec);
        assert!(text.starts_with("# it is old\natelier submit 'it'\\''s a cat; rm -rf /' "), "{text}");
        assert!(text.contains(" --seed=7") && text.contains(" --sampler=dpm++2m") && text.contains(" --cfg-scale=7.0"));
    }

    #[test]
    fn what_the_command_line_has_no_words_for_comes_back_as_a_request() {
        let id = "0198c0de-0000-7000-8000-000000000001";
        let text = describe_spec(json!({"kind": "upscale", "image": id}));
        assert!(text.contains("# POST /api/workflows/upscale") && text.contains(id), "{text}");
        let text = describe_spec(json!({"kind": "text_to_image", "prompt": "x", "loras": [{"name": "a"}]}));
        assert!(text.contains("# POST /api/workflows/text_to_image"), "{text}");
        assert_eq!(describe_spec(Value::Null), "# it is old");
    }
}
