//! Links to files that open without a key, for an hour: for programs that get an address and expect to find a picture there.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Method, header},
    response::Response,
};
use contract::{AssetId, problem::ProblemCode};

use super::{Api, assets::download, id::Id, problem::Error, query::Query};

/// The path of a link.
pub(crate) const PATH: &str = "/links/{id}";
/// As long as those of OpenAI.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// Under which name the settings hold what links are signed with.
const SETTING: &str = "link_secret";

/// Returns the address that the client reached this server by.
pub(crate) fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    // The Host has passed the list of those that are ours.
    format!("{scheme}://{}", text(header::HOST.as_str()).unwrap_or("localhost"))
}

/// Returns the path and query of a link to a file.
pub(crate) async fn sign(api: &Api, id: AssetId) -> Result<String, Error> {
    let expires = (api.clock.now() + LIFE).unix_timestamp();
    let signature = signature(&secret(api).await?, id, expires);
    Ok(format!("/links/{id}?expires={expires}&signature={}", signature.to_hex()))
}

/// Returns the bytes of a file to whoever has a link that is still good.
pub(crate) async fn open(
    State(api): State<Arc<Api>>,
    Id(id): Id<AssetId>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let mut query = Query::new(query.as_deref());
    let (expires, given) = (query.number("expires", 0, u32::MAX), query.short_text("signature", 64));
    query.finish()?;
    let refused = || Error::new(ProblemCode::Forbidden, "this link is not good any more: ask for the picture again");
    let (Some(expires), Some(given)) = (expires, given) else { return Err(refused()) };
    let expires = i64::from(expires);
    let given = blake3::Hash::from_hex(given).map_err(|_| refused())?;
    // Hashes are compared in constant time.
    if given != signature(&secret(&api).await?, id, expires) || expires < api.clock.now().unix_timestamp() {
        return Err(refused());
    }
    download::answer(&api, &method, id, None, &headers).await
}

fn signature(secret: &str, id: AssetId, expires: i64) -> blake3::Hash {
    let key = blake3::derive_key("atelier 2026 links to files", secret.as_bytes());
    blake3::keyed_hash(&key, format!("{id} {expires}").as_bytes())
}

/// Returns what links are signed with, which is made when it is first needed and is the same for all instances.
async fn secret(api: &Api) -> Result<String, Error> {
    if let Some(secret) = api.db.find_setting::<String>(SETTING).await? {
        return Ok(secret);
    }
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| Error::internal(anyhow::anyhow!("no randomness: {error}")))?;
    api.db.put_setting(SETTING, &blake3::hash(&random).to_hex().to_string()).await?;
    let stored = api.db.find_setting::<String>(SETTING).await?;
    stored.ok_or_else(|| Error::internal(anyhow::anyhow!("a setting that was just stored is gone")))
}
