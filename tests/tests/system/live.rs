//! What those who watch see: over WebSocket and over server-sent events.

use std::time::Duration;

use contract::{
    JobId,
    event::{JobChange, JobEvent},
    job::JobState,
    socket::{ClientMessage, ServerMessage, Watched},
};
use futures::StreamExt;
use reqwest::{Method, StatusCode};
use tests::{
    client::Client,
    plan::{Engine, Plan},
    socket::{Heard, Socket, is_end},
};

use crate::{LIMIT, pictures::picture};

/// Slow enough to be seen, quick enough to wait for.
const STEP: Duration = Duration::from_millis(60);

fn slow() -> Plan {
    Plan::new().engine(Engine::Scripted(STEP))
}

fn event_of(heard: Heard) -> Option<JobEvent> {
    let Heard::Message(message) = heard else { return None };
    match *message {
        ServerMessage::Event(event) => Some(event),
        _ => None,
    }
}

async fn subscribe(client: &Client, jobs: Watched) -> Socket {
    let mut socket = Socket::connect(client).await.unwrap();
    socket.say(&ClientMessage::Subscribe { jobs }).await.unwrap();
    socket
}

#[tokio::test]
async fn a_watcher_sees_progress_and_previews_and_who_reloads_sees_the_last_state() {
    let system = slow().start().await.unwrap();
    let client = system.client();
    let mut socket = subscribe(&client, Watched::All).await;
    socket.say(&ClientMessage::Previews { on: true }).await.unwrap();
    let job = client.submit(&picture("a watched lighthouse", 30)).await.unwrap();

    let mut events = Vec::new();
    let preview = socket.until(LIMIT, "a preview", |heard| match heard {
        Heard::Preview { job_id, jpeg, step } => Some((job_id, jpeg, step)),
        heard => {
            events.extend(event_of(heard));
            None
        }
    });
    let (job_id, jpeg, step) = preview.await.unwrap();
    assert_eq!(job_id, job.id);
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && step >= 1, "a preview is a JPEG of a step");

    let mut reloaded = subscribe(&client, Watched::Jobs(vec![job.id])).await;
    let last = reloaded.until(LIMIT, "the last state", event_of).await.unwrap();
    assert_eq!((last.job_id, last.id.as_str()), (job.id, ""), "a state is no event: it has no place in the stream");
    assert!(matches!(last.change, JobChange::Running { .. } | JobChange::Progress(_)), "{:?}", last.change);

    events.extend(socket.events_until(LIMIT, "the end", is_end).await.unwrap());
    let kinds: Vec<_> = events.iter().map(|event| std::mem::discriminant(&event.change)).collect();
    let place = |change: &JobChange| kinds.iter().position(|kind| *kind == std::mem::discriminant(change));
    let running = place(&JobChange::Running { worker: String::new(), attempt: 0 });
    assert!(place(&JobChange::Queued) < running && running.is_some(), "{events:?}");
    let fractions: Vec<f64> = events
        .iter()
        .filter_map(|event| match &event.change {
            JobChange::Progress(progress) => Some(progress.fraction),
            _ => None,
        })
        .collect();
    assert!(fractions.len() >= 3 && fractions.is_sorted(), "{fractions:?}");
    assert!(matches!(events.last().unwrap().change, JobChange::Succeeded { .. }));
}

#[tokio::test]
async fn who_lost_the_connection_resumes_without_a_gap_and_without_a_repetition() {
    let system = slow().start().await.unwrap();
    let client = system.client();
    let mut socket = subscribe(&client, Watched::All).await;
    let job = client.submit(&picture("a lighthouse", 20)).await.unwrap();
    let is_running = |change: &JobChange| matches!(change, JobChange::Running { .. });
    let before = socket.events_until(LIMIT, "the job to run", is_running).await.unwrap();
    let after = before.last().unwrap().id.clone();
    drop(socket);
    client.until_end(job.id, LIMIT).await.unwrap();

    let mut socket = Socket::connect(&client).await.unwrap();
    socket.say(&ClientMessage::Resume { after: after.clone(), jobs: Watched::All }).await.unwrap();
    let missed = socket.events_until(LIMIT, "the end", is_end).await.unwrap();
    let ids: Vec<_> = before.iter().chain(&missed).map(|event| event.id.clone()).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an event came twice: {ids:?}");
    assert!(!missed.iter().any(|event| is_running(&event.change)), "what was seen came again");
    assert!(missed.iter().any(|event| matches!(event.change, JobChange::Progress(_))), "{missed:?}");
}

/// Reads server-sent events until one is an end, or until there is no more.
async fn sse_until_end(client: &Client, path: &str, last_event_id: Option<&str>) -> Vec<JobEvent> {
    let mut request = client.request(Method::GET, path).unwrap();
    if let Some(id) = last_event_id {
        request = request.header("Last-Event-ID", id);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let (mut events, mut text) = (Vec::new(), String::new());
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = tokio::time::timeout(LIMIT, pieces.next()).await.expect("an event in time") {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        while let Some((frame, rest)) = text.split_once("\n\n") {
            let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
            text = rest.to_owned();
            let Some(event) = data.and_then(|data| serde_json::from_str::<JobEvent>(&data).ok()) else { continue };
            let is_last = is_end(&event.change);
            events.push(event);
            if is_last {
                return events;
            }
        }
    }
    events
}

#[tokio::test]
async fn server_sent_events_tell_the_same_and_replay_what_was_missed() {
    let system = slow().start().await.unwrap();
    let client = system.client();
    let all = tokio::spawn({
        let client = client.clone();
        async move { sse_until_end(&client, "/api/events", None).await }
    });
    let job = client.submit(&picture("a lighthouse", 10)).await.unwrap();
    let path = format!("/api/jobs/{}/events", job.id);
    let seen = sse_until_end(&client, &path, None).await;
    assert!(matches!(seen.last().unwrap().change, JobChange::Succeeded { .. }), "{seen:?}");
    assert!(all.await.unwrap().iter().any(|event| event.job_id == job.id && is_end(&event.change)));

    let middle = seen.iter().find(|event| !event.id.is_empty()).unwrap();
    let replayed = sse_until_end(&client, &path, Some(&middle.id)).await;
    assert!(replayed.iter().all(|event| event.id != middle.id && event.job_id == job.id), "{replayed:?}");
    let last = &seen.last().unwrap().id;
    let request = client.request(Method::GET, &path).unwrap().header("Last-Event-ID", last);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT, "a browser must not come back for ever");
}

#[tokio::test]
async fn every_kind_of_change_reaches_those_who_watch() {
    let system = slow().set("max_attempts", &2).set("backoff_ms", &50).start().await.unwrap();
    let client = system.client();
    let mut socket = subscribe(&client, Watched::All).await;
    let cancelled = client.submit(&picture("to be cancelled", 150)).await.unwrap();
    client.until_state(cancelled.id, JobState::Running, LIMIT).await.unwrap();
    for directive in ["reject", "fail", "flaky"] {
        client.submit(&picture(&format!("[scripted: {directive}, steps_ms=1]"), 2)).await.unwrap();
    }
    client.cancel(cancelled.id).await.unwrap();

    let mut seen: std::collections::BTreeMap<JobId, Vec<String>> = std::collections::BTreeMap::new();
    let mut ended = 0;
    let listening = socket.until(LIMIT, "four ends", |heard| {
        let event = event_of(heard)?;
        let name = serde_json::to_value(&event.change).unwrap()["type"].as_str().unwrap().to_owned();
        seen.entry(event.job_id).or_default().push(name);
        ended += u32::from(is_end(&event.change));
        (ended == 4).then_some(())
    });
    listening.await.unwrap();
    let names: std::collections::BTreeSet<&str> = seen.values().flatten().map(String::as_str).collect();
    let all =
        ["cancel_requested", "cancelled", "dead", "failed", "progress", "queued", "retrying", "running", "succeeded"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), all, "{seen:?}");
}
