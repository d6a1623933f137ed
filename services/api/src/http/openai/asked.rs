//! What all requests for pictures have in common.

use ::assets::metadata::names::{find_sampler, find_scheduler, sampler_name, scheduler_name};
use contract::spec::sampling::{Sampler, Scheduler};
use serde_json::{Map, Value, json};

use crate::http::compat::fields::Fields;

/// The most pictures of one request.
const MOST_PICTURES: i64 = 10;
/// The most partial pictures of a stream.
const MOST_PARTIAL: i64 = 3;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The fields of our job that are common to all kinds.
    pub(crate) fields: Map<String, Value>,
    pub(crate) size: Option<(u32, u32)>,
    /// How much of a given picture is painted anew.
    pub(crate) strength: Option<f64>,
    /// How many partial pictures of a stream; none if the answer comes whole.
    pub(crate) partial_images: Option<u32>,
    pub(crate) wants_url: bool,
    /// What the answer says of itself.
    pub(crate) quality: String,
    pub(crate) background: String,
    pub(crate) output_format: &'static str,
}

impl Asked {
    /// Reads the fields. What is wrong is noted in them.
    pub(crate) fn read(fields: &mut Fields) -> Self {
        let mut job = Map::new();
        for name in ["prompt", "negative_prompt", "model"] {
            job.extend(fields.text(name).map(|text| (name.to_owned(), text.into())));
        }
        let n = fields.whole("n").unwrap_or(1);
        if !(1..=MOST_PICTURES).contains(&n) {
            fields.refuse("n", format!("n must be from 1 to {MOST_PICTURES}"));
        }
        job.insert("batch_count".to_owned(), n.into());
        // Others say -1 for a random one.
        job.extend(fields.whole("seed").filter(|seed| *seed >= 0).map(|seed| ("seed".to_owned(), seed.into())));
        job.extend(fields.whole("steps").map(|steps| ("steps".to_owned(), steps.into())));
        job.extend(fields.number("cfg_scale").map(|scale| ("cfg_scale".to_owned(), json!(scale))));
        job.extend(fields.json("loras").map(|loras| ("loras".to_owned(), loras)));
        read_sampling(fields, &mut job);
        let output_format = read_output(fields, &mut job);

        let background = fields.text("background").unwrap_or_else(|| "auto".to_owned());
        if background == "transparent" {
            fields.refuse("background", "pictures here have no transparent background: leave background out");
        }
        let wants_url = match fields.text("response_format").as_deref() {
            None | Some("b64_json") => false,
            Some("url") => true,
            Some(_) => {
                fields.refuse("response_format", "response_format must be url or b64_json");
                false
            }
        };
        let partial_images = fields.whole("partial_images").unwrap_or(0);
        if !(0..=MOST_PARTIAL).contains(&partial_images) {
            fields.refuse("partial_images", format!("partial_images must be from 0 to {MOST_PARTIAL}"));
        }
        Self {
            fields: job,
            size: read_size(fields),
            strength: fields.number("strength"),
            partial_images: fields.flag("stream").then_some(u32::try_from(partial_images).unwrap_or(0)),
            wants_url,
            quality: fields.text("quality").unwrap_or_else(|| "auto".to_owned()),
            background: if background == "opaque" { background } else { "opaque".to_owned() },
            output_format,
        }
    }
}

/// Reads `size`: `WIDTHxHEIGHT`, or `auto` for what suits the model.
fn read_size(fields: &mut Fields) -> Option<(u32, u32)> {
    let text = fields.text("size").filter(|text| text != "auto")?;
    let sides = text.split_once(['x', 'X', '×']);
    let size = sides.and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)));
    let is_fit = |side: &u32| (64..=4096).contains(side) && side.is_multiple_of(16);
    let size = size.filter(|(width, height)| is_fit(width) && is_fit(height));
    if size.is_none() {
        fields.refuse("size", "size must be auto or WIDTHxHEIGHT, each from 64 to 4096 in steps of 16: 1024x1024");
    }
    size
}

/// Reads sampler and scheduler, in our words or in those of A1111.
fn read_sampling(fields: &mut Fields, job: &mut Map<String, Value>) {
    if let Some(name) = fields.text("sampler") {
        match find_sampler(&name) {
            Some((sampler, scheduler)) => {
                job.insert("sampler".to_owned(), json!(sampler));
                job.extend(scheduler.map(|scheduler| ("scheduler".to_owned(), json!(scheduler))));
            }
            None => {
                let names: Vec<_> = Sampler::ALL.iter().map(|sampler| sampler_name(*sampler)).collect();
                fields.refuse("sampler", format!("sampler must be one of {}", names.join(", ")));
            }
        }
    }
    if let Some(name) = fields.text("scheduler") {
        match find_scheduler(&name) {
            Some(scheduler) => drop(job.insert("scheduler".to_owned(), json!(scheduler))),
            None => {
                let names: Vec<_> = Scheduler::ALL.iter().map(|scheduler| scheduler_name(*scheduler)).collect();
                fields.refuse("scheduler", format!("scheduler must be one of {}", names.join(", ")));
            }
        }
    }
}

/// Reads the format of the files and its quality; returns the format.
fn read_output(fields: &mut Fields, job: &mut Map<String, Value>) -> &'static str {
    let format = match fields.text("output_format").map(|format| format.to_lowercase()).as_deref() {
        None | Some("png") => "png",
        Some("jpeg" | "jpg") => "jpeg",
        Some("webp") => "webp",
        Some(_) => {
            fields.refuse("output_format", "output_format must be png, jpeg or webp");
            "png"
        }
    };
    job.insert("format".to_owned(), format.into());
    let compression = fields.whole("output_compression");
    if compression.is_some_and(|compression| !(0..=100).contains(&compression)) {
        fields.refuse("output_compression", "output_compression must be from 0 to 100");
    } else if format != "png" {
        job.extend(compression.map(|compression| ("quality".to_owned(), compression.max(1).into())));
    }
    format
}
