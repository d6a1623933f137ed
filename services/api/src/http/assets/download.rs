//! Downloads: a file never changes under its id, so clients may keep it for ever and ask for parts of it.

use std::sync::Arc;

use ::assets::{THUMBNAIL_MEDIA_TYPE, THUMBNAIL_WIDTHS_PX};
use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    AssetId,
    asset::{Asset, AssetRef},
    problem::{Problem, ProblemCode},
};

use super::range::{Wanted, is_known, wanted};
use crate::http::{Api, id::Id, problem::Error, query::Query};

const KEEP: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// Even if a browser took a file for a page, nothing in it would run.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");
/// What a browser may show in place. Everything else it must save.
const SHOWN: [&str; 8] =
    ["image/png", "image/jpeg", "image/webp", "video/mp4", "video/webm", "audio/wav", "audio/flac", "audio/mpeg"];

/// Returns the bytes of a file, a part of them, or a thumbnail.
#[utoipa::path(get, path = "/api/assets/{id}", tag = "assets",
    params(
        ("id" = AssetId, Path, description = "Which file."),
        ("w" = Option<u32>, Query, description = "A thumbnail of a picture, so wide: 160, 320, 640 or 1024 pixels."),
        ("Range" = Option<String>, Header, example = "bytes=0-1023", description = "Which part."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the file that the client has."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the file of which the client has a part."),
    ),
    responses(
        (status = 200, description = "The file.", content_type = "*/*", body = Vec<u8>, headers(("ETag" = String))),
        (status = 206, description = "The part.", content_type = "*/*", body = Vec<u8>,
            headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "The client has it already."),
        (status = 416, description = "The part lies outside the file.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn download_asset(
    State(api): State<Arc<Api>>,
    Id(id): Id<AssetId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&api, &Method::GET, id, query.as_deref(), &headers).await
}

/// Returns the headers of a file without its bytes.
#[utoipa::path(head, path = "/api/assets/{id}", tag = "assets",
    params(
        ("id" = AssetId, Path, description = "Which file."),
        ("w" = Option<u32>, Query, description = "A thumbnail of a picture, so wide: 160, 320, 640 or 1024 pixels."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the file that the client has."),
    ),
    responses(
        (status = 200, description = "The file.", headers(("ETag" = String), ("Content-Length" = u64))),
        (status = 304, description = "The client has it already."),
    ))]
pub(crate) async fn look_at_asset(
    State(api): State<Arc<Api>>,
    Id(id): Id<AssetId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&api, &Method::HEAD, id, query.as_deref(), &headers).await
}

/// Returns a file, a part of it or a thumbnail, as the headers and the query ask for it.
pub(crate) async fn answer(
    api: &Api,
    method: &Method,
    id: AssetId,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let mut query = Query::new(query);
    let width_px = query.one_of("w", &THUMBNAIL_WIDTHS_PX);
    query.finish()?;
    let asset = api.db.find_asset(id).await?;
    let Asset { file, .. } = asset.ok_or_else(|| Error::not_found(format!("there is no file {id}")))?;
    let mut response = match width_px {
        Some(width_px) => thumbnail(api, &file, width_px, headers).await?,
        None => whole_or_part(api, method, &file, headers).await?,
    };
    let always = [
        (header::CACHE_CONTROL, KEEP),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::CONTENT_DISPOSITION, disposition(&file)),
        (header::ACCEPT_RANGES, HeaderValue::from_static(if width_px.is_some() { "none" } else { "bytes" })),
    ];
    response.headers_mut().extend(always);
    Ok(response)
}

async fn whole_or_part(api: &Api, method: &Method, file: &AssetRef, headers: &HeaderMap) -> Result<Response, Error> {
    let etag = format!("\"{}\"", file.blake3);
    if is_known(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let size_bytes = file.size_bytes;
    // A range is a matter of GET alone.
    let part = if *method == Method::GET { wanted(headers, &etag, size_bytes) } else { Wanted::Whole };
    let (status, range) = match part {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Wanted::Unsatisfiable => {
            let detail = format!("the file has {size_bytes} bytes, and the range lies outside of them");
            let error = Error::new(ProblemCode::RangeNotSatisfiable, detail);
            return Err(match HeaderValue::try_from(format!("bytes */{size_bytes}")) {
                Ok(value) => error.header(header::CONTENT_RANGE, value),
                Err(_) => error,
            });
        }
    };
    let length = range.as_ref().map_or(size_bytes, |range| range.end - range.start);
    let content_range = range.as_ref().map(|range| format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1));
    let body = match *method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(api.assets.stream(&file.blake3, range).await?),
    };
    let fixed = [
        (header::ETAG, etag),
        (header::CONTENT_TYPE, file.media_type.clone()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    let mut response = (status, fixed, body).into_response();
    if let Some(value) = content_range.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

async fn thumbnail(api: &Api, file: &AssetRef, width_px: u32, headers: &HeaderMap) -> Result<Response, Error> {
    let etag = format!("\"{}-w{width_px}\"", file.blake3);
    if is_known(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let bytes = api.assets.thumbnail(&file.blake3, width_px).await?;
    let fixed = [(header::ETAG, etag), (header::CONTENT_TYPE, THUMBNAIL_MEDIA_TYPE.to_owned())];
    Ok((fixed, bytes).into_response())
}

/// Returns under which name a browser saves the file, and whether it may show it in place.
fn disposition(file: &AssetRef) -> HeaderValue {
    let is_shown = SHOWN.contains(&file.media_type.as_str());
    let ending = file.media_type.rsplit('/').next().filter(|_| is_shown).unwrap_or("bin");
    let how = if is_shown { "inline" } else { "attachment" };
    let value = HeaderValue::try_from(format!("{how}; filename=\"{}.{ending}\"", file.id));
    value.unwrap_or(HeaderValue::from_static("attachment"))
}
