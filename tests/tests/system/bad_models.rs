//! Model files that are none: refused by their head in Rust, before any C++ sees them.

use std::{fs, path::Path};

use contract::{
    model::Model,
    page::Page,
    problem::{Problem, ProblemCode},
};
use reqwest::StatusCode;
use tests::plan::Plan;

use crate::{bad_input::nothing_is_left, pictures::picture};

/// The beginning of a safetensors file with this head.
pub(crate) fn safetensors(head: &str) -> Vec<u8> {
    [(head.len() as u64).to_le_bytes().as_slice(), head.as_bytes()].concat()
}

/// A GGUF file that says of itself what kind of model it is, and has no tensors.
fn gguf(architecture: &str) -> Vec<u8> {
    let text = |text: &str| [(text.len() as u64).to_le_bytes().as_slice(), text.as_bytes()].concat();
    [
        b"GGUF".as_slice(),
        &3_u32.to_le_bytes(),
        &0_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &text("general.architecture"),
        &8_u32.to_le_bytes(),
        &text(architecture),
    ]
    .concat()
}

fn write_bad_models(checkpoints: &Path) -> Vec<&'static str> {
    fs::create_dir_all(checkpoints).unwrap();
    let tensor = r#"{"w":{"dtype":"F16","shape":[1024,1024],"data_offsets":[0,2097152]}}"#;
    let files: [(&str, &str, Vec<u8>); 7] = [
        ("empty", "empty.safetensors", Vec::new()),
        ("truncated", "truncated.safetensors", safetensors(tensor)),
        ("cut-head", "cut-head.safetensors", safetensors(tensor)[..20].to_vec()),
        ("pickle", "pickle.safetensors", b"\x80\x02}q\x00(X\x06\x00\x00\x00weightq\x01.".to_vec()),
        ("zip", "zip.safetensors", b"PK\x03\x04\x14\x00\x00\x00archive/data.pkl".to_vec()),
        ("llm", "llm.gguf", gguf("llama")),
        ("missing", "missing.json", br#"{"diffusion_model":"../components/gone.safetensors"}"#.to_vec()),
    ];
    files
        .into_iter()
        .map(|(id, name, bytes)| {
            fs::write(checkpoints.join(name), bytes).unwrap();
            id
        })
        .collect()
}

#[tokio::test]
async fn a_model_file_that_is_none_is_listed_with_its_problem_and_no_job_is_accepted_for_it() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let worker = client.workers().await.unwrap().remove(0).name;
    let bad = write_bad_models(&system.models().join("checkpoints"));
    let listed: Page<Model> = client.get_json("/api/models").await.unwrap();
    for id in bad {
        let model = listed.data.iter().find(|model| model.id == id).unwrap_or_else(|| panic!("{id} is not listed"));
        assert!(model.problem.is_some(), "{id} is listed as if it were well");
        let mut picture = picture("a lighthouse", 2);
        picture["model"] = id.into();
        let answer = client.post("/api/workflows/text_to_image", &picture).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{id}");
        let problem: Problem = answer.json().await.unwrap();
        assert_eq!(problem.code, ProblemCode::UnknownModel);
        assert_eq!(problem.errors[0].pointer, "/model");
        // What is wrong with it, and what to do: two clauses.
        assert!(problem.detail.contains(id) && problem.detail.contains("; "), "{id}: {}", problem.detail);
    }
    nothing_is_left(&system, &client, &worker).await;
}
