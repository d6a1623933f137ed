//! The form of an answer that changes fields: what the model may set, within which bounds.

use contract::capabilities::{Field, FieldType};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::{
    json::unify_numbers,
    prompt::form::{MOST_NEGATIVE, MOST_PROMPT},
};

/// The longest sentence about the changes.
pub(super) const MOST_EXPLANATION: usize = 300;
/// How many choices a field may have that is offered: each is read by the model, and there may be thousands of files.
const MOST_CHOICES: usize = 64;
/// How many entries a list may get.
const MOST_ENTRIES: u32 = 4;

/// Changes as the model writes them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    pub(super) changes: Map<String, Value>,
    pub(super) explanation: String,
}

/// Returns the schema of changes to these fields. Pictures are not for the model to choose, nor what has no effect.
pub(super) fn schema(form: &[Field]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": {
            "changes": object(form, Necessity::None),
            "explanation": {
                "type": "string", "minLength": 1, "maxLength": MOST_EXPLANATION,
                "description": "What changes and why, in one sentence for the person, in the language of the wish.",
            },
        },
        "required": ["changes", "explanation"],
        "additionalProperties": false,
    });
    unify_numbers(&mut schema);
    schema
}

/// Returns what is set at present, with what a job has that does not say it, so that "more" means more than that.
pub(super) fn present(form: &[Field], fields: &Map<String, Value>) -> Map<String, Value> {
    let offered = form.iter().filter(|field| rule(field).is_some());
    let value = |field: &Field| fields.get(&field.name).or(field.default.as_ref()).cloned();
    offered.filter_map(|field| Some((field.name.clone(), value(field)?))).collect()
}

/// Whether fields that a job needs must be in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Necessity {
    /// They may be set already.
    None,
    /// They are set here or nowhere.
    AsSaid,
}

fn object(fields: &[Field], necessity: Necessity) -> Value {
    let offered: Vec<(&Field, Value)> = fields.iter().filter_map(|field| Some((field, rule(field)?))).collect();
    let needed = offered.iter().filter(|(field, _)| field.is_required && necessity == Necessity::AsSaid);
    json!({
        "type": "object",
        "required": needed.map(|(field, _)| field.name.as_str()).collect::<Vec<_>>(),
        "properties": offered.iter().map(|(field, rule)| (field.name.clone(), rule.clone())).collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// Returns the schema of a field's value; none for fields that are not offered.
fn rule(field: &Field) -> Option<Value> {
    let mut rule = match field.kind {
        _ if !field.has_effect => return None,
        FieldType::WholeNumber => json!({ "type": "integer" }),
        FieldType::Number => json!({ "type": "number" }),
        FieldType::Flag => json!({ "type": "boolean" }),
        FieldType::Text => {
            let most = if field.name == "negative_prompt" { MOST_NEGATIVE } else { MOST_PROMPT };
            json!({ "type": "string", "maxLength": most })
        }
        FieldType::Choice if (1..=MOST_CHOICES).contains(&field.choices.len()) => json!({ "enum": field.choices }),
        FieldType::Object => object(&field.fields, Necessity::AsSaid),
        FieldType::Loras if field.fields.iter().all(|inner| rule(inner).is_some()) => {
            let most = field.max_items.map_or(MOST_ENTRIES, |most| most.min(MOST_ENTRIES));
            json!({ "type": "array", "maxItems": most, "items": object(&field.fields, Necessity::AsSaid) })
        }
        FieldType::Choice
        | FieldType::Loras
        | FieldType::Picture
        | FieldType::Pictures
        | FieldType::Texts
        | FieldType::WholeNumbers => return None,
    };
    let bounds = [("minimum", field.minimum), ("maximum", field.maximum), ("multipleOf", field.step)];
    for (name, bound) in bounds {
        if let Some(bound) = bound {
            rule[name] = bound.into();
        }
    }
    // The first sentence is enough, and a small context is soon full.
    if let Some(sentence) = field.help.split(". ").next().filter(|sentence| !sentence.is_empty()) {
        rule["description"] = sentence.into();
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use contract::spec::JobKind;

    use super::*;
    use crate::{
        assistant::form::most_characters,
        capabilities::{self, Names},
    };

    fn form(kind: JobKind, names: &Names) -> Vec<Field> {
        capabilities::of(None, &[kind], names).kinds.remove(0).fields
    }

    #[test]
    fn what_may_be_set_has_its_bounds_and_what_it_does() {
        let names = Names { loras: vec!["ink".to_owned()], ..Names::default() };
        let schema = schema(&form(JobKind::ImageToImage, &names));
        let fields = &schema["properties"]["changes"]["properties"];
        assert_eq!(
            fields["width"],
            json!({ "type": "integer", "minimum": 64, "maximum": 4096, "multipleOf": 16, "description": fields["width"]["description"] })
        );
        assert!(fields["width"]["description"].as_str().unwrap().len() > 5);
        assert!(fields["sampler"]["enum"].as_array().unwrap().contains(&json!("euler")));
        assert_eq!(fields["loras"]["items"]["required"], json!(["name"]));
        assert_eq!(fields["loras"]["items"]["properties"]["name"]["enum"], json!(["ink"]));
        // A picture is not for the model to choose, and of a model there is none.
        assert!(fields.get("image").is_none() && fields.get("model").is_none());
    }

    #[test]
    fn what_has_no_choice_or_too_many_is_not_offered() {
        let many = Names { loras: (0..65).map(|number| format!("lora-{number}")).collect(), ..Names::default() };
        for names in [Names::default(), many] {
            let schema = schema(&form(JobKind::TextToImage, &names));
            assert!(schema["properties"]["changes"]["properties"].get("loras").is_none());
        }
    }

    #[test]
    fn every_kind_fits_into_a_small_context() {
        for kind in JobKind::ALL {
            let schema = schema(&form(*kind, &Names::default()));
            let (read, written) = (schema.to_string().len(), most_characters(&schema));
            assert!(read < 9000 && written < 5000, "{}: {read} and {written}", kind.as_str());
        }
    }

    #[test]
    fn what_is_set_counts_more_than_what_jobs_have_by_themselves() {
        let form = form(JobKind::TextToImage, &Names::default());
        let fields = Map::from_iter([("width".to_owned(), json!(768)), ("init".to_owned(), json!("x"))]);
        let present = present(&form, &fields);
        assert_eq!((&present["width"], &present["height"]), (&json!(768), &json!(512)));
        assert!(!present.contains_key("init") && !present.contains_key("prompt"));
    }
}
