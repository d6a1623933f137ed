//! Groups through every door: a grid with its contact sheet, cancelled as one, and the command line.

use std::{process::Command, time::Duration};

use contract::{
    GroupId,
    group::GroupView,
    job::{Job, JobState},
    page::Page,
    spec::JobKind,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    client::{Client, read},
    plan::{Engine, Plan},
    wait,
};

use crate::LIMIT;

fn grid(steps: u32) -> Value {
    json!({
        "title": "lighthouses",
        "base": { "kind": "text_to_image", "prompt": "a lighthouse", "width": 64, "height": 64, "steps": steps },
        "axes": [{ "field": "seed", "values": [1, 2, 3] }, { "field": "cfg_scale", "values": [1, 7] }],
    })
}

async fn submit(client: &Client, group: &Value) -> GroupView {
    let answer = client.post("/api/groups", group).await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    read(answer).await.unwrap()
}

async fn until(client: &Client, id: GroupId, what: &str, is_so: impl Fn(&GroupView) -> bool) -> GroupView {
    let path = format!("/api/groups/{id}");
    let found = wait::until(LIMIT, what, || async {
        let view: GroupView = client.get_json(&path).await.ok()?;
        is_so(&view).then_some(view)
    });
    found.await.unwrap()
}

#[tokio::test]
async fn a_grid_makes_every_picture_and_one_contact_sheet_though_the_api_dies_on_the_way() {
    let mut system = Plan::new().start().await.unwrap();
    let client = system.client();
    let view = submit(&client, &grid(3)).await;
    let id = view.group.id;
    until(&client, id, "the first picture", |view| view.group.progress.counts.succeeded > 0).await;
    system.apis[0].kill();
    system.apis[0] = system.start_api(0).await.unwrap();
    let view = until(&client, id, "the end of the group", |view| view.group.progress.ended_at.is_some()).await;
    assert_eq!(view.group.progress.counts.succeeded, 6);
    assert!(view.cells.iter().all(|cell| cell.asset.is_some()));
    let jobs: Page<Job> = client.get_json(&format!("/api/jobs?group={id}")).await.unwrap();
    let sheets: Vec<&Job> = jobs.data.iter().filter(|job| job.kind == JobKind::ContactSheet).collect();
    assert_eq!((jobs.data.len(), sheets.len()), (7, 1));
    let sheet = client.until_end(sheets[0].id, LIMIT).await.unwrap();
    assert_eq!(sheet.state, JobState::Succeeded, "{:?}", sheet.failure);
    let asset = &sheet.result.as_ref().expect("a result").assets[0];
    let png = client.get(&format!("/api/assets/{}", asset.id)).await.unwrap().bytes().await.unwrap();
    let picture = crate::pictures::decode(&png);
    assert!(picture.width >= 3 * 64 && picture.height >= 2 * 64 && picture.variety > 16);
}

#[tokio::test]
async fn a_group_is_cancelled_as_one() {
    let system = Plan::new().engine(Engine::Scripted(Duration::from_millis(40))).start().await.unwrap();
    let client = system.client();
    let view = submit(&client, &grid(150)).await;
    let id = view.group.id;
    until(&client, id, "a running cell", |view| view.group.progress.counts.running > 0).await;
    let answer = client.request(Method::DELETE, &format!("/api/groups/{id}")).unwrap().send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let view = until(&client, id, "the end of the group", |view| view.group.progress.ended_at.is_some()).await;
    assert_eq!(view.group.progress.counts.cancelled, 6);
    assert!(view.group.progress.contact_sheet.is_none());
}

#[tokio::test]
async fn a_group_that_is_put_twice_is_one_and_can_be_followed_listed_and_retried() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let id = GroupId::new();
    let path = format!("/api/groups/{id}");
    for _ in 0..2 {
        let answer = client.request(Method::PUT, &path).unwrap().json(&grid(2)).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
    // The stream ends when the sheet is drawn.
    let told = client.get(&format!("{path}/events")).await.unwrap().text().await.unwrap();
    assert!(told.contains("\"succeeded\":6"), "{told}");
    let listed: Value = client.get_json("/api/groups").await.unwrap();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    // Nothing has failed.
    let answer = client.post(&format!("{path}/retry"), &json!({})).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_command_line_makes_a_grid_explores_a_cell_and_promotes_one() {
    let system = Plan::new().start().await.unwrap();
    let server = system.client().base().unwrap();
    let atelier = async |arguments: &[&str]| {
        let mut command = Command::new(system.programs().atelier());
        command.env("ATELIER_SERVER", &server).env_remove("ATELIER_KEY").args(arguments).current_dir(system.folder());
        let output = tokio::task::spawn_blocking(move || command.output().expect("starting atelier")).await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    let common = ["--set", "steps=3", "--set", "width=64", "--set", "height=64"];
    let axes = ["--json", "grid", "a mill at dawn", "--x", "seed=random:2", "--y", "prompt=replace:dawn,dusk"];
    let made = atelier(&[&axes[..], &common, &["--output", "pictures"]].concat()).await;
    let view: GroupView = serde_json::from_value(made).unwrap();
    assert_eq!(view.group.progress.counts.succeeded, 4);
    let written = std::fs::read_dir(system.folder().join("pictures")).unwrap().count();
    assert_eq!(written, 5, "four pictures and their contact sheet");

    let id = view.group.id.to_string();
    let explored = atelier(&["--json", "group", "explore", &id, "1", "--lock", "prompt", "--output", "more.png"]).await;
    let explored: GroupView = serde_json::from_value(explored).unwrap();
    assert_eq!(explored.group.parent.map(|parent| parent.cell), Some(1));
    assert!(system.folder().join("more.png").exists());
    let promoted = atelier(&["--json", "group", "promote", &id, "1", "--set", "width=128"]).await;
    assert_eq!((&promoted["spec"]["width"], &promoted["group_id"]), (&json!(128), &Value::Null));
}
