//! `POST /sdapi/v1/img2img`: pictures from other pictures and words, all of them or under a mask.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::spec::{JobKind, image_to_image::Fit};
use serde_json::{Map, Value, json};

use super::{answer, painting};
use crate::http::{
    Api,
    access::Caller,
    compat::{
        fields::Fields,
        pictures::{Mask, Picture, from_base64},
        work::Order,
    },
    problem::Error,
};

/// The side of a picture where the program does not say another.
const USUAL_SIDE_PX: i64 = 512;

/// Repaints a picture.
pub(crate) async fn paint(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let mut job = painting::read(&api, &mut fields).await?;
    job.extend(fields.number("denoising_strength").map(|strength| ("strength".to_owned(), json!(strength))));
    let width = fields.whole("width").unwrap_or(USUAL_SIDE_PX);
    let height = fields.whole("height").unwrap_or(USUAL_SIDE_PX);
    let fit = match fields.whole("resize_mode").unwrap_or(0) {
        0 => Fit::Stretch,
        2 => Fit::Pad,
        _ => Fit::Crop,
    };
    let images = fields.json("init_images").unwrap_or_default();
    let image = match images.as_array().map(Vec::as_slice) {
        Some([Value::String(image)]) => Some(from_base64("init_images", image)?),
        Some([_, _, ..]) => {
            fields.refuse("init_images", "send one picture at a time");
            None
        }
        _ => {
            fields.refuse("init_images", "init_images is required: the picture to begin with, in base64");
            None
        }
    };
    let mask = match fields.text("mask") {
        Some(mask) => Some(from_base64("mask", &mask)?),
        None => None,
    };
    let kind = if fields.flag("inpainting_mask_invert") { Mask::Black } else { Mask::White };
    let blur = fields.whole("mask_blur");
    fields.finish()?;
    let order = match (image, mask) {
        (Some(image), Some(mask)) => {
            job.extend(blur.map(|blur| ("mask_blur".to_owned(), blur.into())));
            let size = check_size(&api, &job, width, height)?;
            let image = image.fitted(&api, size, fit).await?;
            let mask = mask.into_mask(&api, kind).await?.fitted(&api, size, fit).await?;
            Order { kind: JobKind::Inpaint, fields: job, pictures: vec![("image", image), ("mask", mask)] }
        }
        (image, _) => {
            job.insert("width".to_owned(), width.into());
            job.insert("height".to_owned(), height.into());
            job.insert("fit".to_owned(), json!(fit));
            let pictures: Vec<(&'static str, Picture)> = image.map(|image| ("image", image)).into_iter().collect();
            Order { kind: JobKind::ImageToImage, fields: job, pictures }
        }
    };
    answer::respond(&api, &caller, fields, order).await
}

/// Returns the size, once it is known that a picture of ours may have it: before anything is resampled.
fn check_size(api: &Api, job: &Map<String, Value>, width: i64, height: i64) -> Result<(u32, u32), Error> {
    let text = json!({ "prompt": job.get("prompt"), "width": width, "height": height });
    let body = serde_json::to_vec(&text).map_err(Error::internal)?;
    api.schemas.read_spec(JobKind::TextToImage, &body)?;
    Ok((u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0)))
}
