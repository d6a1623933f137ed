//! The API document and the pages that show it, which come out of this program and from nowhere else.

use std::sync::{Arc, LazyLock};

use axum::{
    Json, Router,
    extract::RawPathParams,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::Value;
use utoipa_swagger_ui::{Config, serve};

use super::{Api, document::DOCUMENT, problem::Error};

/// The page runs its own scripts and styles, and speaks to this server only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     frame-ancestors 'none'",
);
static SETTINGS: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").persist_authorization(true)));

/// Returns this document.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(crate) async fn openapi() -> Json<&'static Value> {
    Json(&DOCUMENT)
}

/// Returns the pages that are for people and stand in no document.
pub(crate) fn pages() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/docs/") }))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(page))
        .route("/docs/{*file}", get(page))
}

async fn page(path: RawPathParams) -> Result<Response, Error> {
    let name = path.iter().next().map(|(_, name)| name).unwrap_or_default();
    match serve(name, Arc::clone(&SETTINGS)) {
        Ok(Some(file)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::try_from(file.content_type).map_err(Error::internal)?),
                (header::CONTENT_SECURITY_POLICY, POLICY),
            ];
            let mut response = (StatusCode::OK, headers, file.bytes.into_owned()).into_response();
            if file.gzpipped {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            Ok(response)
        }
        Ok(None) => Err(Error::not_found("there is no such page; /docs/ is the first one")),
        Err(error) => Err(Error::internal(anyhow::anyhow!("the page could not be made: {error}"))),
    }
}
