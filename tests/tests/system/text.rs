//! Text through the whole system: llama-server with the tiny model, asked as any client of OpenAI's asks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use contract::{job::JobState, memory::DeviceMemory};
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{
    client::Client,
    plan::{Engine, Plan},
    system::System,
    wait,
};

use crate::LIMIT;

/// A model that was just loaded stays for so long at least, whoever waits (docs/memory.md).
const LEAST_RESIDENCY: Duration = Duration::from_secs(5);

fn chat(words: &str) -> Value {
    json!({
        "model": "smoke", "messages": [{"role": "user", "content": words}], "seed": 7, "temperature": 0.8, "max_tokens": 60,
    })
}

fn with(mut body: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

async fn ask(client: &Client, body: &Value) -> Value {
    let answer = client.post("/v1/chat/completions", body).await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

/// Returns the data of every event of a stream.
async fn stream(client: &Client, body: &Value) -> Vec<String> {
    let body = with(body.clone(), &json!({"stream": true, "stream_options": {"include_usage": true}}));
    let answer = client.post("/v1/chat/completions", &body).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.unwrap();
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

async fn memory(client: &Client) -> Vec<DeviceMemory> {
    let system: Value = client.get_json("/api/system").await.unwrap();
    serde_json::from_value(system["memory"].clone()).unwrap()
}

/// Returns how often a model was loaded since the beginning, by what the workers wrote. Each of two that have to leave for
/// each other stays for its time first, so there are no more loads than there were such times.
fn count_loads(system: &System, begun: Instant) -> u64 {
    let written = system.workers.iter().map(|worker| worker.log().matches("is in memory").count() as u64);
    let (loads, took) = (written.sum(), begun.elapsed());
    let planned = 1 + took.as_secs() / LEAST_RESIDENCY.as_secs();
    assert!(loads <= planned, "{loads} loads in {took:?}, and {planned} were planned");
    loads
}

fn picture(seed: u32) -> Value {
    json!({"prompt": "a lighthouse", "seed": seed, "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0})
}

#[tokio::test]
async fn an_answer_is_the_same_whole_and_in_pieces() {
    let system = Plan::new().workers(0).text_workers(1).start().await.unwrap();
    let client = system.client();
    let whole = ask(&client, &chat("Tell me about the sea.")).await;
    let words = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(!words.is_empty());
    assert!(whole["usage"]["completion_tokens"].as_u64().unwrap() > 0);

    let events = stream(&client, &chat("Tell me about the sea.")).await;
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let pieces: Vec<&str> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(pieces.len() > 2, "{pieces:?}");
    assert_eq!(pieces.concat(), words);
    let usage = &chunks.last().unwrap()["usage"];
    assert_eq!(usage["completion_tokens"], whole["usage"]["completion_tokens"]);
}

#[tokio::test]
async fn many_answers_at_once_are_each_whole() {
    let system = Plan::new().workers(0).text_workers(1).start().await.unwrap();
    let client = system.client();
    let alone = ask(&client, &chat("Tell me about the sea.")).await;
    let bodies: Vec<Value> = (0..20).map(|_| chat("Tell me about the sea.")).collect();
    let streams = join_all(bodies.iter().map(|body| stream(&client, body))).await;
    for events in streams {
        let content = events.iter().filter_map(|data| {
            let chunk: Value = serde_json::from_str(data).ok()?;
            chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        });
        let words: String = content.collect();
        // Batches change the last digits of sums, and so now and then a word; every answer has to be one all the same.
        assert!(!words.is_empty());
        assert_eq!(events.iter().filter(|data| *data == "[DONE]").count(), 1, "{events:?}");
        assert!(!events.iter().any(|data| data.contains("\"error\"")), "{events:?}");
    }
    assert!(alone["choices"][0]["message"]["content"].is_string());
}

#[tokio::test]
async fn a_text_worker_that_is_killed_costs_its_answers_and_nothing_else() {
    let mut system = Plan::new().workers(0).text_workers(1).set("lease_ms", &1500).start().await.unwrap();
    let client = system.client();
    ask(&client, &chat("hello")).await;
    let long =
        with(chat("Tell me a very long story."), &json!({"max_tokens": 4000, "ignore_eos": true, "stream": true}));
    let mut answer = client.post("/v1/chat/completions", &long).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut text = String::new();
    while !text.contains("content") {
        text.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().expect("an answer")));
    }
    system.workers[0].kill();
    while let Some(piece) = answer.chunk().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    // The tiny model may have come to its end before it was killed.
    if !text.contains("[DONE]") || text.contains("\"error\"") {
        let error = text.lines().filter_map(|line| line.strip_prefix("data: ")).find(|data| data.contains("\"error\""));
        let error: Value = serde_json::from_str(error.expect("an error")).unwrap();
        for key in ["message", "type", "param", "code"] {
            assert!(error["error"].get(key).is_some(), "{error}");
        }
    }
    system.workers[0] = system.start_text_worker().unwrap();
    ask(&client, &chat("hello again")).await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_asks_nobody() {
    let system = Plan::new().workers(0).text_workers(1).start().await.unwrap();
    let client = system.client();
    for (more, param) in [
        (json!({"temperature": 3}), "temperature"),
        (json!({"max_tokens": "many"}), "max_tokens"),
        (json!({"messages": []}), "messages"),
        (json!({"top_p": "much"}), "top_p"),
        (json!({"n": 1000}), "n"),
    ] {
        let answer = client.post("/v1/chat/completions", &with(chat("hello"), &more)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{param}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["param"], param, "{error}");
    }
    let answer = client.post("/v1/chat/completions", &with(chat("hello"), &json!({"model": "smoek"}))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "model_not_found");
    assert!(error["error"]["message"].as_str().unwrap().contains("smoke"), "{error}");
}

/// Returns a budget into which each of the two models fits, and both together do not: what a picture reserves at most, and a
/// little more, because no two runs take quite the same.
async fn tight_budget() -> u64 {
    let system = Plan::new().engine(Engine::StableDiffusion).text_workers(1).start().await.unwrap();
    let client = system.client();
    ask(&client, &chat("hello")).await;
    // Both models have the same name.
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    // The first picture reserves by estimate, the second as measured.
    for seed in 0..2 {
        let job = client.submit(&picture(seed)).await.unwrap();
        let mut state = JobState::Queued;
        while !state.is_end() {
            for holding in memory(&client).await.into_iter().flat_map(|device| device.holdings) {
                let mib = most.entry(holding.worker).or_default();
                *mib = holding.mib.max(*mib);
            }
            state = client.job(job.id).await.unwrap().state;
        }
        assert_eq!(state, JobState::Succeeded);
    }
    assert_eq!(most.len(), 2, "text and picture were in memory: {most:?}");
    most.into_values().max().unwrap() + 8
}

#[tokio::test]
async fn text_and_pictures_take_turns_in_a_memory_that_holds_one_of_them() {
    let budget = tight_budget().await;
    let plan = Plan::new().engine(Engine::StableDiffusion).text_workers(1).set("memory_mib", &budget);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    let begun = Instant::now();
    // A picture while the chat model is there, and words while the picture model is.
    ask(&client, &chat("hello")).await;
    let job = client.submit(&picture(1)).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    ask(&client, &chat("hello again")).await;

    // Twenty of each, all at once.
    let pictures: Vec<_> = join_all((0..20).map(|seed| {
        let client = client.clone();
        async move { client.submit(&picture(seed)).await.unwrap().id }
    }))
    .await;
    let chats: Vec<Value> = (0..20).map(|_| chat("Tell me about the sea.")).collect();
    let watching = wait::until(10 * LIMIT, "nothing: it looks on", || async {
        for device in memory(&client).await {
            let held: u64 = device.holdings.iter().map(|holding| holding.mib).sum();
            assert!(held <= budget, "{device:?}");
        }
        count_loads(&system, begun);
        None::<()>
    });
    let working = async {
        let answers = join_all(chats.iter().map(|body| ask(&client, body))).await;
        assert_eq!(answers.len(), 20);
        for id in pictures {
            let ended = client.until_end(id, LIMIT).await.unwrap();
            assert_eq!(ended.state, JobState::Succeeded, "{ended:?}");
        }
    };
    tokio::select! {
        _ = watching => panic!("twenty of each took too long"),
        () = working => {}
    }
    assert!(count_loads(&system, begun) > 2, "the two took turns, and somebody counted");
    system.stop(Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn a_text_worker_that_dies_with_memory_leaves_it_to_the_others() {
    let budget = tight_budget().await;
    let plan = Plan::new().engine(Engine::StableDiffusion).text_workers(1).set("memory_mib", &budget);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    ask(&client, &chat("hello")).await;
    system.workers[1].kill();
    let job = client.submit(&picture(1)).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    system.workers[1] = system.start_text_worker().unwrap();
    ask(&client, &chat("hello again")).await;
}

#[tokio::test]
async fn a_ledger_that_was_lost_is_told_anew() {
    let budget = tight_budget().await;
    let plan = Plan::new().engine(Engine::StableDiffusion).text_workers(1).set("memory_mib", &budget);
    let system = plan.start().await.unwrap();
    let client = system.client();
    ask(&client, &chat("hello")).await;
    system.valkey.flush().unwrap();
    let job = client.submit(&picture(1)).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    ask(&client, &chat("hello again")).await;
    for device in memory(&client).await {
        let held: u64 = device.holdings.iter().map(|holding| holding.mib).sum();
        assert!(held <= budget, "{device:?}");
    }
}
