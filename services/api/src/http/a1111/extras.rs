//! `POST /sdapi/v1/extra-single-image` and `extra-batch-images`: larger pictures of the same.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::spec::JobKind;
use serde_json::{Map, Value, json};

use super::{answer::visitor, errors};
use crate::http::{
    Api,
    access::Caller,
    compat::{
        attendance::Visitor,
        fields::Fields,
        pictures::{Picture, from_base64, to_base64},
        work::{Order, Outcome, Work, cancelled},
    },
    problem::Error,
    slow,
};

/// The most pictures of one request.
const MOST_PICTURES: usize = 16;
/// What programs say that want plain resampling.
const PLAIN: [&str; 3] = ["none", "lanczos", "nearest"];

/// How much larger, and by what.
#[derive(Debug, Clone)]
struct Wanted {
    upscaler: Option<String>,
    factor: Option<f64>,
    /// Where the size is wanted and not the factor.
    width: Option<f64>,
}

pub(crate) async fn enlarge_one(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let wanted = Wanted::read(&mut fields);
    let image = fields.text("image").unwrap_or_default();
    fields.finish()?;
    let order = wanted.order(&api, from_base64("image", &image)?)?;
    let work = Work::submit(&api, &caller, order, visitor(&caller, &fields)).await?;
    let making = async { Ok(json!({ "html_info": "", "image": enlarged(work).await? })) };
    slow::answer(making, |error| errors::late(&error)).await
}

pub(crate) async fn enlarge_many(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let wanted = Wanted::read(&mut fields);
    let list = fields.json("imageList").and_then(|list| list.as_array().cloned()).unwrap_or_default();
    if list.is_empty() || list.len() > MOST_PICTURES {
        fields.refuse("imageList", format!("imageList must have from 1 to {MOST_PICTURES} pictures"));
    }
    fields.finish()?;
    let mut orders = Vec::with_capacity(list.len());
    for entry in &list {
        let data = entry["data"].as_str().or(entry.as_str()).unwrap_or_default();
        orders.push(wanted.order(&api, from_base64("imageList", data)?)?);
    }
    let making = enlarged_in_turn(api, caller.clone(), orders, visitor(&caller, &fields));
    slow::answer(making, |error| errors::late(&error)).await
}

async fn enlarged_in_turn(api: Arc<Api>, caller: Caller, orders: Vec<Order>, visitor: Visitor) -> Result<Value, Error> {
    let mut images = Vec::with_capacity(orders.len());
    for order in orders {
        images.push(enlarged(Work::submit(&api, &caller, order, visitor.clone()).await?).await?);
    }
    Ok(json!({ "html_info": "", "images": images }))
}

async fn enlarged(mut work: Work) -> Result<String, Error> {
    let Outcome::Made(made) = work.end().await? else { return Err(cancelled()) };
    let first = made.first().ok_or_else(|| Error::internal(anyhow::anyhow!("an enlarged picture is missing")))?;
    Ok(to_base64(&first.bytes))
}

impl Wanted {
    fn read(fields: &mut Fields) -> Self {
        let named = fields.text("upscaler_1").filter(|name| !PLAIN.contains(&name.to_lowercase().as_str()));
        let by_size = fields.whole("resize_mode") == Some(1);
        Self {
            upscaler: named,
            factor: fields.number("upscaling_resize"),
            width: fields.number("upscaling_resize_w").filter(|width| by_size && *width > 0.0),
        }
    }

    fn order(&self, api: &Api, picture: Picture) -> Result<Order, Error> {
        let (width, _) = picture.size(api)?;
        let factor = self.width.map(|wanted| wanted / f64::from(width.max(1))).or(self.factor);
        let mut fields = Map::new();
        fields.extend(factor.map(|factor| ("factor".to_owned(), json!(factor))));
        fields.extend(self.upscaler.clone().map(|name| ("upscaler".to_owned(), name.into())));
        Ok(Order { kind: JobKind::Upscale, fields, pictures: vec![("image", picture)] })
    }
}
