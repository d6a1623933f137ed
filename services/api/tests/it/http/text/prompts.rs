//! `POST /api/prompt/*`: what models are told, what is taken from them, and what is not.

use contract::{
    problem::ProblemCode,
    text::{
        AnswerFormat, Chat, TextRequest,
        chat::{Message, Part, Thinking},
        reply::Finish,
    },
    worker::Worker,
};
use queue::{Consumer, Lease};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::house::{MODEL, answer, begin, delta, end, generated, next_job, open, open_with, say};
use crate::{
    http::{
        house::{Answer, House, send},
        picture::png,
    },
    wait::{PATIENCE, until_true},
};

type Writer = Consumer<contract::text::TextJob>;

const ENHANCE: &str = "/api/prompt/enhance";

/// Returns the conversation of a job.
fn chat(lease: &Lease<contract::text::TextJob>) -> &Chat {
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    chat
}

/// Returns the words of a message.
fn words(message: &Message) -> &str {
    match message {
        Message::System { text } | Message::Assistant { text, .. } => text,
        Message::User { parts } => match parts.last() {
            Some(Part::Text { text }) => text,
            other => panic!("{other:?}"),
        },
        Message::Tool { .. } => panic!("{message:?}"),
    }
}

/// Returns the schema that an answer must keep to.
fn schema(chat: &Chat) -> &Value {
    let AnswerFormat::JsonSchema { schema } = &chat.sampling.format else { panic!("{:?}", chat.sampling.format) };
    schema
}

/// Sends a request, and answers its rounds with these words.
async fn ask(house: &House, worker: &mut Writer, path: &str, body: &Value, rounds: &[Value]) -> Answer {
    let waiting = begin(house.request(Method::POST, path).json(body));
    for round in rounds {
        answer(next_job(worker).await, &round.to_string()).await;
    }
    waiting.await.unwrap()
}

async fn upload(house: &House) -> String {
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(png(16, 16)));
    let stored: Value = send(house.request(Method::POST, "/api/assets").multipart(form)).await.json();
    stored["file"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_prompt_is_material_and_the_better_one_keeps_its_loras() {
    let (house, mut worker) = open().await;
    let body = json!({ "prompt": "a fox <lora:ink:0.5>", "instruction": "more snow" });
    let waiting = begin(house.request(Method::POST, ENHANCE).json(&body));
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.model, MODEL);
    let asked = chat(&lease);
    let [told, given] = asked.messages.as_slice() else { panic!("{:?}", asked.messages) };
    assert!(matches!(told, Message::System { text } if text.contains("Rewrite") && !text.contains("fox")), "{told:?}");
    let given: Value = serde_json::from_str(words(given)).unwrap();
    assert_eq!(given, json!({ "prompt": "a fox", "wish": "more snow" }));
    assert_eq!(asked.thinking, Some(Thinking::Off));
    let most = asked.sampling.max_tokens.unwrap();
    assert!((1600..2400).contains(&most), "{most}");
    assert_eq!(schema(asked)["required"], json!(["prompt", "negative_prompt"]));
    let said = json!({ "prompt": "a red fox\nin deep snow ", "negative_prompt": "blur" });
    answer(lease, &said.to_string()).await;
    let whole = waiting.await.unwrap();
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
    let usage = json!({ "prompt_tokens": 4, "cached_tokens": 1, "completion_tokens": 3 });
    assert_eq!(
        whole.json::<Value>(),
        json!({ "prompt": "a red fox in deep snow <lora:ink:0.5>", "negative_prompt": "blur", "model": MODEL, "usage": usage })
    );
    house.assert_untouched().await;
}

#[tokio::test]
async fn a_model_is_told_what_is_wrong_and_may_try_again() {
    let (house, mut worker) = open().await;
    let waiting = begin(house.request(Method::POST, ENHANCE).json(&json!({ "prompt": "a fox" })));
    let first = next_job(&mut worker).await;
    end(first, 0, vec![delta("{\"prompt\": \"a very lo", Some(Finish::Length)), generated()]).await;
    let second = next_job(&mut worker).await;
    let [_, _, said, flaw] = chat(&second).messages.as_slice() else { panic!("{:?}", chat(&second).messages) };
    assert!(words(said).contains("a very lo") && words(flaw).contains("cut off"), "{flaw:?}");
    answer(second, &json!({ "prompt": "A fox!", "negative_prompt": "blur" }).to_string()).await;
    let third = next_job(&mut worker).await;
    let [_, _, said, flaw] = chat(&third).messages.as_slice() else { panic!("{:?}", chat(&third).messages) };
    assert!(words(said).contains("A fox!") && words(flaw).contains("was the original"), "{flaw:?}");
    answer(third, &json!({ "prompt": "a fox in snow", "negative_prompt": "blur" }).to_string()).await;
    let whole: Value = waiting.await.unwrap().json();
    assert_eq!((&whole["prompt"], &whole["usage"]["prompt_tokens"]), (&json!("a fox in snow"), &json!(12)));
}

#[tokio::test]
async fn after_three_answers_that_cannot_be_used_there_is_a_problem_that_says_why() {
    let (house, mut worker) = open().await;
    let style = json!({ "name": "ink", "prompt": "black ink" });
    for (path, body, said, why) in [
        (ENHANCE, json!({ "prompt": "a fox" }), json!("I cannot do that."), "no JSON object"),
        (ENHANCE, json!({ "prompt": "a fox" }), json!({ "prompt": "x" }), "negative_prompt"),
        ("/api/prompt/style", json!({ "prompts": ["a fox"] }), style, "negative_prompt"),
        (
            "/api/prompt/variations",
            json!({ "prompt": "a fox", "count": 2 }),
            json!({ "prompts": ["a dog", "A dog."] }),
            "only 1 of 2 prompts differed",
        ),
        (
            "/api/prompt/fields",
            json!({ "kind": "text_to_image", "instruction": "wider" }),
            json!({ "changes": { "width": 1000 }, "explanation": "It is wider." }),
            "multiple of 16",
        ),
    ] {
        let refused = ask(&house, &mut worker, path, &body, &[said.clone(), said.clone(), said]).await;
        let problem = refused.problem();
        assert_eq!((refused.status, problem.code), (StatusCode::BAD_GATEWAY, ProblemCode::UnusableAnswer), "{path}");
        assert!(problem.detail.contains(why) && problem.detail.contains("3 times"), "{path}: {}", problem.detail);
    }
    assert_eq!(house.queue.open_jobs().await.unwrap(), []);
}

#[tokio::test]
async fn variations_differ_from_each_other_and_from_the_original_in_however_many_rounds() {
    let (house, mut worker) = open().await;
    let body = json!({ "prompt": "a fox <lora:ink:1>", "count": 3 });
    let rounds = [
        json!({ "prompts": ["a fox at night", "A FOX", "a fox at night!"] }),
        json!({ "prompts": ["a fox at noon", "a fox at night", "a fox in rain"] }),
    ];
    let whole = ask(&house, &mut worker, "/api/prompt/variations", &body, &rounds).await;
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
    let expected = ["a fox at night", "a fox at noon", "a fox in rain"].map(|prompt| format!("{prompt} <lora:ink:1>"));
    assert_eq!(whole.json::<Value>()["prompts"], json!(expected));
    let (alone, other) = (json!({ "prompt": "x", "count": 1 }), [json!({ "prompts": ["y"] })]);
    let one = ask(&house, &mut worker, "/api/prompt/variations", &alone, &other).await;
    assert_eq!(one.json::<Value>()["prompts"], json!(["y"]));
}

#[tokio::test]
async fn pictures_are_seen_by_a_model_that_can_and_each_once() {
    let (house, mut worker) = open().await;
    let id = upload(&house).await;
    let waiting = begin(house.request(Method::POST, "/api/prompt/describe").json(&json!({ "asset": id })));
    let lease = next_job(&mut worker).await;
    assert_eq!(
        lease.job.inputs.iter().map(|input| input.id.to_string()).collect::<Vec<_>>(),
        std::slice::from_ref(&id)
    );
    let Message::User { parts } = &chat(&lease).messages[1] else { panic!() };
    assert!(
        matches!(parts.as_slice(), [Part::Image { asset }, Part::Text { .. }] if asset.to_string() == id),
        "{parts:?}"
    );
    answer(lease, &json!({ "prompt": "a square", "negative_prompt": "circles" }).to_string()).await;
    assert_eq!(waiting.await.unwrap().json::<Value>()["prompt"], "a square");

    let body = json!({ "prompts": ["a fox in ink"], "assets": [id, id] });
    let waiting = begin(house.request(Method::POST, "/api/prompt/style").json(&body));
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.inputs.len(), 1);
    let said = json!({ "name": "Ink", "prompt": "black ink on paper", "negative_prompt": "colours" });
    answer(lease, &said.to_string()).await;
    let whole: Value = waiting.await.unwrap().json();
    assert_eq!((&whole["name"], &whole["prompt"]), (&said["name"], &said["prompt"]));
    assert_eq!(whole["negative_prompt"], "colours");
}

#[tokio::test]
async fn whoever_goes_away_ends_the_work_at_once() {
    let (house, mut worker) = open().await;
    let id = upload(&house).await;
    for (path, body) in [
        (ENHANCE, json!({ "prompt": "a fox" })),
        ("/api/prompt/describe", json!({ "asset": id })),
        ("/api/prompt/fields", json!({ "kind": "text_to_image", "instruction": "wider" })),
    ] {
        let request = house.request(Method::POST, path).json(&body);
        let waiting = tokio::spawn(async move { request.send().await });
        // In the second round as in the first.
        answer(next_job(&mut worker).await, "nonsense").await;
        let lease = next_job(&mut worker).await;
        say(&lease, 0, vec![delta("{", None)]).await;
        waiting.abort();
        timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears of it");
        assert_eq!(lease.cancel().await.unwrap(), queue::Accepted::Yes);
    }
}

#[tokio::test]
async fn what_a_worker_says_of_a_failure_is_handed_on() {
    let (house, mut worker) = open().await;
    for (code, status) in [
        (contract::job::FailureCode::Rejected, StatusCode::UNPROCESSABLE_ENTITY),
        (contract::job::FailureCode::EngineCrashed, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let waiting = begin(house.request(Method::POST, ENHANCE).json(&json!({ "prompt": "a fox" })));
        end(next_job(&mut worker).await, 0, vec![super::house::failed(code, "no")]).await;
        let refused = waiting.await.unwrap();
        assert_eq!((refused.status, refused.problem().detail.as_str()), (status, "no; do this"));
    }
}

#[tokio::test]
async fn everything_wrong_is_named_by_its_field_and_asks_nobody() {
    let (house, _) = open().await;
    blind(&house);
    let (id, missing) = (upload(&house).await, contract::AssetId::new().to_string());
    let long = "x".repeat(4001);
    let cases = [
        ("enhance", json!({}), "/prompt", "required"),
        ("enhance", json!({ "prompt": "" }), "/prompt", "blank"),
        ("enhance", json!({ "prompt": " \n" }), "/prompt", "blank"),
        ("enhance", json!({ "prompt": "<lora:ink:1>" }), "/prompt", "no words"),
        ("enhance", json!({ "prompt": long }), "/prompt", "at most 4000"),
        ("enhance", json!({ "prompt": "x", "model": "smoky" }), "/model", "did you mean smoke"),
        ("enhance", json!({ "prompt": "x", "for_model": "none" }), "/for_model", "there is no model"),
        ("enhance", json!({ "prompt": "x", "promt": "y" }), "/promt", "there is no field"),
        ("variations", json!({ "prompt": "x", "count": 0 }), "/count", "between 1 and 12"),
        ("variations", json!({ "prompt": "x", "count": 13 }), "/count", "between 1 and 12"),
        ("style", json!({}), "/prompts", "at least one"),
        ("style", json!({ "prompts": ["a", " "] }), "/prompts/1", "no words"),
        ("style", json!({ "prompts": vec!["a"; 17] }), "/prompts", "at most 16"),
        ("style", json!({ "assets": [id, missing] }), "/assets/1", "there is no asset"),
        ("style", json!({ "assets": [id], "model": "blind" }), "/model", "does not look at pictures"),
        ("describe", json!({ "asset": missing }), "/asset", "there is no asset"),
        ("describe", json!({ "asset": "x" }), "/asset", ""),
        ("describe", json!({ "asset": id, "model": "blind" }), "/model", "does not look at pictures"),
        ("describe", json!({}), "/asset", "required"),
        ("fields", json!({ "kind": "text_to_image" }), "/instruction", "required"),
        ("fields", json!({ "kind": "poem", "instruction": "x" }), "/kind", "must be one of"),
    ];
    for (route, body, pointer, detail) in cases {
        let refused = house.post(&format!("/api/prompt/{route}"), &body).await;
        let problem = refused.problem();
        assert_eq!(problem.status, 422, "{route}: {}", refused.text());
        assert_eq!(problem.errors[0].pointer, pointer, "{route}: {}", refused.text());
        assert!(problem.errors[0].detail.contains(detail), "{route}: {}", refused.text());
    }
    let near = house.post("/api/prompt/enhance", &json!({ "prompt": "x", "model": "smoky" })).await.problem();
    assert_eq!(json!(near.fix[0].set), json!({ "model": "smoke" }));
    assert_eq!(house.queue.open_jobs().await.unwrap(), []);
}

/// Adds a model that sees nothing, and stands before the other in the alphabet.
fn blind(house: &House) {
    let folder = house.folder.path().join("models/llm");
    std::fs::create_dir_all(folder.join("far")).unwrap();
    std::fs::copy(folder.join("smoke.gguf"), folder.join("blind.gguf")).unwrap();
}

#[tokio::test]
async fn the_model_is_the_one_asked_for_or_that_of_the_role_or_one_in_memory_or_the_first() {
    let said = json!({ "prompt": "a fox in snow", "negative_prompt": "blur" });
    let chosen = async |house: &House, worker: &mut Writer, path: &str, body: Value| {
        let waiting = begin(house.request(Method::POST, path).json(&body));
        let lease = next_job(worker).await;
        let model = lease.job.model.clone();
        answer(lease, &said.to_string()).await;
        assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
        model
    };
    let fox = json!({ "prompt": "a fox" });
    let (house, mut worker) = open().await;
    blind(&house);
    assert_eq!(chosen(&house, &mut worker, ENHANCE, fox.clone()).await, "blind");
    let id = upload(&house).await;
    // Whoever looks at pictures must be able to.
    assert_eq!(chosen(&house, &mut worker, "/api/prompt/describe", json!({ "asset": id })).await, MODEL);
    let named = json!({ "prompt": "a fox", "model": MODEL });
    assert_eq!(chosen(&house, &mut worker, ENHANCE, named).await, MODEL);
    let loaded = Worker { resident_models: vec![MODEL.to_owned()], ..writer() };
    house.queue.announce_worker(&loaded, PATIENCE).await.unwrap();
    assert_eq!(chosen(&house, &mut worker, ENHANCE, fox.clone()).await, MODEL);

    let (house, mut worker) = open_with(&[("ATELIER_ENHANCER_MODEL", MODEL), ("ATELIER_TAGGER_MODEL", "none")]).await;
    blind(&house);
    assert_eq!(chosen(&house, &mut worker, ENHANCE, fox).await, MODEL);
    let id = upload(&house).await;
    let problem = house.post("/api/prompt/describe", &json!({ "asset": id })).await.problem();
    assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, "/model"));
    assert!(problem.detail.contains("tagger_model") && problem.detail.contains("\"none\""), "{}", problem.detail);
}

fn writer() -> Worker {
    Worker::idle("writer", contract::spec::WorkerKind::Llm, "llama", "cpu", chassis::clock::Clock::system().now())
}

#[tokio::test]
async fn a_server_without_a_fitting_model_says_how_to_get_one() {
    let house = House::open().await;
    let problem = house.post(ENHANCE, &json!({ "prompt": "a fox" })).await.problem();
    assert_eq!((problem.status, problem.code), (422, ProblemCode::UnknownModel));
    assert!(problem.detail.contains(".gguf") && problem.detail.contains("models/llm"), "{}", problem.detail);
    let (house, _) = open().await;
    blind(&house);
    let folder = house.folder.path().join("models/llm");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("blind.gguf") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let id = upload(&house).await;
    let problem = house.post("/api/prompt/describe", &json!({ "asset": id })).await.problem();
    assert!(problem.detail.contains("mmproj"), "{}", problem.detail);
    until_true("nothing in the queue", async || house.queue.open_jobs().await.unwrap().is_empty()).await;
}
