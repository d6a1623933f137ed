//! `POST /v1/responses`.

use contract::text::{
    TextEvent, TextRequest,
    chat::Message,
    reply::{Delta, Finish, ToolCallDelta},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{answer, begin, delta, end, error, events, generated, next_job, open};

const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn an_answer_with_a_call_is_continued_by_the_ids_of_its_items() {
    let (house, mut worker) = open().await;
    let tools = json!([{ "type": "function", "name": "look_up", "parameters": { "type": "object" } }]);
    let request = json!({ "input": "hello", "instructions": "be kind", "tools": tools });
    let waiting = begin(house.request(Method::POST, RESPONSES).json(&request));
    let part = ToolCallDelta {
        index: 0,
        id: Some("call_1".to_owned()),
        name: Some("look_up".to_owned()),
        arguments: "{}".to_owned(),
    };
    let call = Delta { tool_calls: vec![part], finish: Some(Finish::ToolCalls), ..Delta::default() };
    end(next_job(&mut worker).await, 0, vec![TextEvent::Delta(call), generated()]).await;
    let body: Value = waiting.await.unwrap().json();
    let [item] = body["output"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!((&item["type"], &item["call_id"]), (&json!("function_call"), &json!("call_1")));
    assert_eq!((&body["status"], &body["usage"]["total_tokens"]), (&json!("completed"), &json!(7)));
    assert_eq!((&body["instructions"], &body["tools"][0]["name"]), (&json!("be kind"), &json!("look_up")));

    let input = json!([
        { "role": "user", "content": "hello" },
        { "type": "item_reference", "id": item["id"] },
        { "type": "function_call_output", "call_id": "call_1", "output": "a lake" },
    ]);
    let waiting = begin(house.request(Method::POST, RESPONSES).json(&json!({ "input": input, "store": false })));
    let lease = next_job(&mut worker).await;
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    let Message::Assistant { tool_calls, .. } = &chat.messages[1] else { panic!("{:?}", chat.messages) };
    assert_eq!((tool_calls[0].name.as_str(), chat.messages.len()), ("look_up", 3));
    answer(lease, "a lake").await;
    let body: Value = waiting.await.unwrap().json();
    assert_eq!(body["output"][0]["content"][0]["text"], "a lake");
    // What was not to be kept is not found.
    let input = json!([{ "type": "item_reference", "id": body["output"][0]["id"] }]);
    let refused = house.post(RESPONSES, &json!({ "input": input })).await;
    assert_eq!((refused.status, &error(&refused)["param"]), (StatusCode::BAD_REQUEST, &json!("input[0].id")));
}

#[tokio::test]
async fn a_stream_has_named_events_and_ends_with_the_whole() {
    let (house, mut worker) = open().await;
    let request = json!({ "input": "hello", "stream": true });
    let waiting = begin(house.request(Method::POST, RESPONSES).json(&request));
    end(next_job(&mut worker).await, 0, vec![delta("good ", None), delta("day", None), generated()]).await;
    let stream = waiting.await.unwrap();
    assert_eq!(stream.header("content-type"), "text/event-stream");
    let text = stream.text();
    assert!(text.contains("event: response.output_text.delta\ndata: "), "{text}");
    let (events, _) = events(&text);
    assert_eq!(events[0]["type"], "response.created");
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.completed"), &json!("completed")));
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "good day");
}

#[tokio::test]
async fn what_is_not_kept_is_refused_in_words() {
    let (house, _) = open().await;
    for (name, value) in [("previous_response_id", json!("resp_1")), ("background", json!(true)), ("input", json!([]))]
    {
        let mut request = json!({ "input": "x" });
        request[name] = value;
        let refused = house.post(RESPONSES, &request).await;
        assert_eq!((refused.status, &error(&refused)["param"]), (StatusCode::BAD_REQUEST, &json!(name)));
    }
    house.assert_untouched().await;
}
