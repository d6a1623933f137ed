//! When each part of a job was done, and how long it took.

use contract::job::Job;
use time::{Duration, OffsetDateTime};

use crate::words;

/// One milestone of a job.
#[derive(Debug, PartialEq)]
struct Milestone {
    name: &'static str,
    at: OffsetDateTime,
    /// Since the milestone before; none for the first.
    took: Option<Duration>,
}

/// Returns the milestones, a line each; empty for a job that has made nothing.
pub(crate) fn lines(job: &Job) -> Vec<String> {
    let milestones = milestones(job);
    let Some((first, last)) = milestones.first().zip(milestones.last()) else { return Vec::new() };
    let total = last.at - first.at;
    let mut lines: Vec<_> = milestones
        .iter()
        .map(|it| match it.took {
            None => format!("  {:<10} {}", it.name, words::moment(it.at)),
            Some(took) => format!("  {:<10} after {}", it.name, words::span(took)),
        })
        .collect();
    lines.push(format!("  {:<10} {}", "in all", words::span(total)));
    lines
}

fn milestones(job: &Job) -> Vec<Milestone> {
    let Some(result) = &job.result else { return Vec::new() };
    let times = &result.timeline;
    let moments = [
        ("submitted", job.submitted_at),
        ("leased", times.leased_at),
        ("loaded", times.loaded_at),
        ("sampled", times.sampled_at),
        ("stored", times.stored_at),
    ];
    let mut before = None;
    moments
        .into_iter()
        .map(|(name, at)| {
            let took = before.replace(at).map(|before| at - before);
            Milestone { name, at, took }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A job as the server returns it when all went well.
    pub(crate) fn finished_job() -> Job {
        serde_json::from_value(serde_json::json!({
            "id": "01980000-0000-7000-8000-000000000001", "kind": "text_to_image", "state": "succeeded",
            "spec": { "kind": "text_to_image", "prompt": "a  lighthouse\nat dawn", "seed": 7 },
            "priority": "normal", "cancel_requested": false, "attempts": 1, "max_attempts": 3,
            "submitted_at": "2026-01-02T03:04:05.000Z", "started_at": "2026-01-02T03:04:05.030Z", "ended_at": "2026-01-02T03:04:09.100Z",
            "result": {
                "assets": [{ "id": "01980000-0000-7000-8000-000000000002", "blake3": "0".repeat(64), "media_type": "image/png",
                             "size_bytes": 98_304, "width": 256, "height": 256 }],
                "engine": "stable-diffusion.cpp",
                "timeline": { "leased_at": "2026-01-02T03:04:05.030Z", "loaded_at": "2026-01-02T03:04:05.880Z",
                              "sampled_at": "2026-01-02T03:04:08.980Z", "stored_at": "2026-01-02T03:04:09.030Z", "engine_s": 3.1 },
            },
        }))
        .unwrap()
    }

    /// The same, where memory had to be saved.
    pub(crate) fn measured_job() -> Job {
        let measure = serde_json::json!({
            "step": "vae_tiling", "reason": "out_of_memory",
            "message": "pixels were decoded in tiles, because memory ran out without it",
        });
        let mut job = finished_job();
        job.result.as_mut().unwrap().measures = vec![serde_json::from_value(measure).unwrap()];
        job
    }

    #[test]
    fn each_part_says_how_long_it_took() {
        let lines = lines(&finished_job());
        assert_eq!(
            lines[1..],
            [
                "  leased     after 0.03 s",
                "  loaded     after 0.85 s",
                "  sampled    after 3.10 s",
                "  stored     after 0.05 s",
                "  in all     4.03 s",
            ]
        );
    }

    #[test]
    fn a_job_without_a_result_has_no_timeline() {
        assert!(lines(&Job { result: None, ..finished_job() }).is_empty());
    }
}
