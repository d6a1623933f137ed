//! `atelier capabilities`: what can be set in a job.

use clap::{Args, builder::PossibleValuesParser};
use contract::{
    capabilities::{Capabilities, Field, FieldType, KindCapabilities},
    spec::JobKind,
};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    words,
};

/// More choices than these are only counted.
const MOST_CHOICES: usize = 8;

#[derive(Args)]
pub(crate) struct Options {
    /// For which model: without it, the one that jobs get which name none.
    #[arg(long)]
    model: Option<String>,
    /// Only this kind of job; may be given several times.
    #[arg(long, value_parser = PossibleValuesParser::new(JobKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: Vec<String>,
}

pub(crate) async fn capabilities(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let mut query: Vec<(&str, String)> = options.kind.iter().map(|kind| ("kind", kind.clone())).collect();
    query.extend(options.model.iter().map(|model| ("model", model.clone())));
    let found = client.load_capabilities(&query).await?;
    output.result(&found, describe);
    Ok(Exit::Done)
}

fn describe(capabilities: &Capabilities) -> String {
    let family = serde_json::to_value(capabilities.family).map(|family| words::plain(&family)).unwrap_or_default();
    let head = match &capabilities.model {
        Some(model) => format!("model {model} (family: {family})"),
        None => "there is no model yet".to_owned(),
    };
    let kinds = capabilities.kinds.iter().map(of_kind);
    [head].into_iter().chain(kinds).collect::<Vec<_>>().join("\n\n")
}

fn of_kind(kind: &KindCapabilities) -> String {
    let mut lines = vec![format!("{}: {}", kind.kind.as_str(), words::without_stop(&kind.help))];
    if let Some(problem) = &kind.problem {
        lines.push(format!("  {problem}"));
        return lines.join("\n");
    }
    for field in &kind.fields {
        lines.push(row(field, &field.name));
        let inner = field.fields.iter().map(|inner| row(inner, &format!("{}.{}", field.name, inner.name)));
        lines.extend(inner);
    }
    lines.join("\n")
}

fn row(field: &Field, name: &str) -> String {
    let mut notes = Vec::new();
    notes.extend(field.is_required.then(|| "required".to_owned()));
    notes.extend(words::bounds(field));
    if field.kind == FieldType::Choice && !field.choices.is_empty() {
        let shown = field.choices.iter().take(MOST_CHOICES).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = field.choices.len().saturating_sub(MOST_CHOICES);
        notes.push(if more > 0 { format!("{shown} and {more} more") } else { shown });
    }
    notes.extend(field.default.as_ref().map(|value| format!("usually {}", words::plain(value))));
    notes.extend((!field.has_effect).then(|| "no effect with this model".to_owned()));
    format!("  {name:<28} {:<13} {}", kind_of(field.kind), notes.join("; ")).trim_end().to_owned()
}

fn kind_of(kind: FieldType) -> &'static str {
    match kind {
        FieldType::WholeNumber => "whole number",
        FieldType::Number => "number",
        FieldType::Text => "text",
        FieldType::Choice => "choice",
        FieldType::Flag => "true or false",
        FieldType::Picture => "picture",
        FieldType::Pictures => "pictures",
        FieldType::Loras => "LoRAs",
        FieldType::Texts => "texts",
        FieldType::WholeNumbers => "whole numbers",
        FieldType::Object => "object",
    }
}

#[cfg(test)]
mod tests {
    use contract::{capabilities, model::Family};

    use super::*;

    #[test]
    fn the_table_has_every_field_with_its_bounds_and_says_what_has_no_effect() {
        let kind = JobKind::TextToImage;
        let mut fields = capabilities::fields(kind);
        fields.iter_mut().filter(|field| field.name == "clip_skip").for_each(|field| field.has_effect = false);
        let kinds = vec![
            KindCapabilities { kind, help: capabilities::describe(kind), problem: None, fields },
            KindCapabilities {
                kind: JobKind::ImageEdit,
                help: String::new(),
                problem: Some("it cannot".into()),
                fields: vec![],
            },
        ];
        let text = describe(&Capabilities { model: Some("klein".into()), family: Family::Flux2, kinds });
        let row = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
        assert!(text.starts_with("model klein (family: flux2)\n\ntext_to_image: "), "{text}");
        assert!(row("width ").ends_with("64 to 4096 in steps of 16 px; usually 512"), "{}", row("width "));
        assert!(row("clip_skip ").ends_with("no effect with this model"));
        assert!(row("prompt ").contains("required"));
        assert!(row("hires.scale ").contains("usually 2"));
        assert!(text.ends_with("image_edit: \n  it cannot"), "{text}");
    }
}
