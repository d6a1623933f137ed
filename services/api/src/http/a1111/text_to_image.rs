//! `POST /sdapi/v1/txt2img`: pictures from words.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::spec::JobKind;

use super::{answer, painting};
use crate::http::{
    Api,
    access::Caller,
    compat::{fields::Fields, work::Order},
    problem::Error,
};

/// Paints pictures from words.
pub(crate) async fn paint(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let mut job = painting::read(&api, &mut fields).await?;
    let (width, height) = (fields.whole("width"), fields.whole("height"));
    job.extend(width.map(|width| ("width".to_owned(), width.into())));
    job.extend(height.map(|height| ("height".to_owned(), height.into())));
    job.extend(painting::read_hires(&mut fields, width.or(Some(512))).map(|hires| ("hires".to_owned(), hires)));
    fields.finish()?;
    let order = Order { kind: JobKind::TextToImage, fields: job, pictures: Vec::new() };
    answer::respond(&api, &caller, fields, order).await
}
