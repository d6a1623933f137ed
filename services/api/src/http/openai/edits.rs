//! `POST /v1/images/edits`: pictures from other pictures and words.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::{
    model::Family,
    spec::{JobKind, image_to_image::Fit},
};
use serde_json::{Value, json};

use super::{
    answer::{Act, respond},
    asked::Asked,
};
use crate::http::{
    Api,
    access::Caller,
    compat::{
        fields::Fields,
        pictures::{Mask, Picture, from_base64},
        work::Order,
    },
    problem::Error,
    submission::unusable_model,
};

/// Changes a picture, all of it or where a mask is transparent, or makes one from several.
pub(crate) async fn edit(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let headers = request.headers().clone();
    let mut fields = Fields::read(&api, request).await?;
    let asked = Asked::read(&mut fields);
    let images = pictures(&fields, "image")?;
    let mask = pictures(&fields, "mask")?.pop();
    if fields.value("prompt").is_none() {
        fields.refuse("prompt", "prompt is required: what to make of the picture");
    }
    if images.is_empty() {
        fields.refuse("image", "image is required: the picture to change");
    }
    if mask.is_some() && images.len() > 1 {
        fields.refuse("mask", "a mask can be used with one picture only");
    }
    fields.finish()?;
    let request = fields.fingerprint("edits");
    let order = order(&api, &asked, images, mask).await?;
    respond(&api, &caller, &headers, &asked, order, Act { name: "image_edit", request }).await
}

/// Returns the pictures of this name: files of a form, or base64 and `data:` URLs in JSON.
pub(super) fn pictures(fields: &Fields, name: &str) -> Result<Vec<Picture>, Error> {
    let files = fields.files(name);
    if !files.is_empty() {
        return Ok(files.into_iter().map(|bytes| Picture { name: name.to_owned(), bytes }).collect());
    }
    let plural = format!("{name}s");
    let given = fields.value(name).or_else(|| fields.value(&plural));
    let listed = match given {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let text = |value: &Value| value["image_url"].as_str().or(value.as_str()).map(str::to_owned);
    listed.into_iter().map(|value| from_base64(name, &text(value).unwrap_or_default())).collect()
}

async fn order(api: &Api, asked: &Asked, mut images: Vec<Picture>, mask: Option<Picture>) -> Result<Order, Error> {
    let mut fields = asked.fields.clone();
    if let Some(mask) = mask {
        let mut mask = mask.into_mask(api, Mask::Transparent).await?;
        let mut pictures = Vec::new();
        for image in images {
            let size = match asked.size {
                Some(size) => size,
                None => image.size(api)?,
            };
            let image = image.fitted(api, size, Fit::Crop).await?;
            mask = mask.fitted(api, size, Fit::Crop).await?;
            pictures.push(("image", image));
        }
        pictures.push(("mask", mask));
        fields.extend(asked.strength.map(|strength| ("strength".to_owned(), json!(strength))));
        return Ok(Order { kind: JobKind::Inpaint, fields, pictures });
    }
    if let Some((width, height)) = asked.size {
        fields.insert("width".to_owned(), width.into());
        fields.insert("height".to_owned(), height.into());
    }
    if images.len() > 1 || follows_instructions(api, fields.get("model").and_then(Value::as_str)).await? {
        let pictures = images.into_iter().map(|image| ("images", image)).collect();
        return Ok(Order { kind: JobKind::ImageEdit, fields, pictures });
    }
    fields.extend(asked.strength.map(|strength| ("strength".to_owned(), json!(strength))));
    let pictures = images.pop().map(|image| ("image", image)).into_iter().collect();
    Ok(Order { kind: JobKind::ImageToImage, fields, pictures })
}

/// Returns whether the model was made to change pictures by instructions. The others begin with the picture and repaint it.
async fn follows_instructions(api: &Api, model: Option<&str>) -> Result<bool, Error> {
    let chosen = api.models.choose(model).await.map_err(unusable_model)?;
    let name = chosen.id.to_lowercase();
    Ok(match chosen.family {
        Family::Flux2 => true,
        Family::Flux => name.contains("kontext"),
        Family::QwenImage => name.contains("edit"),
        _ => false,
    })
}
