//! What the server says about the fields of jobs, and that jobs get what it says.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use contract::{
    capabilities::{Capabilities, Field, KindCapabilities},
    job::Job,
    model::{AddOn, Family},
    page::Page,
    spec::JobKind,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::house::House;

fn kind(capabilities: &Capabilities, kind: JobKind) -> &KindCapabilities {
    capabilities.kinds.iter().find(|found| found.kind == kind).unwrap()
}

fn field<'a>(kind: &'a KindCapabilities, path: &str) -> &'a Field {
    let (name, inner) = path.split_once('.').map_or((path, None), |(name, inner)| (name, Some(inner)));
    let found = kind.fields.iter().find(|field| field.name == name).unwrap();
    inner.map_or(found, |inner| found.fields.iter().find(|field| field.name == inner).unwrap())
}

/// Returns a server whose default model is a tiny FLUX.2, with a LoRA and two upscalers beside it.
async fn studio() -> House {
    let house = House::open_with(&[("ATELIER_ENGINE", "sd")]).await;
    testkit::tiny_models::write_sd(&house.folder.path().join("models")).unwrap();
    house
}

#[tokio::test]
async fn the_family_of_the_model_decides_what_suits_it_and_a_job_gets_that() {
    let house = studio().await;
    let found: Capabilities = house.get("/api/capabilities").await.json();
    assert_eq!((found.model.as_deref(), found.family), (Some("smoke"), Family::Flux2));
    assert_eq!(found.kinds.len(), JobKind::ALL.len());
    let text_to_image = kind(&found, JobKind::TextToImage);
    let job: Job = house.post("/api/workflows/text_to_image", &json!({ "prompt": "x", "steps": 3 })).await.json();
    let spec = serde_json::to_value(&job.spec).unwrap();
    assert_eq!((&spec["steps"], &spec["width"], &spec["cfg_scale"]), (&json!(3), &json!(1024), &json!(1.0)));
    for name in ["width", "height", "cfg_scale", "distilled_guidance", "batch_count", "model"] {
        assert_eq!(field(text_to_image, name).default.as_ref().unwrap(), &spec[name], "{name}");
    }
    assert!(!field(text_to_image, "clip_skip").has_effect && field(text_to_image, "distilled_guidance").has_effect);
}

#[tokio::test]
async fn what_a_model_says_of_itself_counts_more_than_its_family() {
    let house = studio().await;
    let path = house.folder.path().join("models/checkpoints/smoke.json");
    let mut sidecar: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    sidecar["defaults"] = json!({ "width": 256, "steps": 4, "sampler": "euler", "height": 100, "colour": "red" });
    std::fs::write(&path, sidecar.to_string()).unwrap();
    let found: Capabilities = house.get("/api/capabilities?kind=text_to_image").await.json();
    let text_to_image = kind(&found, JobKind::TextToImage);
    let job: Job = house.post("/api/workflows/text_to_image", &json!({ "prompt": "x" })).await.json();
    let spec = serde_json::to_value(&job.spec).unwrap();
    for (name, value) in
        [("width", json!(256)), ("height", json!(1024)), ("steps", json!(4)), ("sampler", json!("euler"))]
    {
        assert_eq!((&spec[name], field(text_to_image, name).default.as_ref()), (&value, Some(&value)), "{name}");
    }
}

#[tokio::test]
async fn names_of_files_are_choices() {
    let house = studio().await;
    let found: Capabilities = house.get("/api/capabilities?kind=text_to_image,upscale").await.json();
    assert_eq!(found.kinds.len(), 2);
    let text_to_image = kind(&found, JobKind::TextToImage);
    assert_eq!(field(text_to_image, "model").choices, ["smoke"]);
    assert_eq!(field(text_to_image, "loras.name").choices, ["tiny-lora"]);
    assert!(field(text_to_image, "sampler").choices.contains(&"dpm++2m".to_owned()));
    let hires = &field(text_to_image, "hires.upscaler").choices;
    assert!(hires.contains(&"latent".to_owned()) && hires.contains(&"tiny-esrgan-x2".to_owned()));
    assert_eq!(field(kind(&found, JobKind::Upscale), "upscaler").choices, ["tiny-esrgan-x2", "tiny-esrgan-x4"]);
    for (path, ids) in [
        ("/api/loras", vec!["tiny-lora"]),
        ("/api/upscalers", vec!["tiny-esrgan-x2", "tiny-esrgan-x4"]),
        ("/api/embeddings", vec![]),
    ] {
        let listed: Page<AddOn> = house.get(path).await.json();
        assert_eq!(listed.data.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ids, "{path}");
    }
    let models: Value = house.get("/api/models").await.json();
    assert_eq!(models["data"][0]["family"], "flux2");
}

/// Writes a line for each field, with everything that is said of it but the help.
fn shape(fields: &[Value], before: &str, lines: &mut Vec<String>) {
    for field in fields {
        let mut rest: BTreeMap<String, Value> = serde_json::from_value(field.clone()).unwrap();
        let name = format!("{before}{}", rest.remove("name").unwrap().as_str().unwrap());
        assert!(rest.remove("help").is_some_and(|help| !help.as_str().unwrap().is_empty()), "{name} has no help");
        let inner = rest.remove("fields").unwrap_or_default();
        lines.push(format!("{name} {}", serde_json::to_string(&rest).unwrap()));
        shape(inner.as_array().map(Vec::as_slice).unwrap_or_default(), &format!("{name}."), lines);
    }
}

/// Forms are drawn from it by programs that nobody here knows.
#[tokio::test]
async fn what_is_said_of_every_field_of_every_kind_is_as_it_was() {
    let house = House::open().await;
    let found: Value = house.get("/api/capabilities").await.json();
    let keys: BTreeSet<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    let mut lines = vec![keys.into_iter().collect::<Vec<_>>().join(" ")];
    for kind in found["kinds"].as_array().unwrap() {
        lines.push(String::new());
        shape(kind["fields"].as_array().unwrap(), &format!("{}.", kind["kind"].as_str().unwrap()), &mut lines);
    }
    let shape = lines.join("\n") + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/capabilities.txt");
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capabilities.txt");
    std::fs::write(&found, &shape).unwrap();
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    let differing: Vec<_> = shape.lines().filter(|line| !known.lines().any(|known| known == *line)).collect();
    let gone: Vec<_> = known.lines().filter(|line| !shape.lines().any(|found| found == *line)).collect();
    assert!(
        shape == known,
        "if this is meant, {} becomes {}\nnew: {differing:#?}\ngone: {gone:#?}",
        found.display(),
        golden.display()
    );
}

#[tokio::test]
async fn a_server_without_models_has_fields_and_a_wrong_question_is_refused_by_name() {
    let house = House::open_with(&[("ATELIER_ENGINE", "sd")]).await;
    let found: Capabilities = house.get("/api/capabilities").await.json();
    assert_eq!((found.model, found.family), (None, Family::Unknown));
    testkit::tiny_models::write_sd(&house.folder.path().join("models")).unwrap();
    for (query, pointer) in [("model=smok", "model"), ("kind=inpant", "kind"), ("colour=red", "colour")] {
        let answer = house.get(&format!("/api/capabilities?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
        assert_eq!(answer.problem().errors[0].pointer, pointer);
    }
    assert!(house.get("/api/capabilities?model=smok").await.problem().detail.contains("did you mean smoke?"));
}
