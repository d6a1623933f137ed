//! What `txt2img` and `img2img` have in common.

use ::assets::metadata::names::{find_sampler, find_scheduler};
use contract::spec::Hires;
use serde_json::{Map, Value, json};

use super::options;
use crate::http::{Api, compat::fields::Fields, problem::Error};

/// The most pictures of one request.
const MOST_PICTURES: i64 = 16;
/// What programs say that leave a choice to the server.
const AUTOMATIC: [&str; 2] = ["automatic", "use same scheduler"];

/// Reads the fields that all painted pictures share. What is wrong is noted in `fields`.
pub(super) async fn read(api: &Api, fields: &mut Fields) -> Result<Map<String, Value>, Error> {
    let mut job = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        job.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("prompt", fields.text("prompt").map(Value::from));
    if fields.value("prompt").is_none() {
        fields.refuse("prompt", "prompt is required: what the picture shows");
    }
    put("negative_prompt", fields.text("negative_prompt").map(Value::from));
    put("steps", fields.whole("steps").map(Value::from));
    put("cfg_scale", fields.number("cfg_scale").map(|scale| json!(scale)));
    put("eta", fields.number("eta").map(|eta| json!(eta)));
    // -1 is a random one.
    put("seed", fields.whole("seed").filter(|seed| *seed >= 0).map(Value::from));
    let count = fields.whole("batch_size").unwrap_or(1).saturating_mul(fields.whole("n_iter").unwrap_or(1));
    if !(1..=MOST_PICTURES).contains(&count) {
        fields.refuse("n_iter", format!("batch_size times n_iter must be from 1 to {MOST_PICTURES}"));
    }
    put("batch_count", Some(count.into()));
    let (sampler, scheduler) = read_sampling(fields);
    put("sampler", sampler);
    put("scheduler", scheduler);

    let mut overrides = match fields.json("override_settings") {
        Some(value @ Value::Object(_)) => Fields::from_value(value)?,
        _ => Fields::default(),
    };
    put("clip_skip", overrides.whole("CLIP_stop_at_last_layers").map(Value::from));
    let model = match overrides.text("sd_model_checkpoint") {
        Some(title) => Some(options::model_of(api, &title).await?),
        None => options::chosen_model(api).await?,
    };
    put("model", model.map(Value::from));
    Ok(job)
}

/// Reads sampler and scheduler. `sampler_index` is the name of older programs.
fn read_sampling(fields: &mut Fields) -> (Option<Value>, Option<Value>) {
    let named = fields.text("sampler_name").or_else(|| fields.text("sampler_index"));
    let (mut sampler, mut scheduler) = (None, None);
    if let Some(name) = named.filter(|name| !AUTOMATIC.contains(&name.to_lowercase().as_str())) {
        match find_sampler(&name) {
            Some((found, schedule)) => {
                sampler = Some(json!(found));
                scheduler = schedule.map(|schedule| json!(schedule));
            }
            None => {
                fields.refuse("sampler_name", "this sampler is not there: GET /sdapi/v1/samplers lists those that are");
            }
        }
    }
    if let Some(name) = fields.text("scheduler").filter(|name| !AUTOMATIC.contains(&name.to_lowercase().as_str())) {
        match find_scheduler(&name) {
            Some(found) => scheduler = Some(json!(found)),
            None => {
                fields
                    .refuse("scheduler", "this scheduler is not there: GET /sdapi/v1/schedulers lists those that are");
            }
        }
    }
    (sampler, scheduler)
}

/// Reads a second pass, if one was asked for.
pub(super) fn read_hires(fields: &mut Fields, width: Option<i64>) -> Option<Value> {
    if !fields.flag("enable_hr") {
        return None;
    }
    let mut hires = Map::new();
    let wanted_width = fields.number("hr_resize_x").filter(|width| *width > 0.0);
    #[expect(clippy::cast_precision_loss, reason = "a width in pixels")]
    let scale = match (wanted_width, width) {
        (Some(wanted), Some(width)) if width > 0 => Some(wanted / width as f64),
        _ => fields.number("hr_scale"),
    };
    hires.extend(scale.map(|scale| ("scale".to_owned(), json!(scale))));
    hires.extend(fields.text("hr_upscaler").map(|name| ("upscaler".to_owned(), upscaler(&name).into())));
    hires.extend(fields.whole("hr_second_pass_steps").map(|steps| ("steps".to_owned(), steps.into())));
    hires.extend(fields.number("denoising_strength").map(|strength| ("strength".to_owned(), json!(strength))));
    Some(Value::Object(hires))
}

/// Returns our name for a way to enlarge: `Latent (bicubic antialiased)` is `latent_bicubic_antialiased`.
fn upscaler(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().filter(|character| !"()".contains(*character)).collect();
    let plain = plain.replace([' ', '-'], "_");
    match plain.as_str() {
        "none" => "lanczos".to_owned(),
        known if Hires::BUILT_IN.contains(&known) => plain,
        _ => name.to_owned(),
    }
}

/// Returns the name that A1111 has for one of the engine's own ways to enlarge.
pub(super) fn upscaler_title(name: &str) -> String {
    let mut words = name.split('_');
    let mut title = words.next().unwrap_or_default().to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let rest: Vec<_> = words.collect();
    match rest.as_slice() {
        [] => title,
        ["nearest", "exact"] => format!("{title} (nearest-exact)"),
        rest => format!("{title} ({})", rest.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_enlarge_has_a_title_that_is_understood() {
        for name in Hires::BUILT_IN {
            assert_eq!(upscaler(&upscaler_title(name)), *name);
        }
        assert_eq!(upscaler_title("latent_bicubic_antialiased"), "Latent (bicubic antialiased)");
        assert_eq!(upscaler("RealESRGAN_x4plus"), "RealESRGAN_x4plus");
    }
}
