//! Answers with pictures: whole, or as a stream.

use std::{sync::Arc, time::Duration};

use axum::{http::HeaderMap, response::Response};
use serde_json::{Value, json};

use super::{asked::Asked, errors, stream};
use crate::http::{
    Api,
    access::Caller,
    compat::{
        attendance::{Door, Visitor},
        pictures::to_base64,
        work::{Made, Order, Outcome, Work, cancelled},
    },
    links,
    problem::Error,
    slow,
};

/// Clients of this kind say how often they have tried before, and come back within a second or two.
const RETRY_COUNT: &str = "x-stainless-retry-count";
const COMES_BACK_WITHIN: Duration = Duration::from_secs(3);

/// Which route was asked.
pub(crate) struct Act {
    /// How its events begin.
    pub(crate) name: &'static str,
    /// What was asked for, for those who repeat themselves.
    pub(crate) request: blake3::Hash,
}

/// What an answer says of the pictures in it.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) event: &'static str,
    pub(crate) quality: String,
    pub(crate) background: String,
    pub(crate) output_format: &'static str,
    /// Where links lead to, if links were asked for.
    base: Option<String>,
}

/// Submits the job, or finds the one of the same request that was cut off, and answers with its pictures.
pub(crate) async fn respond(
    api: &Arc<Api>,
    caller: &Caller,
    headers: &HeaderMap,
    asked: &Asked,
    order: Order,
    act: Act,
) -> Result<Response, Error> {
    let tries = headers.get(RETRY_COUNT).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let grace = if tries.is_some() { COMES_BACK_WITHIN } else { Duration::ZERO };
    let Act { name, request } = act;
    let visitor = Visitor { door: Door::OpenAi, owner: caller.owner.clone(), request, grace };
    let earlier = match tries {
        Some(1..) => api.attendance.find_repeated(Door::OpenAi, &caller.owner, &request),
        _ => None,
    };
    let joined = match earlier {
        Some(id) => Work::join(api, id, visitor.clone()).await?,
        None => None,
    };
    let work = match joined {
        Some(work) => work,
        None => Work::submit(api, caller, order, visitor).await?,
    };
    let manner = Manner {
        event: name,
        quality: asked.quality.clone(),
        background: asked.background.clone(),
        output_format: asked.output_format,
        base: asked.wants_url.then(|| links::base(headers)),
    };
    match asked.partial_images {
        Some(partial_images) => stream::answer(work, caller.clone(), manner, partial_images).await,
        None => slow::answer(whole(work, manner), |error| errors::late(&error)).await,
    }
}

async fn whole(mut work: Work, manner: Manner) -> Result<Value, Error> {
    let Outcome::Made(made) = work.end().await? else { return Err(cancelled()) };
    let mut data = Vec::with_capacity(made.len());
    for one in &made {
        data.push(match &manner.base {
            Some(base) => json!({ "url": format!("{base}{}", links::sign(&work.api, one.file.id).await?) }),
            None => json!({ "b64_json": to_base64(&one.bytes) }),
        });
    }
    Ok(json!({
        "created": work.job.submitted_at.unix_timestamp(),
        "data": data,
        "background": manner.background,
        "output_format": manner.output_format,
        "quality": manner.quality,
        "size": made.first().map_or("auto".to_owned(), size),
        "usage": usage(),
    }))
}

/// Returns the size of a picture in the words of OpenAI.
pub(crate) fn size(made: &Made) -> String {
    format!("{}x{}", made.file.width.unwrap_or(0), made.file.height.unwrap_or(0))
}

/// Nothing is paid for here, and clients want to see numbers.
pub(crate) fn usage() -> Value {
    json!({
        "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
        "input_tokens_details": { "image_tokens": 0, "text_tokens": 0 },
        "output_tokens_details": { "image_tokens": 0, "text_tokens": 0 },
    })
}
