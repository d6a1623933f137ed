//! Hosts and origins: pages of strangers and names of strangers get nothing, on any path.

use contract::problem::ProblemCode;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::house::{Answer, House, send};

const OURS: &str = "https://studio.example";

async fn house() -> House {
    House::open_with(&[("ATELIER_ALLOWED_HOSTS", "studio.example"), ("ATELIER_ALLOWED_ORIGINS", OURS)]).await
}

async fn ask(house: &House, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(house.request(method, path), |request, (name, value)| request.header(*name, *value));
    send(request.json(&json!({ "prompt": "x" }))).await
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_answered_on_no_path() {
    let house = house().await;
    let port = house.address.split(':').next_back().unwrap().to_owned();
    for host in [
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "evil.com",
        "localhost.",
        "[::ffff:127.0.0.2]",
        "0.0.0.0",
        "studio.example.evil.com",
    ] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            for path in ["/livez", "/api/jobs", "/docs/", "/openapi.json", "/metrics", "/nothing"] {
                let answer = ask(&house, Method::GET, path, &[("host", &host)]).await;
                assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
                assert_eq!(answer.problem().code, ProblemCode::HostRefused);
            }
        }
    }
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "studio.example"] {
        for host in [host.to_owned(), format!("{host}:{port}"), format!("{host}:9999")] {
            assert_eq!(ask(&house, Method::GET, "/livez", &[("host", &host)]).await.status, StatusCode::OK, "{host}");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_not_ours_can_do_nothing() {
    let house = house().await;
    let path = "/api/workflows/text_to_image";
    let port = house.address.split(':').next_back().unwrap().to_owned();
    for origin in [
        "null".to_owned(),
        "http://evil.com".to_owned(),
        format!("http://localhost.evil.com:{port}"),
        format!("http://localhost:{port}"),
        "http://127.0.0.1".to_owned(),
        format!("http://{}.evil.com", house.address),
        format!("http://{}@evil.com", house.address),
        "https://studio.example.evil.com".to_owned(),
        "https://studio.example:444".to_owned(),
        "http://studio.example".to_owned(),
    ] {
        for method in [Method::POST, Method::GET, Method::OPTIONS] {
            let answer = ask(&house, method, path, &[("origin", &origin)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
            assert_eq!(answer.problem().code, ProblemCode::OriginRefused);
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    for site in ["cross-site", "same-site"] {
        assert_eq!(ask(&house, Method::POST, path, &[("sec-fetch-site", site)]).await.status, StatusCode::FORBIDDEN);
    }
    house.assert_untouched().await;
    let own = format!("http://{}", house.address);
    assert_eq!(ask(&house, Method::POST, path, &[("origin", &own)]).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        ask(&house, Method::POST, path, &[("sec-fetch-site", "same-origin")]).await.status,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn a_page_on_the_list_may_ask_and_read_and_nobody_else_is_named() {
    let house = house().await;
    let path = "/api/workflows/text_to_image";
    let asked = [
        ("origin", OURS),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    let preflight = ask(&house, Method::OPTIONS, path, &asked).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.header("access-control-allow-origin"), OURS);
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    assert!(preflight.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(preflight.header("access-control-allow-credentials"), "");

    let answer = ask(&house, Method::POST, path, &[("origin", OURS), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::ACCEPTED, OURS));
    assert!(answer.header("access-control-expose-headers").contains("location"));
    assert_eq!(answer.header("vary"), "Origin");
    // Failures can be read, too.
    let answer = ask(&house, Method::GET, "/api/jobs/1", &[("origin", OURS)]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::NOT_FOUND, OURS));

    let without = send(house.request(Method::OPTIONS, path)).await;
    assert_eq!((without.status, without.header("allow")), (StatusCode::NO_CONTENT, "POST"));
    assert_eq!(without.header("access-control-allow-origin"), "");
}
