//! `POST /v1/images/variations`: other pictures like this one.

use std::sync::Arc;

use ::assets::metadata::{find_recipe, read_texts};
use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::spec::JobKind;
use serde_json::json;

use super::{
    answer::{Act, respond},
    asked::Asked,
    edits::pictures,
};
use crate::http::{
    Api,
    access::Caller,
    compat::{fields::Fields, work::Order},
    problem::Error,
};

/// What a picture shows that does not say it itself.
const ANY_PICTURE: &str = "a picture";

/// Repaints a picture, as far as `strength` says. Many a picture says what it shows.
pub(crate) async fn vary(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let headers = request.headers().clone();
    let mut fields = Fields::read(&api, request).await?;
    let asked = Asked::read(&mut fields);
    let mut images = pictures(&fields, "image")?;
    if images.len() != 1 {
        fields.refuse("image", "image is required: the one picture to vary");
    }
    fields.finish()?;
    let mut job = asked.fields.clone();
    if !job.contains_key("prompt") {
        let said = images.first().and_then(|image| find_recipe(&read_texts(&image.bytes)).spec);
        let prompt = said.as_ref().and_then(|spec| spec.painting()).map(|painting| painting.prompt.clone());
        job.insert("prompt".to_owned(), prompt.unwrap_or_else(|| ANY_PICTURE.to_owned()).into());
    }
    if let Some((width, height)) = asked.size {
        job.insert("width".to_owned(), width.into());
        job.insert("height".to_owned(), height.into());
    }
    job.extend(asked.strength.map(|strength| ("strength".to_owned(), json!(strength))));
    let pictures = images.pop().map(|image| ("image", image)).into_iter().collect();
    let order = Order { kind: JobKind::ImageToImage, fields: job, pictures };
    let act = Act { name: "image_generation", request: fields.fingerprint("variations") };
    respond(&api, &caller, &headers, &asked, order, act).await
}
