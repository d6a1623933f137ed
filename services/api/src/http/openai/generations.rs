//! `POST /v1/images/generations`: pictures from words.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::spec::JobKind;

use super::{
    answer::{Act, respond},
    asked::Asked,
};
use crate::http::{
    Api,
    access::Caller,
    compat::{fields::Fields, work::Order},
    problem::Error,
};

/// Paints pictures from words.
pub(crate) async fn generate(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let headers = request.headers().clone();
    let mut fields = Fields::read(&api, request).await?;
    let asked = Asked::read(&mut fields);
    if fields.value("prompt").is_none() {
        fields.refuse("prompt", "prompt is required: what the picture shows");
    }
    fields.finish()?;
    let mut job = asked.fields.clone();
    if let Some((width, height)) = asked.size {
        job.insert("width".to_owned(), width.into());
        job.insert("height".to_owned(), height.into());
    }
    let order = Order { kind: JobKind::TextToImage, fields: job, pictures: Vec::new() };
    let act = Act { name: "image_generation", request: fields.fingerprint("generations") };
    respond(&api, &caller, &headers, &asked, order, act).await
}
