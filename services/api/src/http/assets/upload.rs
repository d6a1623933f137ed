//! Uploads: pictures, by multipart form or as base64 in JSON. What they are is decided by their bytes, never by their name.

use std::sync::Arc;

use ::assets::picture::Limits;
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{FromRequest, Multipart, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use contract::{
    asset::{Asset, UploadAsset},
    problem::{Problem, ProblemCode},
};

use crate::http::{
    Api,
    access::Caller,
    body::{is_json, media_type, read_json, too_large},
    form::{in_time, read_part},
    problem::Error,
    submission::refused,
};

/// The name of the one field of the form.
const FIELD: &str = "file";
/// JSON around the base64.
const JSON_BYTES: usize = 1024;
/// Base64 as the world writes it: with or without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A multipart form with one file.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only described: the form is read piece by piece")]
pub(crate) struct UploadForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Stores a picture: PNG, JPEG or WebP.
///
/// It is decoded before it is stored; what is cut off or broken is refused. Of an animation the first frame counts.
#[utoipa::path(post, path = "/api/assets", tag = "assets",
    request_body(content((UploadForm = "multipart/form-data"), (UploadAsset = "application/json"))),
    responses(
        (status = 201, description = "The stored file.", body = Asset, headers(("Location" = String))),
        (status = 422, description = "It is no picture that can be used, or too large in pixels.",
            content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn upload_asset(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let bytes = if is_json(request.headers()) {
        from_json(&api, request).await?
    } else if media_type(request.headers()) == "multipart/form-data" {
        from_form(&api, request).await?
    } else {
        let detail =
            "send the picture as multipart/form-data with the field `file`, or as JSON: {\"data\":\"<base64>\"}";
        return Err(Error::new(ProblemCode::UnsupportedMediaType, detail));
    };
    // Nothing is stored before it is known what it is.
    let picture = api.reception.examine(bytes.clone()).await.map_err(|detail| Error::invalid_field("/data", detail))?;
    let stored = api.reception.store_picture(picture.media_type, bytes, &caller.owner).await;
    let asset = stored.map_err(|error| refused(error, false))?;
    let location = format!("/api/assets/{}", asset.file.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(asset)).into_response())
}

/// Returns how large a picture may be.
pub(super) fn limits(api: &Api) -> Limits {
    Limits { pixels: api.config.max_picture_pixels, ..Limits::default() }
}

async fn from_json(api: &Api, request: Request) -> Result<Bytes, Error> {
    let body = read_body(api, request).await?;
    let upload: UploadAsset = api.schemas.read("UploadAsset", &body)?;
    drop(body);
    decode(api, &upload.data)
}

/// Reads JSON that may hold a picture.
pub(super) async fn read_body(api: &Api, request: Request) -> Result<Bytes, Error> {
    let (parts, body) = request.into_parts();
    read_json(&parts.headers, body, api.config.max_upload_bytes / 3 * 4 + JSON_BYTES).await
}

/// Returns the bytes of base64, or of a `data:` URL.
pub(super) fn decode(api: &Api, data: &str) -> Result<Bytes, Error> {
    let most_bytes = api.config.max_upload_bytes;
    let Some(decoded) = from_base64(data) else {
        return Err(Error::invalid_field("/data", "data must be base64, or a data: URL with base64"));
    };
    if decoded.len() > most_bytes {
        return Err(too_large(most_bytes));
    }
    Ok(decoded)
}

/// Returns the bytes that base64, or a `data:` URL with base64, stands for.
pub(crate) fn from_base64(text: &str) -> Option<Bytes> {
    let base64 = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, base64)| base64)?,
        None => text,
    };
    BASE64.decode(base64.trim()).ok().map(Bytes::from)
}

/// Returns the file of a form.
pub(super) async fn from_form(api: &Api, request: Request) -> Result<Bytes, Error> {
    let malformed = |detail: &str| Error::new(ProblemCode::MalformedRequest, detail);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| malformed("the form has no boundary that can be read in its Content-Type"))?;
    let mut file = None;
    while let Some(field) = in_time(form.next_field()).await? {
        match field.name() {
            Some(FIELD) if file.is_none() => file = Some(read_part(field, api.config.max_upload_bytes).await?),
            Some(FIELD) => return Err(Error::invalid_field(FIELD, "send one file at a time")),
            _ => return Err(Error::invalid_field(FIELD, "the form must have one field, `file`, and no other")),
        }
    }
    file.ok_or_else(|| Error::invalid_field(FIELD, "file is required: the picture"))
}
