//! How the server is seen from outside, and how it behaves when something is wrong with it.

use contract::{
    problem::ProblemCode,
    system::{System, Verdict},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, send};

#[tokio::test]
async fn the_system_page_looks_at_every_dependency() {
    let house = House::open().await;
    let system: System = house.get("/api/system").await.json();
    let verdict = |name: &str| system.checks.iter().find(|check| check.name == name).map(|check| check.verdict);
    for name in ["database", "asset store", "models", "disk", "valkey persistence"] {
        assert_eq!(verdict(name), Some(Verdict::Good), "{name}: {:?}", system.checks);
    }
    assert_eq!(verdict("workers"), Some(Verdict::Warning));
    assert!(system.is_ready && system.memory_total_mib > 0 && system.disk_free_mib.is_some());
    assert!(system.checks.iter().all(|check| check.verdict == Verdict::Good || check.remedy.is_some()));

    house.valkey.kill9().unwrap();
    let system: System = house.get("/api/system").await.json();
    assert!(!system.is_ready);
    assert!(system.checks.iter().any(|check| check.name == "database" && check.verdict == Verdict::Good));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let house = House::open().await;
    let job = house.submit("x").await;
    house.get(&format!("/api/jobs/{}", job.id)).await;
    house.get("/nothing").await;
    let page = house.get("/metrics").await;
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4");
    let text = page.text();
    for line in [
        r#"atelier_http_request_seconds_count{method="GET",route="/api/jobs/{id}",status="200"} 1"#,
        r#"atelier_http_request_seconds_count{method="POST",route="/api/workflows/{kind}",status="202"} 1"#,
        r#"atelier_http_request_seconds_count{method="GET",route="none",status="404"} 1"#,
        r#"atelier_jobs_queued{worker_kind="sd"} 1"#,
        "atelier_sockets 0",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    assert!(!text.contains(&job.id.to_string()));
}

#[tokio::test]
async fn the_documentation_comes_from_this_server_alone() {
    let house = House::open().await;
    let document: Value = house.get("/openapi.json").await.json();
    assert_eq!(document, serde_json::from_str::<Value>(&api::openapi_json()).unwrap());
    let moved = house.get("/").await;
    assert_eq!((moved.status, moved.header("location")), (StatusCode::TEMPORARY_REDIRECT, "/docs/"));
    assert_eq!(house.get("/docs").await.header("location"), "/docs/");
    let page = house.get("/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.text());
    assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
    assert!(!page.text().contains("//cdn") && !page.text().contains("https://"), "{}", page.text());
    let settings = house.get("/docs/swagger-initializer.js").await;
    assert!(settings.text().contains("/openapi.json"), "{}", settings.text());
    assert_eq!(house.get("/docs/../atelier.db").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/docs/nothing.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_answer_has_an_id_and_headers_that_disarm_it() {
    let house = House::open().await;
    for path in ["/livez", "/api/jobs", "/nothing", "/docs/"] {
        let answer = send(house.request(Method::GET, path).header("x-request-id", "trace-42")).await;
        assert_eq!(answer.header("x-request-id"), "trace-42", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
    let forged = send(house.request(Method::GET, "/livez").header("x-request-id", "a b\"}")).await;
    assert_eq!(forged.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn when_the_database_breaks_the_client_learns_no_cause() {
    let house = House::open().await;
    // The table is gone under the running server: no statement about jobs can succeed.
    let url = format!("sqlite://{}", house.folder.path().join("atelier.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("ALTER TABLE jobs RENAME TO lost").execute(&pool).await.unwrap();
    for answer in
        [house.get("/api/jobs").await, house.post("/api/workflows/text_to_image", &json!({ "prompt": "x" })).await]
    {
        assert_eq!((answer.status, answer.problem().code), (StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Unavailable));
        assert!(!answer.header("retry-after").is_empty());
        let told = answer.text();
        assert!(!told.contains("table") && !told.contains("SELECT") && !told.contains("sqlite"), "{told}");
    }
    assert_eq!(house.get("/metrics").await.status, StatusCode::OK);
}

#[tokio::test]
async fn when_the_database_hangs_the_client_is_told_so_in_time() {
    let postgres = testkit::postgres::TestPostgres::start().unwrap();
    let house = House::open_with(&[("ATELIER_DATABASE_URL", postgres.url())]).await;
    let pool = sqlx::PgPool::connect(postgres.url()).await.unwrap();
    let mut held = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let answer = house.get("/api/jobs").await;
    assert_eq!((answer.status, answer.problem().code), (StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Unavailable));
    held.rollback().await.unwrap();
    assert_eq!(house.get("/api/jobs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_address_is_written_down_and_a_stopped_server_answers_nobody() {
    let house = House::open().await;
    let written = std::fs::read_to_string(house.folder.path().join("api.address")).unwrap();
    assert_eq!(written.trim(), house.address);
    let (address, client) = (house.address.clone(), house.client.clone());
    house.stop().await;
    assert!(client.get(format!("http://{address}/livez")).send().await.is_err());
}
