//! The API document: OpenAPI 3.1, made from the routes themselves, and finished where utoipa cannot say what we mean.

use std::sync::LazyLock;

use contract::{
    problem::Problem,
    socket::{ClientMessage, ServerMessage},
    spec::{
        JobKind,
        schema::{self, name as schema_of},
    },
};
use serde_json::{Map, Value, json};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{access, finish::WORDS, problem, routes};

/// The path that stands once for every kind of job in the router, and once a kind in the document.
const WORKFLOWS: &str = "/api/workflows/{kind}";
/// Answers that every route may give, because layers around it give them.
const ALWAYS: [(&str, &str); 5] = [
    ("401", "A key is needed, or this one is wrong."),
    ("403", "The key or the origin does not allow this."),
    ("421", "The server does not answer to this host."),
    ("500", "Something went wrong here."),
    ("503", "Something that is needed does not answer at the moment."),
];
/// Answers of every route that reads a body.
const WITH_BODY: [(&str, &str); 4] = [
    ("400", "The body cannot be read."),
    ("413", "The body is too large."),
    ("415", "The body has another content type."),
    ("422", "A field is wrong."),
];

/// The answer of a route that a text worker answers, and that of one that takes no answer but one of its form.
const TOO_MANY: (&str, &str) = ("429", "Too many requests are open.");
const UNUSABLE_ANSWER: (&str, &str) = ("502", "The language model gave no answer that can be used.");
const PROMPTS: &str = "/api/prompt/";

/// Where a body may be left out, which utoipa cannot say of a body of a plain type.
const OPTIONAL_BODIES: [&str; 3] = ["/api/jobs/retry", "/api/queue/pause", "/api/queue/resume"];

/// Returns what the document says before its paths.
pub(crate) fn about() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(
        info(
            title = "Atelier",
            description = "A creative-AI server of one's own. Every failure is `application/problem+json` (RFC 9457): \
                `errors` names every field that is wrong, `fix` has values that would be right. \
                What is said on `GET /ws`: docs/websocket.md."
        ),
        components(schemas(Problem, ClientMessage, ServerMessage)),
        tags(
            (name = "jobs", description = "Submit, watch and change jobs."),
            (name = "groups", description = "Many jobs as one: grids, sweeps, variations, exploration."),
            (name = "events", description = "What happens, as it happens."),
            (name = "assets", description = "Files that jobs make or take."),
            (name = "models", description = "What jobs can name as their model."),
            (name = "llm", description = "Language models and their words. Chats: docs/clients.md."),
            (name = "prompts", description = "A language model helps with prompts, styles and the fields of jobs."),
            (name = "keys", description = "Who may do what."),
            (name = "operation", description = "How the server is."),
        )
    )]
    struct About;
    let mut about = About::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The secret of an API key. On a loopback server without any key, none is needed."));
    let components = about.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(scheme.build()));
    about
}

/// The document. It is made when it is first needed.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let document = serde_json::to_value(routes().into_openapi()).unwrap_or_default();
    finish(document)
});

/// Returns the document as it is committed: indented, with a line feed at its end.
#[must_use]
pub fn openapi_json() -> String {
    format!("{:#}\n", *DOCUMENT)
}

fn finish(mut document: Value) -> Value {
    document["security"] = json!([{ "key": [] }]);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(schema::components());
        // What these say stands in each kind of job itself.
        schemas.retain(|name, _| !["Painting", "Output"].contains(&name.as_str()));
    }
    for kind in JobKind::ALL {
        describe_job(&mut document, *kind);
    }
    let mapping: Map<String, Value> = JobKind::ALL
        .iter()
        .map(|kind| (kind.as_str().to_owned(), Value::from(reference(&job_schema(*kind)))))
        .collect();
    let variants: Vec<Value> = mapping.values().map(|reference| json!({ "$ref": reference })).collect();
    let description = document["components"]["schemas"]["JobSpec"]["description"].take();
    document["components"]["schemas"]["JobSpec"] = json!({
        "description": description,
        "oneOf": variants,
        "discriminator": { "propertyName": "kind", "mapping": mapping },
    });
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            add_answers(path, method, operation);
        }
    }
    document
}

/// Writes down one kind of job: its path, and its schema with the tag.
///
/// utoipa says `allOf` of the fields and the tag, which nothing satisfies when the fields allow no others.
fn describe_job(document: &mut Value, kind: JobKind) {
    let name = schema_of(kind);
    let fields = schema::fields(kind);
    let mut job = fields.clone();
    job["properties"]["kind"] = json!({ "type": "string", "const": kind.as_str() });
    match job["required"].as_array_mut() {
        Some(required) => required.insert(0, "kind".into()),
        None => job["required"] = json!(["kind"]),
    }
    document["components"]["schemas"][name] = fields;
    document["components"]["schemas"][job_schema(kind)] = job;

    let Some(paths) = document["paths"].as_object_mut() else { return };
    let mut item = paths[WORKFLOWS].clone();
    let operation = &mut item["post"];
    operation["operationId"] = format!("submit_{}", kind.as_str()).into();
    operation["requestBody"]["content"]["application/json"]["schema"] = json!({ "$ref": reference(name) });
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| parameter["name"] != "kind");
    }
    paths.insert(WORKFLOWS.replace("{kind}", kind.as_str()), item);
    if JobKind::ALL.last() == Some(&kind) {
        paths.remove(WORKFLOWS);
    }
}

fn job_schema(kind: JobKind) -> String {
    format!("{}Job", schema_of(kind))
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// Adds the answers that layers and extractors give, where the route has not described them itself.
fn add_answers(path: &str, method: &str, operation: &mut Value) {
    let parameters = operation["parameters"].as_array();
    let is_in = |place: &str| parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place));
    let mut answers: Vec<(&str, &str)> = ALWAYS.to_vec();
    if access::PUBLIC.contains(&path) {
        answers.retain(|(status, _)| *status != "401");
    }
    if is_in("path") {
        answers.push(("404", "There is no such thing."));
    }
    if is_in("query") || is_in("header") {
        answers.push(("422", "A parameter is wrong."));
    }
    if !operation["requestBody"].is_null() {
        answers.extend(WITH_BODY);
        answers.extend(WORDS.iter().any(|words| path.starts_with(words)).then_some(TOO_MANY));
        answers.extend(path.starts_with(PROMPTS).then_some(UNUSABLE_ANSWER));
    }
    if OPTIONAL_BODIES.contains(&path) {
        operation["requestBody"]["required"] = Value::Bool(false);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, description) in answers {
        responses.entry(status).or_insert_with(|| {
            let mut answer = json!({ "description": description });
            if status == TOO_MANY.0 {
                let seconds = json!({ "type": "integer", "format": "int64", "minimum": 0 });
                answer["headers"] = json!({ "Retry-After": { "schema": seconds } });
            }
            if method != "head" {
                answer["content"] = json!({ problem::MEDIA_TYPE: { "schema": { "$ref": reference("Problem") } } });
            }
            answer
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_how_it_fails() {
        let mut names = std::collections::BTreeSet::new();
        for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name), "{name} stands there twice");
                for status in ["421", "500", "503"] {
                    assert!(operation["responses"][status].is_object(), "{method} {path} does not describe {status}");
                }
            }
        }
        assert!(names.contains("submit_text_to_image"));
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| walk(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let mut references = Vec::new();
        walk(&DOCUMENT, &mut references);
        assert!(references.len() > 50);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_job_of_every_kind_has_its_tag_in_the_mapping() {
        let spec = &DOCUMENT["components"]["schemas"]["JobSpec"];
        for kind in JobKind::ALL {
            let name = spec["discriminator"]["mapping"][kind.as_str()].as_str().unwrap();
            let schema = DOCUMENT.pointer(name.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{name} lets unknown fields pass");
            assert_eq!(schema["properties"]["kind"]["const"], kind.as_str());
        }
    }
}
