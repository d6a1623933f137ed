//! How far the job is that a program waits for, and its interruption.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
};
use contract::{
    JobId,
    job::{Job, JobState},
    preview::Preview,
};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    http::{
        Api,
        access::Caller,
        compat::{attendance::Door, pictures::to_base64},
        problem::Error,
    },
    live::fill_in_progress,
};

/// Returns how far the job is that runs, or the first that waits, of those that came through this door with this key.
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Error> {
    let mut jobs = Vec::new();
    for id in api.attendance.waited_for(Door::A1111, &caller.owner) {
        jobs.extend(api.db.find_job(id).await?.filter(|job| !job.state.is_end()));
    }
    fill_in_progress(&api.queue, &mut jobs).await;
    let job = jobs.iter().find(|job| job.state == JobState::Running).or(jobs.first());
    let mut pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let is_unwanted = pairs.any(|(name, value)| name == "skip_current_image" && value.eq_ignore_ascii_case("true"));
    let picture = match job {
        Some(job) if !is_unwanted => current_image(&api, job.id).await,
        _ => None,
    };
    Ok(Json(described(job, picture.as_deref())))
}

fn described(job: Option<&Job>, current_image: Option<&str>) -> Value {
    let progress = job.and_then(|job| job.progress.as_ref());
    json!({
        "progress": progress.map_or(0.0, |progress| progress.fraction),
        "eta_relative": progress.and_then(|progress| progress.remaining_s).unwrap_or(0.0),
        "state": {
            "skipped": false,
            "interrupted": job.is_some_and(|job| job.cancel_requested),
            "stopping_generation": false,
            "job": job.map_or("", |job| job.kind.as_str()),
            "job_count": job.map_or(0, |job| job.spec.painting().map_or(1, |painting| painting.batch_count)),
            "job_timestamp": job.map_or("0".to_owned(), |job| job.submitted_at.unix_timestamp().to_string()),
            "job_no": 0,
            "sampling_step": progress.map_or(0, |progress| progress.step),
            "sampling_steps": progress.map_or(0, |progress| progress.steps),
        },
        "current_image": current_image,
        "textinfo": null,
    })
}

/// Returns the latest preview, if the queue has one. Without it, the rest of the answer is as good.
async fn current_image(api: &Api, job: JobId) -> Option<String> {
    let frame = api.queue.last_preview(job).await.ok().flatten()?;
    Preview::decode(&frame).map(|preview| to_base64(preview.jpeg))
}

/// Cancels all jobs that somebody waits for at this door with this key. `skip` does the same: a job is painted as a whole.
pub(crate) async fn interrupt(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Error> {
    for id in api.attendance.waited_for(Door::A1111, &caller.owner) {
        if let Ok(Some(frame)) = api.queue.last_preview(id).await {
            api.attendance.keep_preview(id, frame);
        }
        api.dispatch.cancel_job(id).await?;
    }
    Ok(Json(json!({})))
}
