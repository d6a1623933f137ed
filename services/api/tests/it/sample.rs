//! Things to submit and to finish jobs with.

use api::db::{Membership, NewGroup, NewJob};
use contract::{
    AssetId, GroupId, JobId,
    asset::AssetRef,
    group::GroupAxis,
    job::{Failure, FailureCode, Priority},
    result::{JobResult, Timeline},
    spec::JobSpec,
};
use time::OffsetDateTime;

/// A time that no clock shows, in whole microseconds as the database keeps it.
pub(crate) fn noon() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

pub(crate) fn spec(prompt: &str) -> JobSpec {
    let spec = serde_json::json!({ "kind": "text_to_image", "prompt": prompt, "model": "smoke", "seed": 7 });
    serde_json::from_value(spec).unwrap()
}

pub(crate) fn new_job(owner: &str) -> NewJob {
    NewJob {
        id: JobId::new(),
        spec: spec("a lighthouse"),
        priority: Priority::Normal,
        owner: owner.to_owned(),
        max_attempts: 3,
        idempotency_key: None,
        body_hash: "hash of the body".to_owned(),
        traceparent: None,
        submitted_at: noon(),
        group: None,
    }
}

pub(crate) fn file(letter: char) -> AssetRef {
    AssetRef {
        id: AssetId::new(),
        blake3: std::iter::repeat_n(letter, 64).collect(),
        media_type: "image/png".to_owned(),
        size_bytes: 1234,
        width: Some(64),
        height: Some(32),
    }
}

pub(crate) fn result(assets: Vec<AssetRef>) -> JobResult {
    let at = noon();
    let timeline = Timeline { leased_at: at, loaded_at: at, sampled_at: at, stored_at: at, engine_s: 0.5 };
    JobResult { assets, engine: "scripted 1".to_owned(), timeline, measures: Vec::new(), cost: None }
}

pub(crate) fn failure(message: &str) -> Failure {
    Failure { code: FailureCode::Engine, message: message.to_owned(), remedy: None }
}

/// Returns a group with one seed after the other along its only axis.
pub(crate) fn new_group(owner: &str, cells: u32) -> NewGroup {
    let id = GroupId::new();
    let cell = |cell: u32| NewJob { group: Some(Membership { id, cell: Some(cell) }), ..new_job(owner) };
    NewGroup {
        id,
        owner: owner.to_owned(),
        title: Some("lighthouses".to_owned()),
        base: serde_json::to_value(spec("a lighthouse")).unwrap().as_object().unwrap().clone(),
        axes: vec![GroupAxis {
            field: "seed".to_owned(),
            values: (0..cells).map(serde_json::Value::from).collect(),
            labels: (0..cells).map(|seed| format!("seed: {seed}")).collect(),
            search: None,
        }],
        priority: Priority::Normal,
        max_attempts: 3,
        wants_sheet: true,
        parent: None,
        idempotency_key: None,
        body_hash: "hash of the group".to_owned(),
        created_at: noon(),
        cells: (0..cells).map(cell).collect(),
    }
}

/// Returns the statement that ends a cell well, as the projector writes it.
pub(crate) fn success_of(cell: u32) -> String {
    let made = serde_json::to_string(&result(vec![file('a')])).unwrap();
    format!("UPDATE jobs SET state = 'succeeded', result = '{made}', ended_at = 1 WHERE cell = {cell}")
}
