//! Groups through HTTP: grids taken in whole or refused, watched, cancelled, explored, promoted.

use contract::{
    GroupId,
    group::{GroupProgress, GroupView},
    job::{Job, JobState},
    page::Page,
    problem::ProblemCode,
    spec::JobSpec,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{Answer, House, next_job, send, succeed};
use crate::sample::{file, result};
use crate::wait::PATIENCE;

fn grid() -> Value {
    json!({
        "title": "mills",
        "base": { "kind": "text_to_image", "prompt": "a mill at dawn", "width": 64, "height": 64 },
        "axes": [
            { "field": "cfg_scale", "range": { "start": 1, "stop": 7, "count": 3 } },
            { "field": "prompt", "replace": { "search": "dawn", "with": ["dawn", "dusk"] } },
        ],
    })
}

async fn submit(house: &House, body: &Value) -> GroupView {
    let answer = house.post("/api/groups", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    answer.json()
}

fn pointers(answer: &Answer) -> Vec<String> {
    answer.problem().errors.into_iter().map(|error| error.pointer).collect()
}

#[tokio::test]
async fn a_grid_is_a_job_for_every_combination_and_its_cells_share_a_seed() {
    let house = House::open().await;
    let answer = house.post("/api/groups", &grid()).await;
    let view: GroupView = answer.json();
    assert_eq!(answer.header("location"), format!("/api/groups/{}", view.group.id));
    assert_eq!((view.cells.len(), view.group.progress.counts.queued), (6, 6));
    assert_eq!(view.cells[4].labels, ["cfg_scale: 4", "dusk"]);
    let page: Page<Job> = house.get(&format!("/api/jobs?group={}", view.group.id)).await.json();
    assert_eq!(page.data.len(), 6);
    let seed = view.group.base["seed"].as_u64().expect("a seed");
    for job in &page.data {
        let spec = serde_json::to_value(&job.spec).unwrap();
        assert_eq!((spec["seed"].as_u64(), job.group_id), (Some(seed), Some(view.group.id)));
    }
    let fifth: Value = house.get(&format!("/api/jobs/{}", view.cells[4].job_id)).await.json();
    assert_eq!((&fifth["spec"]["prompt"], &fifth["spec"]["cfg_scale"]), (&json!("a mill at dusk"), &json!(4.0)));
    let queued: Page<Job> = house.get(&format!("/api/jobs?group={}&state=queued", view.group.id)).await.json();
    assert_eq!(queued.data.len(), 6);
    let none: Page<Job> = house.get(&format!("/api/jobs?group={}&state=dead&text=mill", view.group.id)).await.json();
    assert_eq!(none.data, []);
    assert_eq!(house.get(&format!("/api/groups/{}", GroupId::new())).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_group_of_which_one_cell_is_wrong_is_refused_whole_with_the_axis_and_the_value() {
    let house = House::open().await;
    let with = |axes: Value| {
        let mut body = grid();
        body["axes"] = axes;
        body
    };
    let cases = [
        (with(json!([])), "/axes"),
        (with(json!([{ "field": "cfg_scale", "values": [1, 7, 99] }])), "/axes/0/values/2"),
        (
            with(json!([{ "field": "seed", "values": [1] }, { "field": "steps", "values": [5, "many"] }])),
            "/axes/1/values/1",
        ),
        (with(json!([{ "field": "cgf_scale", "values": [1] }])), "/axes/0/values/0"),
        (with(json!([{ "field": "steps", "range": { "start": 0, "stop": 4, "count": 2 } }])), "/axes/0/range"),
        (with(json!([{ "field": "sampler", "values": ["euler", "magic"] }])), "/axes/0/values/1"),
        (with(json!([{ "field": "model", "values": ["scripted", "nobody"] }])), "/axes/0/values/1"),
        (with(json!([{ "field": "loras/0/weight", "values": [1] }])), "/axes/0/field"),
        (with(json!([{ "field": "seed" }])), "/axes/0"),
        (with(json!([{ "field": "seed", "values": [] }])), "/axes/0/values"),
        (with(json!([{ "field": "seed", "random": 2 }, { "field": "seed", "values": [1] }])), "/axes/1/field"),
        (
            with(json!([{ "field": "prompt", "replace": { "search": "noon", "with": ["x"] } }])),
            "/axes/0/replace/search",
        ),
        (with(json!([{ "field": "prompt", "values": ["\u{0}"] }])), "/axes/0/values/0"),
        (with(json!([{ "field": "kind", "values": ["upscale"] }])), "/axes/0/field"),
        (json!({ "base": { "kind": "painting" }, "axes": [{ "field": "seed", "random": 1 }] }), "/base/kind"),
        (json!({ "base": { "kind": "text_to_image" }, "axes": [{ "field": "seed", "random": 1 }] }), "/base/prompt"),
        (json!({ "base": [], "axes": [{ "field": "seed", "random": 1 }] }), "/base"),
        (json!({ "axes": [{ "field": "seed", "random": 1 }], "bases": {} }), "/base"),
    ];
    for (body, pointer) in cases {
        let answer = house.post("/api/groups", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text());
        let found = pointers(&answer);
        assert!(found.iter().any(|found| found == pointer), "{body}: {found:?} {}", answer.text());
    }
    let seeds = json!({ "field": "seed", "random": 100 });
    let many = with(json!([seeds, { "field": "steps", "values": [1, 2, 3, 4, 5] }]));
    let answer = house.post("/api/groups", &many).await;
    assert!(answer.problem().detail.contains("500 cells (100 × 5)"), "{}", answer.text());
    let groups: Value = house.get("/api/groups").await.json();
    assert_eq!(groups["data"], json!([]));
    house.assert_untouched().await;
}

#[tokio::test]
async fn a_group_for_which_the_queue_has_no_room_is_refused_whole() {
    let house = House::open_with(&[("ATELIER_QUEUE_LIMIT", "5")]).await;
    let answer = house.post("/api/groups", &grid()).await;
    assert_eq!((answer.status, answer.problem().code), (StatusCode::TOO_MANY_REQUESTS, ProblemCode::QueueFull));
    house.assert_untouched().await;
}

#[tokio::test]
async fn a_repeated_group_is_the_first_one() {
    let house = House::open().await;
    let post = async |key: &str, body: &Value| {
        send(house.request(Method::POST, "/api/groups").header("idempotency-key", key).json(body)).await
    };
    let first = post("one", &grid()).await;
    assert_eq!(first.header("location"), post("one", &grid()).await.header("location"));
    let mut other = grid();
    other["title"] = json!("other mills");
    assert_eq!(post("one", &other).await.problem().code, ProblemCode::IdempotencyMismatch);

    let path = format!("/api/groups/{}", GroupId::new());
    let put = async |body: &Value| send(house.request(Method::PUT, &path).json(body)).await;
    assert_eq!(put(&grid()).await.header("location"), path);
    assert_eq!(put(&grid()).await.status, StatusCode::ACCEPTED);
    assert_eq!(put(&other).await.status, StatusCode::CONFLICT);
    let page: Value = house.get("/api/jobs").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn a_group_is_watched_as_one_to_its_contact_sheet() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let body = json!({
        "base": { "kind": "text_to_image", "prompt": "a mill" },
        "axes": [{ "field": "seed", "values": [1, 2] }],
    });
    let view = submit(&house, &body).await;
    let path = format!("/api/groups/{}", view.group.id);
    let watching = tokio::spawn(house.request(Method::GET, &format!("{path}/events")).send());
    let mut answer = tokio::time::timeout(PATIENCE, watching).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let made = [file('a'), file('b')];
    for file in &made {
        succeed(next_job(&mut worker).await, &result(vec![file.clone()])).await;
    }
    let sheet = next_job(&mut worker).await;
    let JobSpec::ContactSheet(spec) = &sheet.job.spec else { panic!("{:?}", sheet.job.spec) };
    assert_eq!(spec.cells, made.iter().map(|file| Some(file.id)).collect::<Vec<_>>());
    assert_eq!(spec.title, "a mill");
    succeed(sheet, &result(vec![file('c')])).await;

    let mut text = String::new();
    while let Some(piece) = tokio::time::timeout(PATIENCE, answer.chunk()).await.expect("the stream ends").unwrap() {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    let events: Vec<GroupProgress> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let last = events.last().unwrap();
    assert_eq!((last.fraction, last.counts.succeeded), (1.0, 2));
    assert_eq!(last.contact_sheet.as_ref().map(|sheet| sheet.state), Some(JobState::Succeeded));
    assert!(events.windows(2).all(|pair| pair[0].fraction <= pair[1].fraction), "{events:?}");
    let view: GroupView = house.get(&path).await.json();
    assert_eq!(view.cells.iter().map(|cell| cell.asset.clone()).collect::<Vec<_>>(), made.map(Some));
    assert!(view.group.progress.contact_sheet.unwrap().asset.is_some());
}

#[tokio::test]
async fn a_group_is_cancelled_as_one_and_retried_as_one() {
    let house = House::open().await;
    let view = submit(&house, &grid()).await;
    let path = format!("/api/groups/{}", view.group.id);
    assert!(house.delete(&path).await.status.is_success());
    for cell in &view.cells {
        house.wait_for(&format!("/api/jobs/{}", cell.job_id), "state", "cancelled").await;
    }
    assert_eq!(house.delete(&path).await.status, StatusCode::OK, "once more changes nothing");
    let retried = house.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{}", retried.text());
    assert_eq!(retried.json::<GroupView>().group.progress.counts.cancelled, 0);
    let mut worker = house.worker().await;
    for _ in &view.cells {
        succeed(next_job(&mut worker).await, &result(vec![file('a')])).await;
    }
    let sheet = next_job(&mut worker).await;
    assert!(matches!(sheet.job.spec, JobSpec::ContactSheet(_)));
    succeed(sheet, &result(vec![file('b')])).await;
    assert_eq!(house.post(&format!("{path}/retry"), &json!({})).await.status, StatusCode::CONFLICT);
    for nothing in [Method::GET, Method::DELETE] {
        let path = format!("/api/groups/{}", GroupId::new());
        assert_eq!(send(house.request(nothing, &path)).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_cell_is_explored_with_some_of_its_fields_locked() {
    let house = House::open().await;
    let view = submit(&house, &grid()).await;
    let path = format!("/api/groups/{}/explore", view.group.id);
    let vary = json!([{ "field": "seed", "random": 4 }]);
    let answer = house.post(&path, &json!({ "cell": 5, "lock": ["prompt"], "vary": vary })).await;
    let explored: GroupView = answer.json();
    assert_eq!(explored.group.parent.map(|parent| (parent.group_id, parent.cell)), Some((view.group.id, 5)));
    let fields: Vec<&str> = explored.group.axes.iter().map(|axis| axis.field.as_str()).collect();
    assert_eq!((fields, explored.cells.len()), (vec!["cfg_scale", "seed"], 20));
    assert_eq!(explored.group.axes[0].values, [json!(5.25), json!(6.125), json!(7), json!(7.875), json!(8.75)]);
    assert_eq!(explored.group.base["prompt"], "a mill at dusk");

    let pointer = async |body: Value| pointers(&house.post(&path, &body).await);
    assert_eq!(pointer(json!({ "cell": 6 })).await, ["/cell"]);
    assert_eq!(pointer(json!({ "cell": 0, "lock": ["prompt", "cfg_scale"] })).await, ["/lock"]);
    let wrong = json!([{ "field": "steps", "values": [10, 1000] }]);
    assert_eq!(pointer(json!({ "cell": 0, "lock": ["prompt"], "vary": wrong })).await, ["/vary/0/values/1"]);
}

#[tokio::test]
async fn a_promoted_cell_is_a_job_of_its_own_with_what_the_patch_says() {
    let house = House::open().await;
    let view = submit(&house, &grid()).await;
    let path = format!("/api/groups/{}/cells/4/promote", view.group.id);
    let job: Job = house.post(&path, &json!({ "width": 1024, "hires": { "scale": 1.5 } })).await.json();
    let cell: Job = house.get(&format!("/api/jobs/{}", view.cells[4].job_id)).await.json();
    assert_eq!((job.group_id, job.cell), (None, None));
    let (JobSpec::TextToImage(job), JobSpec::TextToImage(cell)) = (&job.spec, &cell.spec) else { panic!() };
    assert_eq!((job.width, job.hires.as_ref().map(|hires| hires.scale)), (1024, Some(1.5)));
    assert_eq!(job.painting, cell.painting, "prompt, seed and guidance stay");
    assert_eq!(pointers(&house.post(&path, &json!({ "width": 5 })).await), ["/width"]);
    assert_eq!(house.post(&path, &json!([])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let nothing = format!("/api/groups/{}/cells/6/promote", view.group.id);
    assert_eq!(house.post(&nothing, &json!({})).await.status, StatusCode::NOT_FOUND);
}
