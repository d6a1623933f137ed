//! Bad input: each wrong value of each field is refused in words that name the field; nothing is queued, nothing stored.

use contract::{JobId, problem::ProblemCode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, send};

const PATH: &str = "/api/workflows/text_to_image";

/// Every field with values that it cannot have, and what would be right.
fn wrong_values() -> Vec<(&'static str, Vec<Value>)> {
    let no_whole_number =
        || vec![json!("x"), json!(null), json!(true), json!([]), json!({}), json!(64.5), json!("NaN")];
    let with = |more: Vec<Value>| [no_whole_number(), more].concat();
    let side =
        with(vec![json!(0), json!(-5), json!(65), json!(1_000_000_000), json!(5001), json!(1e300), json!("512")]);
    let no_text = || vec![json!(1), json!(true), json!([]), json!({})];
    vec![
        (
            "prompt",
            [no_text(), vec![json!(null), json!(""), json!(" \n\t"), json!("x".repeat(10_001)), json!("a\u{0}b")]]
                .concat(),
        ),
        ("negative_prompt", [no_text(), vec![json!(null), json!("x".repeat(10_001)), json!("\u{0}")]].concat()),
        ("model", [no_text(), vec![json!(""), json!("x".repeat(201))]].concat()),
        ("width", side.clone()),
        ("height", side),
        ("steps", with(vec![json!(0), json!(-1), json!(151), json!(1_000_000_000)])),
        ("cfg_scale", vec![json!("x"), json!(null), json!(-0.1), json!(30.1), json!(1e308), json!([])]),
        ("distilled_guidance", vec![json!("x"), json!(null), json!(-1), json!(101)]),
        ("sampler", vec![json!("euler_b"), json!(""), json!(1), json!([]), json!("EULER")]),
        ("scheduler", vec![json!("karass"), json!(1), json!({})]),
        ("seed", vec![json!(-1), json!(4_294_967_296_u64), json!(u64::MAX), json!("x"), json!(0.5)]),
        ("batch_count", with(vec![json!(0), json!(17)])),
        ("clip_skip", with(vec![json!(-1), json!(13)])),
        ("loras", vec![json!("x"), json!(null)]),
        ("stepz", vec![json!(20)]),
        ("kind", vec![json!("text_to_image")]),
        ("", vec![json!(1)]),
    ]
}

#[tokio::test]
async fn each_wrong_value_of_each_field_is_refused_by_name() {
    let house = House::open().await;
    for (field, values) in wrong_values() {
        for value in values {
            let mut body = json!({ "prompt": "a lighthouse" });
            body[field] = value;
            let answer = house.post(PATH, &body).await;
            let shown: String = body.to_string().chars().take(80).collect();
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{shown}: {}", answer.text());
            let problem = answer.problem();
            assert_eq!(problem.errors.len(), 1, "{shown}: {:?}", problem.errors);
            assert_eq!(problem.errors[0].pointer, format!("/{field}"), "{shown}");
            assert!(answer.bytes.len() < 2000, "{shown}: the answer repeats what was sent");
        }
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn all_mistakes_are_named_at_once_and_the_nearest_right_values_with_them() {
    let house = House::open().await;
    let body =
        json!({ "width": 833, "height": 5000, "steps": 151, "sampler": "euler_b", "cfg_scale": "8", "stepz": 1 });
    let problem = house.post(PATH, &body).await.problem();
    let details: Vec<(&str, &str)> =
        problem.errors.iter().map(|error| (error.pointer.as_str(), error.detail.as_str())).collect();
    assert!(details.contains(&("/prompt", "prompt is required")), "{details:?}");
    assert!(
        details.contains(&("/width", "width must be a multiple of 16: 832 and 848 are the nearest")),
        "{details:?}"
    );
    assert!(details.contains(&("/height", "height must be between 64 and 4096, in steps of 16: 4096 is the nearest")));
    assert!(details.contains(&("/steps", "steps must be between 1 and 150: 150 is the nearest")));
    assert!(details.contains(&("/cfg_scale", "cfg_scale must be a number between 0 and 30")));
    assert!(details.contains(&("/stepz", "there is no field \"stepz\"; did you mean steps?")));
    let fixes: Value = serde_json::to_value(&problem.fix).unwrap();
    let fixed = json!([
        { "set": { "cfg_scale": 8 } },
        { "set": { "height": 4096 } },
        { "set": { "sampler": "euler_a" } },
        { "set": { "steps": 150 } },
        { "set": { "width": 832 } },
    ]);
    assert_eq!(fixes, fixed);

    // The remedies are remedies.
    let mut mended = json!({ "prompt": "a lighthouse" });
    for fix in fixed.as_array().unwrap() {
        mended.as_object_mut().unwrap().extend(fix["set"].as_object().unwrap().clone());
    }
    assert_eq!(house.post(PATH, &mended).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_number_may_be_written_as_json_allows_it() {
    let house = House::open().await;
    let answer = house.post_text(PATH, r#"{"prompt":"x","width":5.12e2,"steps":20.0,"seed":0,"cfg_scale":7}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let job: Value = answer.json();
    assert_eq!(
        (&job["spec"]["width"], &job["spec"]["steps"], &job["spec"]["seed"]),
        (&json!(512), &json!(20), &json!(0))
    );
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_refused() {
    let house = House::open().await;
    let refused: Vec<(u16, Vec<u8>)> = vec![
        (400, b"".to_vec()),
        (400, b"{".to_vec()),
        (400, b"prompt=x".to_vec()),
        (400, br#"{"prompt":"x","width":NaN}"#.to_vec()),
        (400, br#"{"prompt":"x","width":1e999}"#.to_vec()),
        (400, br#"{"prompt":"x"} trailing"#.to_vec()),
        (400, br#"{"prompt":"x","prompt":"y"}"#.to_vec()),
        (400, b"{\"prompt\":\"\xff\xfe\"}".to_vec()),
        (400, br#"{"prompt":"\ud800"}"#.to_vec()),
        (400, format!("{{\"a\":{}", "[".repeat(100_000)).into_bytes()),
        (422, b"[]".to_vec()),
        (422, b"null".to_vec()),
        (422, b"\"prompt\"".to_vec()),
        (422, format!("{{{}}}", (0..50_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",")).into_bytes()),
        (422, format!("{{\"prompt\":[{}0]}}", "0,".repeat(400_000)).into_bytes()),
        (422, format!("{{\"{}\":1,\"prompt\":\"x\"}}", "k".repeat(1_000_000)).into_bytes()),
        (422, format!("{{\"prompt\":\"{}\"}}", "x".repeat(1_000_000)).into_bytes()),
        (413, format!("{{\"prompt\":\"{}\"}}", "x".repeat(1_100_000)).into_bytes()),
    ];
    for (status, body) in refused {
        let beginning = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = house.post_text(PATH, body).await;
        assert_eq!(answer.status.as_u16(), status, "{beginning}: {}", answer.text());
        answer.problem();
        assert!(answer.bytes.len() < 20_000, "{beginning}: {} bytes of answer", answer.bytes.len());
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let house = House::open().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "",
    ] {
        let request = house.request(Method::POST, PATH).header("content-type", kind).body(r#"{"prompt":"x"}"#);
        assert_eq!(send(request).await.problem().code, ProblemCode::UnsupportedMediaType, "{kind}");
    }
    let without = house.request(Method::POST, PATH).body(r#"{"prompt":"x"}"#);
    assert_eq!(send(without).await.problem().code, ProblemCode::UnsupportedMediaType);
    house.assert_untouched().await;
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        let request = house.request(Method::POST, PATH).header("content-type", kind).body(r#"{"prompt":"x"}"#);
        assert_eq!(send(request).await.status, StatusCode::ACCEPTED, "{kind}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_whatever_is_done_to_it() {
    let house = House::open().await;
    for id in [
        JobId::new().to_string(),
        "1".to_owned(),
        "%00".to_owned(),
        "%ff".to_owned(),
        "x".repeat(3000),
        "..%2f".to_owned(),
    ] {
        for (method, path) in [
            (Method::GET, format!("/api/jobs/{id}")),
            (Method::DELETE, format!("/api/jobs/{id}")),
            (Method::POST, format!("/api/jobs/{id}/retry")),
            (Method::GET, format!("/api/jobs/{id}/attempts")),
            (Method::GET, format!("/api/jobs/{id}/events")),
            (Method::DELETE, format!("/api/keys/{id}")),
        ] {
            let answer = send(house.request(method.clone(), &path)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            answer.problem();
        }
        let path = format!("/api/jobs/{id}/move");
        let answer = house.post(&path, &json!({ "to": "front" })).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let answer = house.post("/api/workflows/text_to_imag", &json!({ "prompt": "x" })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.problem().detail.contains("text_to_image"));
    assert_eq!(house.get("/nothing/here").await.problem().code, ProblemCode::NotFound);
    let answer = send(house.request(Method::PATCH, "/api/jobs")).await;
    assert_eq!(answer.problem().code, ProblemCode::MethodNotAllowed);
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn other_bodies_are_checked_alike() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let path = format!("/api/jobs/{}/move", job.id);
    for (body, pointer) in [
        (json!({}), "/to"),
        (json!({ "to": "middle" }), "/to"),
        (json!({ "to": "front", "priority": "urgent" }), "/priority"),
        (json!({ "to": "front", "before": 1 }), "/before"),
    ] {
        let answer = house.post(&path, &body).await;
        assert_eq!(answer.problem().errors[0].pointer, pointer, "{body}");
    }
    for (body, pointer) in [
        (json!({ "name": "", "scope": "admin" }), "/name"),
        (json!({ "name": "x".repeat(101), "scope": "admin" }), "/name"),
        (json!({ "name": "a\u{0}", "scope": "admin" }), "/name"),
        (json!({ "name": "a" }), "/scope"),
        (json!({ "name": "a", "scope": "root" }), "/scope"),
    ] {
        let answer = house.post("/api/keys", &body).await;
        assert_eq!(answer.problem().errors[0].pointer, pointer, "{body}");
    }
    let put = |body: Value| send(house.request(Method::PUT, &format!("/api/jobs/{}", JobId::new())).json(&body));
    for (body, pointer) in [
        (json!({ "prompt": "x" }), "/kind"),
        (json!({ "kind": "text_to_imag", "prompt": "x" }), "/kind"),
        (json!({ "kind": 1, "prompt": "x" }), "/kind"),
        (json!({ "kind": "text_to_image" }), "/prompt"),
        (json!({ "kind": "text_to_image", "prompt": "x", "width": 65 }), "/width"),
    ] {
        assert_eq!(put(body.clone()).await.problem().errors[0].pointer, pointer, "{body}");
    }
    assert_eq!(put(json!([])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
