//! What can be asked for, and what comes back.

use assets::picture::{Pixels, encode_png};
use contract::{
    job::FailureCode,
    text::{TextAnswer, reply::Finish},
};
use serde_json::{Value, json};

use crate::salon::{Salon, chat, long_chat};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_word_by_word_and_the_same_seed_says_the_same() {
    let mut salon = Salon::open(&[]).await;
    let request = || chat("hello", json!({ "sampling": { "seed": 7, "temperature": 1.0, "max_tokens": 60 } }));
    let first = salon.hear("smoke", request()).await;
    assert!(!first.words().is_empty());
    let finishes: Vec<_> = first.deltas().filter_map(|delta| delta.finish).collect();
    assert_eq!(finishes.len(), 1, "{:?}", first.events);
    let TextAnswer::Generated { usage, timings } = first.end() else { panic!("{:?}", first.end()) };
    assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0 && timings.generation_ms > 0.0, "{:?}", first.end());
    // It does not think, and the engine says with each word how far it is.
    assert_eq!(usage.reasoning_tokens, Some(0), "{:?}", first.end());
    assert_eq!(salon.hear("smoke", request()).await.words(), first.words());
    let other = chat("hello", json!({ "sampling": { "seed": 8, "temperature": 2.0, "max_tokens": 60 } }));
    assert_ne!(salon.hear("smoke", other).await.words(), first.words(), "the seed changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_where_it_may_be_no_longer() {
    let mut salon = Salon::open(&[]).await;
    let mut request = long_chat();
    request["sampling"]["max_tokens"] = 20.into();
    let answer = salon.hear("smoke", request).await;
    assert_eq!(answer.deltas().filter_map(|delta| delta.finish).collect::<Vec<_>>(), [Finish::Length]);
    let TextAnswer::Generated { usage, .. } = answer.end() else { panic!("{:?}", answer.end()) };
    assert_eq!(usage.completion_tokens, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_called_and_its_answer_is_answered() {
    let mut salon = Salon::open(&[]).await;
    let tool = json!({
        "name": "look", "description": "Looks.",
        "parameters": { "type": "object", "properties": { "place": { "type": "string", "enum": ["lake", "sky"] } }, "required": ["place"] },
    });
    for choice in [json!({ "type": "auto" }), json!({ "type": "named", "name": "look" })] {
        let fields = json!({ "tools": [tool], "tool_choice": choice, "sampling": { "max_tokens": 400, "seed": 3 } });
        let called = salon.hear("smoke", chat("look at the lake", fields.clone())).await;
        // A tiny model may call it twice.
        let calls = called.deltas().flat_map(|delta| &delta.tool_calls).filter(|call| call.index == 0);
        let calls: Vec<_> = calls.collect();
        assert_eq!(calls[0].name.as_deref(), Some("look"), "{:?}", called.events);
        let arguments: String = calls.iter().map(|call| call.arguments.as_str()).collect();
        let arguments_read: Value = serde_json::from_str(&arguments).unwrap();
        assert!(["lake", "sky"].contains(&arguments_read["place"].as_str().unwrap()), "{arguments}");
        assert_eq!(called.deltas().filter_map(|delta| delta.finish).collect::<Vec<_>>(), [Finish::ToolCalls]);

        let mut again = chat("look at the lake", fields);
        again["tool_choice"] = json!({ "type": "auto" });
        let id = calls[0].id.clone().unwrap();
        let messages = again["messages"].as_array_mut().unwrap();
        messages
            .push(json!({ "role": "assistant", "tool_calls": [{ "id": id, "name": "look", "arguments": arguments }] }));
        messages.push(json!({ "role": "tool", "call_id": id, "text": "a quiet lake" }));
        let answered = salon.hear("smoke", again).await;
        assert!(!answered.words().is_empty(), "{:?}", answered.events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_the_form_that_was_asked_for() {
    let mut salon = Salon::open(&[]).await;
    let schema = json!({
        "type": "object", "properties": { "count": { "type": "integer", "minimum": 0, "maximum": 9 } }, "required": ["count"], "additionalProperties": false,
    });
    let format = json!({ "sampling": { "max_tokens": 200, "format": { "type": "json_schema", "schema": schema } } });
    let of_schema = salon.hear("smoke", chat("count", format.clone())).await;
    let read: Value = serde_json::from_str(&of_schema.words()).unwrap();
    assert!(read["count"].is_u64(), "{read}");

    let mut completion = json!({ "kind": "completion", "prompt": "The" });
    completion["sampling"] = format["sampling"].clone();
    let read: Value = serde_json::from_str(&salon.hear("smoke", completion).await.words()).unwrap();
    assert!(read["count"].is_u64(), "{read}");

    let grammar = json!({ "sampling": { "format": { "type": "grammar", "grammar": "root ::= \"yes\" | \"no\"" } } });
    let of_grammar = salon.hear("smoke", chat("well?", grammar)).await.words();
    assert!(["yes", "no"].contains(&of_grammar.as_str()), "{of_grammar}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_answers_are_told_apart_even_when_there_are_more_than_slots() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "2")]).await;
    let fields = json!({ "count": 3, "sampling": { "seed": 1, "temperature": 2.0, "max_tokens": 40 } });
    let answer = salon.hear("smoke", chat("hello", fields)).await;
    for choice in 0..3 {
        assert!(!answer.words_of(choice).is_empty(), "{choice}: {:?}", answer.events);
        assert_eq!(answer.deltas().filter(|delta| delta.choice == choice && delta.finish.is_some()).count(), 1);
    }
    assert!(answer.deltas().all(|delta| delta.choice < 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probabilities_of_tokens_are_told_as_far_as_they_were_asked_for() {
    let mut salon = Salon::open(&[]).await;
    for top in [0, 3] {
        let sampling = json!({ "max_tokens": 5, "temperature": 0.0, "top_logprobs": top });
        for request in [
            chat("hello", json!({ "sampling": sampling })),
            json!({ "kind": "completion", "prompt": "The", "sampling": sampling }),
        ] {
            let answer = salon.hear("smoke", request).await;
            let logprobs: Vec<_> = answer.deltas().flat_map(|delta| &delta.logprobs).collect();
            assert!(!logprobs.is_empty(), "{:?}", answer.events);
            assert!(logprobs.iter().all(|token| token.top.len() == top && token.logprob <= 0.0), "{logprobs:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_on_behind_its_own_words() {
    let mut salon = Salon::open(&[]).await;
    let answer = salon
        .hear(
            "smoke",
            json!({ "kind": "completion", "prompt": "The red", "echo": true, "sampling": { "max_tokens": 8 } }),
        )
        .await;
    assert!(answer.words().starts_with("The red"), "{}", answer.words());
    assert!(answer.words().len() > "The red".len());
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_tokens_and_prompts_come_as_a_whole() {
    let mut salon = Salon::open(&[]).await;
    let inputs = json!([
        { "type": "text", "text": "a quiet lake" }, { "type": "text", "text": "the wet street" },
        { "type": "text", "text": "a quiet lake" },
    ]);
    let whole = salon.hear("smoke", json!({ "kind": "embedding", "inputs": inputs })).await;
    let TextAnswer::Embeddings { vectors, usage } = whole.end() else { panic!("{:?}", whole.end()) };
    assert_eq!(vectors.len(), 3);
    assert!(usage.prompt_tokens > 0);
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    let (whole, shorter) = (vectors[0].len(), vectors[0].len() - 1);
    let cut = salon.hear("smoke", json!({ "kind": "embedding", "inputs": inputs, "dimensions": shorter })).await;
    let TextAnswer::Embeddings { vectors, .. } = cut.end() else { panic!("{:?}", cut.end()) };
    let length: f32 = vectors[0].iter().map(|number| number * number).sum();
    assert!(vectors[0].len() == shorter && (length - 1.0).abs() < 1e-3, "{:?}", vectors[0]);
    let longer = json!({ "kind": "embedding", "inputs": inputs, "dimensions": whole + 1 });
    assert_eq!(salon.hear("smoke", longer).await.failure().code, FailureCode::Rejected);

    let tokens = salon.hear("smoke", json!({ "kind": "tokenize", "text": "The red fox", "with_pieces": true })).await;
    let TextAnswer::Tokens { tokens, pieces } = tokens.end() else { panic!("{:?}", tokens.end()) };
    assert_eq!(tokens.len(), pieces.len());
    let text = salon.hear("smoke", json!({ "kind": "detokenize", "tokens": tokens })).await;
    let TextAnswer::Text { text } = text.end() else { panic!("{:?}", text.end()) };
    assert_eq!(text.trim(), "The red fox");

    let mut template = chat("hello", json!({}));
    template["kind"] = "apply_template".into();
    let prompt = salon.hear("smoke", template).await;
    let TextAnswer::Text { text } = prompt.end() else { panic!("{:?}", prompt.end()) };
    assert!(text.contains("<|im_start|>") && text.contains("hello"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_looked_at_and_refused_by_a_model_without_eyes() {
    let mut salon = Salon::open(&[]).await;
    salon.add_model("blind", &json!({ "mmproj": "" }));
    let rgb: Vec<u8> = (0..3000 * 20 * 3).map(|number| (number / 7) as u8).collect();
    let pixels = Pixels { width: 3000, height: 20, rgb };
    let png = encode_png(&pixels.rgb, pixels.width, pixels.height, &[]).unwrap();
    let picture = salon.store("image/png", png).await;
    let parts = json!([{ "type": "text", "text": "look" }, { "type": "image", "asset": picture.id }]);
    let request = json!({
        "kind": "chat", "messages": [{ "role": "user", "parts": parts }], "sampling": { "max_tokens": 10 },
    });
    let id = salon.ask_with("smoke", request.clone(), vec![picture.clone()]).await;
    let seen = salon.answer(id).await;
    assert!(matches!(seen.end(), TextAnswer::Generated { .. }));
    let id = salon.ask_with("blind", request.clone(), vec![picture.clone()]).await;
    let failure = salon.answer(id).await.failure().clone();
    assert_eq!(failure.code, FailureCode::Rejected);
    assert!(failure.message.contains("cannot look at pictures"), "{failure:?}");
    let gone = contract::asset::AssetRef { blake3: "0".repeat(64), ..picture };
    let id = salon.ask_with("smoke", request, vec![gone]).await;
    assert_eq!(salon.answer(id).await.failure().code, FailureCode::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_is_refused_with_both_numbers() {
    let mut salon = Salon::open(&[]).await;
    salon.add_model("short", &json!({ "context": 256 }));
    let words = "the red fox runs across the green field ".repeat(80);
    let failure = salon.hear("short", chat(&words, json!({}))).await.failure().clone();
    assert_eq!(failure.code, FailureCode::Rejected, "{failure:?}");
    assert!(failure.message.contains("256"), "{failure:?}");
    let tokens = failure.message.split_whitespace().filter_map(|word| word.parse::<u32>().ok()).max();
    assert!(tokens > Some(256), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_refuses_is_told_in_its_words() {
    let mut salon = Salon::open(&[]).await;
    let grammar = json!({ "sampling": { "format": { "type": "grammar", "grammar": "root ::= nothing" } } });
    let failure = salon.hear("smoke", chat("well?", grammar)).await.failure().clone();
    assert_eq!(failure.code, FailureCode::Rejected, "{failure:?}");
    assert!(failure.message.contains("the engine says"), "{failure:?}");
    let hot = chat("hello", json!({ "sampling": { "temperature": 9.0 } }));
    assert_eq!(salon.hear("smoke", hot).await.failure().code, FailureCode::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preset_of_a_model_decides_what_the_request_leaves_open() {
    let mut salon = Salon::open(&[]).await;
    salon.add_model("guided", &json!({ "system_prompt": "paint a quiet lake", "parallel": 1, "context": 1024 }));
    let prompt_of = async |salon: &mut Salon, model: &str| {
        let answer = salon.hear(model, chat("hello", json!({ "sampling": { "max_tokens": 4 } }))).await;
        match answer.end() {
            TextAnswer::Generated { usage, .. } => usage.prompt_tokens,
            other => panic!("{other:?}"),
        }
    };
    let (plain, guided) = (prompt_of(&mut salon, "smoke").await, prompt_of(&mut salon, "guided").await);
    assert!(guided > plain, "{guided} tokens with the preset, {plain} without");
}
