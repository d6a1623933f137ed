//! Bad input: an answer that names what is wrong and what would be right; nothing queued, nothing stored, nobody hurt.

use contract::{
    asset::Asset,
    job::Job,
    page::Page,
    problem::{Problem, ProblemCode},
    system::System as State,
};
use reqwest::{Method, StatusCode};
use tests::{client::Client, plan::Plan, system::System};

use crate::{LIMIT, pictures::picture};

/// A request that must be refused.
struct Bad {
    what: &'static str,
    method: Method,
    path: &'static str,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    status: u16,
    code: ProblemCode,
    /// The field that the answer must name, if it is about a field.
    pointer: Option<&'static str>,
}

const SUBMIT: &str = "/api/workflows/text_to_image";

fn field(what: &'static str, body: impl Into<Vec<u8>>, pointer: &'static str) -> Bad {
    Bad { pointer: Some(pointer), ..malformed(what, body, 422, ProblemCode::InvalidField) }
}

fn malformed(what: &'static str, body: impl Into<Vec<u8>>, status: u16, code: ProblemCode) -> Bad {
    let (method, content_type) = (Method::POST, Some("application/json"));
    Bad { what, method, path: SUBMIT, content_type, body: body.into(), status, code, pointer: None }
}

/// A good prompt with one more field.
fn with(fields: &str) -> String {
    format!(r#"{{"prompt":"a lighthouse",{fields}}}"#)
}

fn table() -> Vec<Bad> {
    use ProblemCode::{MalformedRequest, MethodNotAllowed, NotFound, TooLarge, UnknownModel, UnsupportedMediaType};
    let long = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(900_000));
    let bomb = "[".repeat(10_000);
    let mut table = vec![
        field("no prompt", "{}", "/prompt"),
        field("an empty prompt", r#"{"prompt":""}"#, "/prompt"),
        field("a blank prompt", r#"{"prompt":"   "}"#, "/prompt"),
        field("a prompt of 0.9 MB", long, "/prompt"),
        field("a prompt that is a number", r#"{"prompt":5}"#, "/prompt"),
        field("a prompt with U+0000", r#"{"prompt":"a\u0000b"}"#, "/prompt"),
        field("an unknown key", with(r#""colour":"red""#), "/colour"),
        field("width 0", with(r#""width":0"#), "/width"),
        field("width -5", with(r#""width":-5"#), "/width"),
        field("width 65", with(r#""width":65"#), "/width"),
        field("width 10^9", with(r#""width":1000000000"#), "/width"),
        field("width 64.5", with(r#""width":64.5"#), "/width"),
        field("width as text", with(r#""width":"64""#), "/width"),
        field("height 10^30", with(r#""height":1e30"#), "/height"),
        field("no steps", with(r#""steps":0"#), "/steps"),
        field("too many steps", with(r#""steps":151"#), "/steps"),
        field("a negative scale", with(r#""cfg_scale":-1"#), "/cfg_scale"),
        field("a seed that is too large", with(r#""seed":4294967296"#), "/seed"),
        field("a batch of 17", with(r#""batch_count":17"#), "/batch_count"),
        field("an unknown sampler", with(r#""sampler":"eulr""#), "/sampler"),
        field("an unknown scheduler", with(r#""scheduler":true"#), "/scheduler"),
        field("a list", "[]", ""),
        malformed("NaN", with(r#""cfg_scale":NaN"#), 400, MalformedRequest),
        malformed("infinity", with(r#""cfg_scale":1e999"#), 400, MalformedRequest),
        malformed("no JSON", "prompt=a lighthouse", 400, MalformedRequest),
        malformed("half of it", r#"{"prompt":"a light"#, 400, MalformedRequest),
        malformed("nothing", "", 400, MalformedRequest),
        malformed("a key twice", r#"{"prompt":"a","prompt":"b"}"#, 400, MalformedRequest),
        malformed("broken UTF-8", b"{\"prompt\":\"\xff\xfe\"}".to_vec(), 400, MalformedRequest),
        malformed("ten thousand brackets", bomb, 400, MalformedRequest),
        malformed("more than 1 MB", vec![b' '; 2 << 20], 413, TooLarge),
        Bad {
            pointer: Some("/model"),
            ..malformed("an unknown model", with(r#""model":"nobody""#), 422, UnknownModel)
        },
        Bad {
            pointer: Some("/model"),
            ..malformed("a model outside", with(r#""model":"../../etc/passwd""#), 422, UnknownModel)
        },
        Bad {
            content_type: Some("text/plain"),
            ..malformed("a wrong content type", with(r#""steps":2"#), 415, UnsupportedMediaType)
        },
    ];
    let elsewhere = |what, method, path, status, code| Bad {
        path,
        method,
        content_type: None,
        ..malformed(what, "", status, code)
    };
    let unknown = "/api/jobs/0191f0a0-0000-7000-8000-000000000001";
    table.extend([
        elsewhere("an unknown kind of job", Method::POST, "/api/workflows/text_to_imaeg", 404, NotFound),
        elsewhere("an unknown job", Method::GET, unknown, 404, NotFound),
        elsewhere("the end of an unknown job", Method::DELETE, unknown, 404, NotFound),
        elsewhere("an id that is none", Method::GET, "/api/jobs/five", 404, NotFound),
        elsewhere("an unknown path", Method::GET, "/api/nothing", 404, NotFound),
        elsewhere("a wrong method", Method::PATCH, "/api/jobs", 405, MethodNotAllowed),
        Bad {
            pointer: Some("limit"),
            ..elsewhere("a page of a million", Method::GET, "/api/jobs?limit=1000000", 422, ProblemCode::InvalidField)
        },
        Bad {
            pointer: Some("cursor"),
            ..elsewhere("a cursor of nobody", Method::GET, "/api/jobs?cursor=x", 422, ProblemCode::InvalidField)
        },
    ]);
    table
}

#[tokio::test]
async fn every_bad_request_is_refused_in_words_and_leaves_nothing_behind() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let worker = client.workers().await.unwrap().remove(0).name;
    let mut wrong = Vec::new();
    for bad in table() {
        if let Err(error) = refuse(&client, &bad).await {
            wrong.push(format!("{}: {error}", bad.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_is_left(&system, &client, &worker).await;
}

async fn refuse(client: &Client, bad: &Bad) -> Result<(), String> {
    let mut request = client.request(bad.method.clone(), bad.path).unwrap().body(bad.body.clone());
    if let Some(content_type) = bad.content_type {
        request = request.header("Content-Type", content_type);
    }
    let answer = request.send().await.map_err(|error| format!("no answer: {error}"))?;
    let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
    let text = answer.text().await.unwrap_or_default();
    if status.as_u16() != bad.status {
        return Err(format!("answered with {status} instead of {}: {text}", bad.status));
    }
    if kind.as_ref().is_none_or(|kind| kind != "application/problem+json") {
        return Err(format!("the answer is {kind:?}"));
    }
    let problem: Problem = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    if problem.code != bad.code || problem.detail.is_empty() || problem.request_id.is_empty() {
        return Err(format!("the problem is {problem:?}"));
    }
    let names = |pointer| problem.errors.iter().any(|error| error.pointer == pointer && !error.detail.is_empty());
    match bad.pointer {
        Some(pointer) if !names(pointer) => Err(format!("the answer does not name {pointer:?}: {problem:?}")),
        _ => Ok(()),
    }
}

/// Asserts that nothing is queued and nothing stored, and that the worker is alive and takes the next job.
pub(crate) async fn nothing_is_left(system: &System, client: &Client, worker: &str) {
    let jobs: Page<Job> = client.get_json("/api/jobs").await.unwrap();
    assert!(jobs.data.is_empty(), "{jobs:?}");
    let assets: Page<Asset> = client.get_json("/api/assets").await.unwrap();
    assert!(assets.data.is_empty(), "{assets:?}");
    let state: State = client.get_json("/api/system").await.unwrap();
    assert!(state.queues.iter().all(|queue| queue.queued + queue.running == 0), "{:?}", state.queues);
    let files = tests::files::below(&system.outputs());
    assert!(files.is_empty(), "files were left behind: {files:?}");
    for log in [system.apis[0].log(), system.workers[0].log()] {
        assert!(!log.contains("panicked"), "{log}");
    }
    let job = client.submit(&picture("and now a good one", 1)).await.unwrap();
    let done = client.until_end(job.id, LIMIT).await.unwrap();
    assert_eq!(done.state, contract::job::JobState::Succeeded);
    assert_eq!(client.workers().await.unwrap()[0].name, worker, "the worker is the same one");
}

#[tokio::test]
async fn what_is_no_picture_is_not_stored() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let worker = client.workers().await.unwrap().remove(0).name;
    // A head that promises 50,000 × 50,000 pixels: it must be refused by the head alone.
    let mut bomb = crate::pictures::png_of(16);
    bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let checksum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    let uploads: [(&str, String); 5] = [
        ("a text", STANDARD.encode("just words")),
        ("a picture bomb", STANDARD.encode(&bomb)),
        ("an SVG", STANDARD.encode("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")),
        ("no base64", "*".repeat(40)),
        ("nothing", String::new()),
    ];
    for (what, data) in uploads {
        let answer = client.post("/api/assets", &serde_json::json!({"data": data})).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        let problem: Problem = answer.json().await.unwrap();
        assert!(problem.errors.iter().any(|error| error.pointer == "/data"), "{what}: {problem:?}");
    }
    nothing_is_left(&system, &client, &worker).await;
}

/// The checksum of a chunk of a PNG.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
