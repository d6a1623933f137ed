//! Who may do what: one layer around the whole router.
//!
//! What is not on the list of public paths needs a key. A path that somebody adds is therefore closed until it is opened here.

mod visit;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use base64::Engine as _;
use contract::{KeyId, key::Scope, problem::ProblemCode};

pub(crate) use visit::Visit;

use super::{Api, a1111, assets::upload::BASE64, links, problem::Error};
use crate::{db, keys};

/// Paths that answer without a key, whatever the settings: they say whether the server lives, and nothing else.
pub(crate) const PUBLIC: &[&str] = &["/livez", "/readyz"];
/// Paths that answer without a key as long as only this machine can reach the server: they say what the source code says.
pub(crate) const PUBLIC_ON_LOOPBACK: &[&str] = &["/", "/docs", "/docs/", "/docs/{*file}", "/openapi.json"];
/// The path of the WebSocket, where the key may come in the first message because browsers cannot send it in a header.
pub(crate) const SOCKET: &str = "/ws";
/// Whose the jobs are that come with the key of the settings.
const CONFIGURED: &str = "ATELIER_API_KEY";
/// Paths below which only administrators may do anything.
const ADMIN: &str = "/api/keys";
/// What only administrators may do, because it concerns the jobs of everybody.
const ADMIN_ACTIONS: &[&str] = &["/api/queue/pause", "/api/queue/resume", "/api/jobs/clear", "/api/jobs/retry"];

/// Whose request this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Whose share of the workers the jobs use: the id of the key, or empty without keys.
    pub(crate) owner: String,
    pub(crate) scope: Scope,
}

/// What a request must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Nothing,
    NothingOnLoopback,
    Key(Scope),
}

fn needed(method: &Method, path: Option<&str>) -> Needed {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match path {
        // Browsers ask what is allowed before they send a key; the answer is which methods a path has.
        _ if *method == Method::OPTIONS => Needed::Nothing,
        Some(path) if PUBLIC.contains(&path) => Needed::Nothing,
        // A link carries its own signature.
        Some(links::PATH) if is_read => Needed::Nothing,
        Some(path) if is_read && PUBLIC_ON_LOOPBACK.contains(&path) => Needed::NothingOnLoopback,
        Some(path) if path == ADMIN || path.starts_with("/api/keys/") => Needed::Key(Scope::Admin),
        Some(path) if ADMIN_ACTIONS.contains(&path) => Needed::Key(Scope::Admin),
        _ if is_read => Needed::Key(Scope::Read),
        _ => Needed::Key(Scope::Submit),
    }
}

/// Lets a request pass if it may, and notes whose it is.
pub(crate) async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Result<Response, Error> {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let scope = match needed(request.method(), path.as_deref()) {
        Needed::Nothing => return Ok(next.run(request).await),
        Needed::NothingOnLoopback if api.config.is_on_loopback() => return Ok(next.run(request).await),
        Needed::NothingOnLoopback => Scope::Read,
        Needed::Key(scope) => scope,
    };
    // Elsewhere browsers, which remember passwords by themselves, could be made to send them.
    let may_be_password = a1111::is_below(request.uri().path());
    let password = if may_be_password { password_in(request.headers()) } else { None };
    let secret = password.as_deref().or_else(|| secret_in(request.headers()));
    match api.access.identify(&api, secret).await? {
        Some(caller) => {
            if caller.scope < scope {
                let detail = format!("this key allows {}, and {} is needed here", word(caller.scope), word(scope));
                return Err(Error::new(ProblemCode::Forbidden, detail));
            }
            request.extensions_mut().insert(caller);
        }
        // Its first message must show the key.
        None if path.as_deref() == Some(SOCKET) && is_upgrade(request.headers()) => {}
        None => return Err(unauthorized()),
    }
    Ok(next.run(request).await)
}

/// Knows keys.
pub(crate) struct Access {
    /// The hash of the key that the settings name.
    configured: Option<blake3::Hash>,
    is_required: bool,
    /// The minute in which each key was last noted as used.
    touched: Mutex<HashMap<KeyId, i64>>,
}

impl Access {
    /// Returns the access that the settings ask for. With a configured key, a key is always needed.
    pub(crate) fn new(configured: &str, is_required: bool) -> Self {
        let hash = (!configured.is_empty()).then(|| blake3::hash(configured.as_bytes()));
        Self { is_required: is_required || hash.is_some(), configured: hash, touched: Mutex::default() }
    }

    /// Returns whose request it is; none if a key is needed and none came. A wrong key is an error.
    pub(crate) async fn identify(&self, api: &Api, secret: Option<&str>) -> Result<Option<Caller>, Error> {
        let is_open = !self.is_required && api.db.count_keys().await? == 0;
        if is_open {
            return Ok(Some(Caller { owner: String::new(), scope: Scope::Admin }));
        }
        let Some(secret) = secret else { return Ok(None) };
        // Hashes are compared in constant time; the database finds a hash, which tells nothing about the secret.
        if self.configured.is_some_and(|hash| hash == blake3::hash(secret.as_bytes())) {
            return Ok(Some(Caller { owner: CONFIGURED.to_owned(), scope: Scope::Admin }));
        }
        let Some(key) = api.db.find_key_by_hash(&keys::hash(secret)).await? else { return Err(unauthorized()) };
        self.note_use(api, key.id);
        Ok(Some(Caller { owner: key.id.to_string(), scope: key.scope }))
    }

    /// Returns whether somebody who was let in would still be let in.
    async fn may_stay(&self, api: &Api, caller: &Caller) -> Result<bool, db::Error> {
        match caller.owner.as_str() {
            CONFIGURED => Ok(true),
            "" => Ok(!self.is_required && api.db.count_keys().await? == 0),
            id => Ok(api.db.list_keys().await?.iter().any(|key| key.id.to_string() == id)),
        }
    }

    /// Notes when a key was last used, once a minute and without holding the request up.
    fn note_use(&self, api: &Api, id: KeyId) {
        let now = api.clock.now();
        let minute = now.unix_timestamp().div_euclid(60);
        let before = self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(id, minute);
        if before == Some(minute) {
            return;
        }
        let db = api.db.clone();
        tokio::spawn(async move {
            if let Err(error) = db.touch_key(id, now).await {
                tracing::warn!(key.id = %id, "could not note that key {id} was used: {:#}", anyhow::Error::from(error));
            }
        });
    }
}

/// Returns the problem that a key is needed.
pub(crate) fn unauthorized() -> Error {
    let detail = "send a valid key as `Authorization: Bearer atl_…`; `api keys create --name <name>` makes one";
    let challenge = HeaderValue::from_static("Bearer realm=\"atelier\"");
    Error::new(ProblemCode::Unauthorized, detail).header(header::WWW_AUTHENTICATE, challenge)
}

/// Returns the secret in the `Authorization` header. An empty one counts as none, because some clients always send the header.
fn secret_in(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    // What is not text is no secret of ours, but somebody did try to show one.
    let text = value.to_str().unwrap_or("?").trim();
    let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
    match secret.trim() {
        "" if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("basic") || scheme.is_empty() => {
            None
        }
        secret if scheme.eq_ignore_ascii_case("bearer") => Some(secret),
        _ => Some(text),
    }
}

/// Returns the password of HTTP Basic, which programs of A1111 use: it is the key, whatever the name before it.
fn password_in(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, encoded) = text.split_once(' ')?;
    let decoded = BASE64.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(password.to_owned()).filter(|password| !password.is_empty())
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    upgrade.eq_ignore_ascii_case("websocket")
}

fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "reading",
        Scope::Submit => "submitting",
        Scope::Admin => "administration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &'static [u8]) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())]);
        secret_in(&headers).map(str::to_owned)
    }

    #[test]
    fn an_empty_credential_is_none_and_a_foreign_one_is_wrong() {
        assert_eq!(secret(b"Bearer atl_x"), Some("atl_x".to_owned()));
        assert_eq!(secret(b"bearer  atl_x "), Some("atl_x".to_owned()));
        for empty in [&b"Bearer "[..], b"Bearer", b"Basic ", b""] {
            assert_eq!(secret(empty), None);
        }
        for foreign in [&b"Basic dTpw"[..], b"atl_x", b"Bearer\xff"] {
            assert!(secret(foreign).is_some());
        }
    }

    #[test]
    fn the_password_of_http_basic_is_a_key() {
        let of = |value: &'static str| {
            password_in(&HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]))
        };
        assert_eq!(of("Basic bWU6YXRsX3g="), Some("atl_x".to_owned()));
        assert_eq!(of("basic bWU6YTpi"), Some("a:b".to_owned()));
        for other in ["Basic ", "Basic bWU6", "Basic bWU=", "Bearer bWU6YXRsX3g=", "Basic !", "bWU6YXRsX3g="] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_path_that_is_not_listed_needs_a_key() {
        assert_eq!(needed(&Method::GET, Some("/livez")), Needed::Nothing);
        assert_eq!(needed(&Method::POST, Some("/docs/")), Needed::Key(Scope::Submit));
        assert_eq!(needed(&Method::GET, Some("/api/new/{id}")), Needed::Key(Scope::Read));
        assert_eq!(needed(&Method::DELETE, Some("/api/new/{id}")), Needed::Key(Scope::Submit));
        assert_eq!(needed(&Method::GET, Some("/api/keys")), Needed::Key(Scope::Admin));
        assert_eq!(needed(&Method::DELETE, Some("/api/keys/{id}")), Needed::Key(Scope::Admin));
        assert_eq!(needed(&Method::POST, Some("/api/queue/pause")), Needed::Key(Scope::Admin));
        assert_eq!(needed(&Method::GET, Some("/api/queue")), Needed::Key(Scope::Read));
        assert_eq!(needed(&Method::GET, Some("/v1/models")), Needed::Key(Scope::Read));
        assert_eq!(needed(&Method::POST, Some("/sdapi/v1/interrupt")), Needed::Key(Scope::Submit));
        assert_eq!(needed(&Method::POST, Some("/links/{id}")), Needed::Key(Scope::Submit));
        assert_eq!(needed(&Method::GET, None), Needed::Key(Scope::Read));
    }
}
