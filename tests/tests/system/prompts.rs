//! The prompt assistant over the real llama-server. The tiny model knows nothing of prompts: what it says keeps to the form all
//! the same, or there is a problem that says why not.

use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tests::{
    client::{self, Client},
    plan::Plan,
    system::System,
};

use crate::{command_line, pictures::png_of};

async fn start() -> System {
    Plan::new().workers(0).text_workers(1).start().await.unwrap()
}

async fn upload(client: &Client) -> String {
    let form = Form::new().part("file", Part::bytes(png_of(64)).file_name("picture.png"));
    let answer = client.request(Method::POST, "/api/assets").unwrap().multipart(form).send().await.unwrap();
    let stored: Value = client::read(answer).await.unwrap();
    stored["file"]["id"].as_str().unwrap().to_owned()
}

/// Asks for words; the answer names the model, and what it read and wrote.
async fn ask(client: &Client, route: &str, body: &Value) -> Value {
    let answer = client.post(&format!("/api/prompt/{route}"), body).await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{route}: {answer}");
    assert_eq!(answer["model"], "smoke");
    assert!(answer["usage"]["prompt_tokens"].as_u64() > Some(0), "{answer}");
    assert!(answer["usage"]["completion_tokens"].as_u64() > Some(0), "{answer}");
    answer
}

fn assert_text(value: &Value, most: usize) {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    assert!((1..=most).contains(&text.chars().count()) && !text.contains(char::is_control), "{text:?}");
}

#[tokio::test]
async fn whatever_the_model_says_an_answer_keeps_to_its_form() {
    let system = start().await;
    let client = system.client();
    let better = ask(&client, "enhance", &json!({ "prompt": "a quiet lake", "instruction": "at dawn" })).await;
    assert_text(&better["prompt"], 1200);

    let others = ask(&client, "variations", &json!({ "prompt": "a quiet lake", "count": 3 })).await;
    let prompts = others["prompts"].as_array().unwrap();
    assert_eq!(prompts.len(), 3);
    prompts.iter().for_each(|prompt| assert_text(prompt, 600));

    let picture = upload(&client).await;
    for body in [
        json!({ "prompts": ["a quiet lake, ink", "a red fox, ink"] }),
        json!({ "prompts": ["a red boat"], "assets": [picture] }),
    ] {
        let style = ask(&client, "style", &body).await;
        assert_text(&style["name"], 60);
        assert_text(&style["prompt"], 500);
    }
    let seen = ask(&client, "describe", &json!({ "asset": picture })).await;
    assert_text(&seen["prompt"], 1200);
}

#[tokio::test]
async fn fields_that_come_back_are_those_that_a_job_takes() {
    let system = start().await;
    let client = system.client();
    let fields = json!({ "prompt": "a quiet lake", "width": 512, "height": 512 });
    for _ in 0..4 {
        let body = json!({ "kind": "text_to_image", "fields": fields, "instruction": "wider, and slower but better" });
        let answer = client.post("/api/prompt/fields", &body).await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        if status == StatusCode::OK {
            let mut job = fields.clone();
            job.as_object_mut().unwrap().extend(answer["changes"].as_object().unwrap().clone());
            let taken = client.post("/api/workflows/text_to_image", &job).await.unwrap();
            assert_eq!(taken.status(), StatusCode::ACCEPTED, "{answer}");
        } else {
            // A model that knows no numbers may fail three times in a row.
            assert_eq!((status, &answer["code"]), (StatusCode::BAD_GATEWAY, &json!("unusable_answer")), "{answer}");
        }
    }
}

#[tokio::test]
async fn the_command_line_asks_for_words() {
    let system = start().await;
    let enhanced = command_line::atelier(&system, &["prompt", "enhance", "a quiet lake"]).await;
    assert_eq!(command_line::code(&enhanced), 0, "{}", String::from_utf8_lossy(&enhanced.stderr));
    assert_eq!(String::from_utf8_lossy(&enhanced.stdout).trim().lines().count(), 1);
    std::fs::write(system.folder().join("lake.png"), png_of(64)).unwrap();
    let described = command_line::atelier(&system, &["--json", "prompt", "describe", "lake.png"]).await;
    let described: Value = command_line::json(&described);
    assert_text(&described["prompt"], 1200);
    let varied = command_line::atelier(&system, &["prompt", "vary", "a quiet lake", "--count", "2"]).await;
    assert_eq!(String::from_utf8_lossy(&varied.stdout).trim().lines().count(), 2);
    let refused = command_line::atelier(&system, &["prompt", "enhance", "a quiet lake", "--model", "smoek"]).await;
    assert_eq!(command_line::code(&refused), 4);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("smoke"));
}
