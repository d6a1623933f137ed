//! Answers with pictures: `images` in base64, and `info`, which is JSON in a text.

use std::{sync::Arc, time::Duration};

use ::assets::metadata::{A1111_KEYWORD, names::sampler_name, read_texts};
use axum::response::Response;
use contract::{job::Job, preview::Preview, spec::Painting};
use serde_json::{Map, Value, json};

use super::errors;
use crate::http::{
    Api,
    access::Caller,
    compat::{
        attendance::{Door, Visitor},
        fields::Fields,
        pictures::to_base64,
        work::{Made, Order, Outcome, Work},
    },
    problem::Error,
    slow,
};

/// Returns who asks.
pub(super) fn visitor(caller: &Caller, fields: &Fields) -> Visitor {
    Visitor {
        door: Door::A1111,
        owner: caller.owner.clone(),
        request: fields.fingerprint("sdapi"),
        grace: Duration::ZERO,
    }
}

/// Submits the job, and answers with its pictures once they are there.
pub(super) async fn respond(api: &Arc<Api>, caller: &Caller, fields: Fields, order: Order) -> Result<Response, Error> {
    let work = Work::submit(api, caller, order, visitor(caller, &fields)).await?;
    // What was asked for comes back, without the pictures.
    let parameters = fields.all_but(&["init_images", "mask"]);
    slow::answer(whole(work, parameters), |error| errors::late(&error)).await
}

async fn whole(mut work: Work, parameters: Map<String, Value>) -> Result<Value, Error> {
    let outcome = work.end().await?;
    let (images, infotexts): (Vec<String>, Vec<String>) = match &outcome {
        Outcome::Made(made) => made.iter().map(|one| (to_base64(&one.bytes), infotext(one))).unzip(),
        Outcome::Cancelled => {
            // Who interrupts gets the picture as far as it was.
            let frame = work.api.attendance.take_preview(work.job.id);
            let preview = frame.as_deref().and_then(Preview::decode).map(|preview| to_base64(preview.jpeg));
            preview.map(|preview| (preview, String::new())).into_iter().unzip()
        }
    };
    let info = info(&work.job, &outcome, &infotexts);
    Ok(json!({ "images": images, "parameters": parameters, "info": info.to_string() }))
}

/// Returns what a picture says about how it was made.
fn infotext(made: &Made) -> String {
    let texts = read_texts(&made.bytes).into_iter();
    texts.filter(|text| text.keyword == A1111_KEYWORD).map(|text| text.text).next().unwrap_or_default()
}

fn info(job: &Job, outcome: &Outcome, infotexts: &[String]) -> Value {
    let Some(painting) = job.spec.painting() else { return json!({}) };
    let Painting { prompt, negative_prompt, steps, cfg_scale, batch_count, clip_skip, .. } = painting;
    let (first, count) = (painting.seed.unwrap_or(0), usize::try_from(*batch_count).unwrap_or(1));
    let seeds: Vec<u32> = (0..*batch_count).map(|number| first.wrapping_add(number)).collect();
    let sizes = match outcome {
        Outcome::Made(made) => made.first().map(|one| (one.file.width, one.file.height)),
        Outcome::Cancelled => None,
    };
    let (width, height) = sizes.unwrap_or_default();
    json!({
        "prompt": prompt,
        "all_prompts": vec![prompt; count],
        "negative_prompt": negative_prompt,
        "all_negative_prompts": vec![negative_prompt; count],
        "seed": first,
        "all_seeds": seeds,
        "subseed": first,
        "all_subseeds": seeds,
        "subseed_strength": 0,
        "width": width.unwrap_or(0),
        "height": height.unwrap_or(0),
        "sampler_name": painting.sampler.map_or("Automatic", sampler_name),
        "cfg_scale": cfg_scale,
        "steps": steps,
        "batch_size": batch_count,
        "restore_faces": false,
        "face_restoration_model": null,
        "sd_model_name": painting.model,
        "sd_model_hash": null,
        "sd_vae_name": null,
        "sd_vae_hash": null,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": null,
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": infotexts,
        "styles": [],
        "job_timestamp": job.submitted_at.unix_timestamp().to_string(),
        "clip_skip": clip_skip,
        "is_using_inpainting_conditioning": false,
        "version": concat!("atelier ", env!("CARGO_PKG_VERSION")),
        "interrupted": matches!(outcome, Outcome::Cancelled),
    })
}
