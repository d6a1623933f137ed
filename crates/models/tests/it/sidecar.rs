//! Models of several files.

use std::os::unix::fs::symlink;

use contract::model::ModelFormat;
use models::{Error, Library};
use serde_json::{Value, json};

use crate::build::{Folder, Gguf, language_model, safetensors};

/// Returns a folder with a model of three files, described by this text.
fn described(json: &str) -> Folder {
    let folder = Folder::new();
    folder.write("components/paint.safetensors", safetensors());
    folder.write("components/words.gguf", language_model());
    folder.write("checkpoints/sub/vae.safetensors", safetensors());
    folder.write("checkpoints/sub/all.json", json);
    folder
}

fn problem(json: &str) -> String {
    let folder = described(json);
    match folder.library().resolve("sub/all") {
        Err(Error::Broken { problem, remedy, .. }) => {
            assert!(folder.listed().contains(&format!("sub/all: {problem}; {remedy}")));
            problem
        }
        other => panic!("{json}: {other:?}"),
    }
}

const GOOD: &str = r#"{"diffusion_model": "../../components/paint.safetensors", "llm": "../../components/words.gguf",
    "vae": "./vae.safetensors", "flash_attn": true}"#;

#[test]
fn a_description_makes_one_model_of_several_files() {
    let folder = described(GOOD);
    let root = folder.path().canonicalize().unwrap();
    let files = folder.library().resolve("sub/all").unwrap();
    let path = |name: &str| Some(root.join(name).to_str().unwrap().to_owned());
    assert_eq!(files.diffusion_model, path("components/paint.safetensors"));
    assert_eq!(files.llm, path("components/words.gguf"));
    assert_eq!(files.vae, path("checkpoints/sub/vae.safetensors"));
    assert!(files.flash_attn && files.model.is_none());
    let listed = folder.library().list().unwrap();
    let all = listed.iter().find(|model| model.id == "sub/all").unwrap();
    let size_bytes = 2 * safetensors().len() as u64 + language_model().len() as u64;
    assert_eq!((all.format, all.size_bytes, &all.problem), (ModelFormat::Safetensors, size_bytes, &None));
}

#[test]
fn what_suits_a_model_stands_in_its_description_and_no_engine_hears_of_it() {
    let with =
        GOOD.replace(r#""flash_attn": true"#, r#""flash_attn": true, "defaults": {"width": 256, "sampler": "euler"}"#);
    let folder = described(&with);
    let library = folder.library();
    assert_eq!(Value::Object(library.load_defaults("sub/all").unwrap()), json!({ "width": 256, "sampler": "euler" }));
    assert!(library.resolve("sub/all").unwrap().defaults.is_empty());
    assert!(described(GOOD).library().load_defaults("sub/all").unwrap().is_empty());
    assert!(
        problem(&with.replace(r#"{"width": 256, "sampler": "euler"}"#, "256")).contains("does not describe a model")
    );
}

#[test]
fn the_smoke_model_is_usable() {
    let folder = Folder::new();
    testkit::tiny_models::write_sd(folder.path()).unwrap();
    assert_eq!(folder.listed(), ["smoke"]);
    let files = folder.library().resolve("smoke").unwrap();
    assert!(files.diffusion_model.is_some() && files.llm.is_some() && files.taesd.is_some());
}

#[test]
fn a_description_that_is_wrong_says_where() {
    assert!(problem("{\"diffusion_model\": ").starts_with("its .json does not describe a model: EOF"));
    assert!(problem(r#"{"vea": "x", "vae": "x"}"#).contains("unknown field `vea`"));
    assert!(problem(r#"{"diffusion_model": 1}"#).contains("expected a string"));
    assert_eq!(problem(r#"{"vae": "vae.safetensors"}"#), "its .json names neither a model nor a diffusion_model");
    assert_eq!(problem(r#"{"model": "gone.safetensors"}"#), "model gone.safetensors: the file is missing");
    assert!(
        problem(r#"{"model": "../../components/words.gguf"}"#)
            .starts_with("model ../../components/words.gguf: it is a language model (qwen3)")
    );
    assert_eq!(problem(r#"{"model": "../sub"}"#), "model ../sub: it is no file");
}

#[test]
fn a_description_leads_nowhere_outside_the_models_folder() {
    let outside = Folder::new();
    let path = outside.write("secret.safetensors", safetensors());
    let relative = format!("../../../{}/secret.safetensors", outside.path().file_name().unwrap().to_str().unwrap());
    assert!(problem(&format!(r#"{{"model": "{relative}"}}"#)).ends_with("the path leads out of the models folder"));
    assert!(problem(&format!(r#"{{"model": "{}"}}"#, path.display())).contains("must be relative"));
    for reference in ["", "/etc/passwd", "a\\u0000b"] {
        assert!(problem(&format!(r#"{{"model": "{reference}"}}"#)).contains("must be relative"), "{reference}");
    }
    assert!(problem(r#"{"model": "../../../../../../../../../../etc/passwd"}"#).contains("leads out of"));
}

#[test]
fn a_link_that_leaves_the_models_folder_is_refused_in_a_description() {
    let outside = Folder::new();
    let path = outside.write("secret.safetensors", safetensors());
    let folder = described(r#"{"model": "link.safetensors"}"#);
    symlink(path, folder.path().join("checkpoints/sub/link.safetensors")).unwrap();
    let error = folder.library().resolve("sub/all").unwrap_err();
    assert!(error.to_string().ends_with("the path leads out of the models folder"), "{error}");
}

#[test]
fn the_models_folder_itself_may_be_a_link() {
    let folder = described(GOOD);
    let other = Folder::new();
    let link = other.path().join("models");
    symlink(folder.path(), &link).unwrap();
    assert!(Library::open(&link).resolve("sub/all").is_ok());
}

#[test]
fn a_description_beside_a_file_of_its_name_takes_its_place() {
    let folder = described(GOOD);
    folder.write("checkpoints/sub/all.safetensors", Gguf::new().bytes());
    assert!(folder.library().resolve("sub/all").unwrap().diffusion_model.is_some());
}

#[test]
fn notes_of_other_programs_are_no_descriptions() {
    let folder = Folder::new();
    folder.write("checkpoints/dream.safetensors", safetensors());
    folder.write("checkpoints/dream.json", r#"{"description": "nice", "sd version": "SD1"}"#);
    folder.write("checkpoints/dream.cm-info.json", r#"{"ModelName": "Dream", "model": {"type": "Checkpoint"}}"#);
    folder.write("checkpoints/notes.json", "{\"half");
    let listed = folder.listed();
    assert_eq!(listed[0], "dream");
    assert!(listed[1].starts_with("notes: its .json does not describe a model"), "{listed:?}");
    assert_eq!(listed.len(), 2);
}
