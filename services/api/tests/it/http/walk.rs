//! Access: every route and method of the API document, without a key and with keys of each scope.

use contract::{
    JobId,
    key::{CreatedKey, Scope},
    problem::ProblemCode,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, send};

const ADMIN_KEY: &str = "a-key-from-the-settings-of-this-test";

/// Returns every method and path of the document, with an id in the place of each parameter.
fn operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&api::openapi_json()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{id}", &JobId::new().to_string()).replace("{index}", "0");
            assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
            operations.push((method.to_uppercase().parse().unwrap(), path));
        }
    }
    assert!(operations.len() >= 29, "the document has lost operations: {operations:?}");
    operations
}

async fn create(house: &House, scope: Scope) -> String {
    let body = json!({ "name": format!("{scope:?}"), "scope": scope });
    let answer = send(house.request(Method::POST, "/api/keys").bearer_auth(ADMIN_KEY).json(&body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let created: CreatedKey = answer.json();
    assert!(created.secret.starts_with("atl_") && created.secret.len() == 47, "{}", created.secret.len());
    created.secret
}

#[tokio::test]
async fn without_a_key_only_the_listed_paths_answer() {
    let house = House::open_with(&[("ATELIER_API_KEY", ADMIN_KEY)]).await;
    for (method, path) in operations() {
        for authorization in
            [None, Some("Bearer "), Some("Basic "), Some("Bearer atl_wrong"), Some("Basic dTpw"), Some("x")]
        {
            let request = house.request(method.clone(), &path);
            let request = match authorization {
                Some(value) => request.header("authorization", value),
                None => request,
            };
            let answer = send(request).await;
            // A loopback server shows its documentation to whoever can reach it.
            if ["/livez", "/readyz", "/openapi.json"].contains(&path.as_str()) {
                assert_eq!(answer.status, StatusCode::OK, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} with {authorization:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"atelier\"");
        }
    }
    // Nobody learns which paths there are.
    assert_eq!(house.get("/api/nothing").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(house.request(Method::PATCH, "/api/jobs")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/docs/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_opens_what_its_scope_allows_and_nothing_more() {
    let house = House::open_with(&[("ATELIER_API_KEY", ADMIN_KEY)]).await;
    let (read, submit) = (create(&house, Scope::Read).await, create(&house, Scope::Submit).await);
    for (method, path) in operations() {
        if path.ends_with("/events") || path == "/ws" {
            // Streams have tests of their own; here it counts that they are no exception to the rule below.
            continue;
        }
        let needed = match (method.as_str(), path.as_str()) {
            (_, path) if path.starts_with("/api/keys") => Scope::Admin,
            // What concerns the jobs of everybody.
            (_, "/api/queue/pause" | "/api/queue/resume" | "/api/jobs/clear" | "/api/jobs/retry") => Scope::Admin,
            ("GET" | "HEAD", _) => Scope::Read,
            _ => Scope::Submit,
        };
        for (key, scope) in [(read.as_str(), Scope::Read), (&submit, Scope::Submit), (ADMIN_KEY, Scope::Admin)] {
            let answer = send(house.request(method.clone(), &path).bearer_auth(key)).await;
            let is_refused = answer.status == StatusCode::FORBIDDEN || answer.status == StatusCode::UNAUTHORIZED;
            assert_eq!(is_refused, scope < needed, "{method} {path} with {scope:?}: {}", answer.status);
            if is_refused && method != Method::HEAD {
                assert_eq!(answer.problem().code, ProblemCode::Forbidden);
            }
            assert!(!answer.status.is_server_error(), "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn without_any_key_a_loopback_server_is_open_until_the_first_admin_key_is_made() {
    let house = House::open().await;
    assert_eq!(house.get("/api/jobs").await.status, StatusCode::OK);
    // Clients that always send some key are not turned away from an open server.
    assert_eq!(send(house.request(Method::GET, "/api/jobs").bearer_auth("sk-none")).await.status, StatusCode::OK);

    let answer = house.post("/api/keys", &json!({ "name": "me", "scope": "read" })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.problem().errors[0].pointer, "/scope");

    let created: CreatedKey = house.post("/api/keys", &json!({ "name": "me", "scope": "admin" })).await.json();
    assert_eq!(house.get("/api/jobs").await.status, StatusCode::UNAUTHORIZED);
    let with_key = |method, path: &str| send(house.request(method, path).bearer_auth(&created.secret));
    assert_eq!(with_key(Method::GET, "/api/jobs").await.status, StatusCode::OK);

    let keys: Value = with_key(Method::GET, "/api/keys").await.json();
    assert_eq!(keys["data"][0]["name"], "me");
    assert!(!keys.to_string().contains(&created.secret));
    let path = format!("/api/keys/{}", created.key.id);
    assert_eq!(with_key(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.get("/api/jobs").await.status, StatusCode::OK);
    assert_eq!(house.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_secret_of_a_key_is_nowhere_on_the_disk() {
    let house = House::open().await;
    let created: CreatedKey = house.post("/api/keys", &json!({ "name": "me", "scope": "admin" })).await.json();
    let (_valkey, folder) = house.stop().await;
    let database = std::fs::read(folder.path().join("atelier.db")).unwrap();
    let holds = |needle: &str| database.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(!holds(&created.secret) && !holds(&created.secret[4..]));
    assert!(holds(&created.key.name), "this test looks into the right file");
}
