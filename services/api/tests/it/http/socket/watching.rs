//! What a client hears: the last states first, everything in order, progress only if it keeps up, ends always.

use std::{collections::HashSet, time::Duration};

use contract::{
    JobId,
    event::{JobChange, JobEvent},
    memory::HoldingState,
    preview::Preview,
    socket::{CLOSE_TOO_SLOW, ServerMessage},
    system::System,
};
use queue::memory::{Device, Want};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Heard, Socket};
use crate::{
    http::{
        events::progress,
        house::{House, next_job, send, succeed},
    },
    sample::{file, result},
};

#[tokio::test]
async fn a_job_is_followed_from_its_submission_to_its_end() {
    let house = House::open().await;
    let id = JobId::new();
    let mut socket = Socket::open(&house).await;
    // A job may be watched before it is there.
    socket.say(&json!({ "type": "subscribe", "jobs": [id] })).await;
    socket.subscribed().await;
    let body = json!({ "kind": "text_to_image", "prompt": "x" });
    send(house.request(reqwest::Method::PUT, &format!("/api/jobs/{id}")).json(&body)).await;
    house.submit("another, which nobody watches").await;
    assert_eq!(socket.event().await.change, JobChange::Queued);
    let mut worker = house.worker().await;
    let lease = next_job(&mut worker).await;
    assert!(matches!(socket.event().await.change, JobChange::Running { attempt: 1, .. }));
    lease.report(progress(1, 4));
    assert_eq!(socket.event().await.change, JobChange::Progress(progress(1, 4)));
    let made = result(vec![file('a')]);
    succeed(lease, &made).await;
    let end = socket.event().await;
    assert_eq!((end.job_id, end.change), (id, JobChange::Succeeded { result: made }));
}

#[tokio::test]
async fn who_comes_late_hears_the_last_states_first() {
    let house = House::open().await;
    let (first, second) = (house.submit("first").await, house.submit("second").await);
    let mut worker = house.worker().await;
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.id, first.id);
    let mut early = Socket::open(&house).await;
    early.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    lease.report(progress(7, 20));
    while early_change(&mut early).await != JobChange::Progress(progress(7, 20)) {}

    let mut late = Socket::open(&house).await;
    late.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    let states: Vec<JobEvent> = [late.event().await, late.event().await, late.event().await].into();
    assert!(states.iter().all(|state| state.id.is_empty()));
    assert!(matches!(states[0].change, JobChange::Running { attempt: 1, .. }));
    assert_eq!((states[1].job_id, &states[1].change), (first.id, &JobChange::Progress(progress(7, 20))));
    assert_eq!((states[2].job_id, &states[2].change), (second.id, &JobChange::Queued));
    late.subscribed().await;
    // Another subscription takes the place of this one.
    late.say(&json!({ "type": "subscribe", "jobs": [second.id] })).await;
    assert_eq!(late.event().await.job_id, second.id);
    late.subscribed().await;
    succeed(lease, &result(vec![file('a')])).await;
    let next = next_job(&mut worker).await;
    assert_eq!(next.job.id, second.id);
    assert!(matches!(late.event().await.change, JobChange::Running { .. }));
}

async fn early_change(socket: &mut Socket) -> JobChange {
    match socket.hear().await {
        Heard::Said(ServerMessage::Event(event)) => event.change,
        Heard::Said(ServerMessage::Subscribed { .. }) => JobChange::Queued,
        other => panic!("an event was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_client_that_resumes_misses_nothing_and_hears_nothing_twice() {
    let house = House::open().await;
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
    house.submit("before").await;
    let seen = socket.event().await;
    drop(socket);
    // More than one page of the replay.
    let missed: Vec<JobId> = (0..600).map(|_| JobId::new()).collect();
    let changes: Vec<(JobId, &JobChange)> = missed.iter().map(|id| (*id, &JobChange::Cancelled)).collect();
    house.queue.announce_all(&changes).await.unwrap();

    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "resume", "after": seen.id, "jobs": "all" })).await;
    let mut heard = Vec::new();
    while heard.len() < missed.len() {
        heard.push(socket.event().await.job_id);
    }
    assert_eq!(heard, missed);
    socket.subscribed().await;
    let live = house.submit("after").await;
    assert_eq!(socket.event().await.job_id, live.id);

    // A resumed subscription keeps to its jobs.
    socket.say(&json!({ "type": "resume", "after": seen.id, "jobs": [missed[599]] })).await;
    assert_eq!(socket.event().await.job_id, missed[599]);
    socket.subscribed().await;
}

#[tokio::test]
async fn a_client_that_is_cut_off_again_and_again_in_a_stream_of_events_hears_each_exactly_once() {
    let house = House::open().await;
    let first = house.submit("the first event").await;
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "resume", "after": "0-0", "jobs": "all" })).await;
    while socket.hear().await == Heard::Said(ServerMessage::Resync) {}
    let place = socket.subscribed().await;

    let ids: Vec<JobId> = (0..2000).map(|_| JobId::new()).collect();
    let announcing = announce(&house, ids.clone());
    let (mut heard, mut last) = (Vec::new(), place);
    while heard.len() < ids.len() {
        let mut socket = Socket::open(&house).await;
        socket.say(&json!({ "type": "resume", "after": last, "jobs": "all" })).await;
        let until = ids.len().min(heard.len() + 90);
        while heard.len() < until {
            if let Heard::Said(ServerMessage::Event(event)) = socket.hear().await {
                last = event.id;
                heard.push(event.job_id);
            }
        }
    }
    announcing.await.unwrap();
    assert!(!heard.contains(&first.id));
    assert_eq!(heard, ids);
}

/// Announces the ends of jobs one by one, while the test goes on.
fn announce(house: &House, ids: impl IntoIterator<Item = JobId, IntoIter: Send> + Send + 'static) -> JoinHandle<()> {
    let queue = house.queue.clone();
    tokio::spawn(async move {
        for id in ids {
            queue.announce(id, &JobChange::Cancelled).await.unwrap();
        }
    })
}

#[tokio::test]
async fn what_the_states_tell_is_not_told_again_as_an_event() {
    let house = House::open().await;
    let announcing = announce(&house, std::iter::repeat_with(JobId::new));
    let mut socket = Socket::open(&house).await;
    for _ in 0..50 {
        socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
        // What was on its way for the subscription before may still arrive.
        let place = loop {
            if let Heard::Said(ServerMessage::Subscribed { after }) = socket.hear().await {
                break after;
            }
        };
        if let Heard::Said(ServerMessage::Event(event)) = socket.hear().await {
            assert!(number(&event.id) > number(&place), "{} was told again after {place}", event.id);
        }
    }
    announcing.abort();
}

/// Returns an id in a form that can be compared.
fn number(id: &str) -> (u64, u64) {
    let (ms, sequence) = id.split_once('-').unwrap();
    (ms.parse().unwrap(), sequence.parse().unwrap())
}

#[tokio::test]
async fn a_place_that_is_forgotten_is_answered_by_resync_and_the_last_states() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "resume", "after": "5-0" })).await;
    assert_eq!(socket.hear().await, Heard::Said(ServerMessage::Resync));
    assert_eq!(socket.event().await.job_id, job.id);
    socket.subscribed().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_progress_but_no_end() {
    let house = House::open().await;
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
    let ends: Vec<JobId> = (0..200).map(|_| JobId::new()).collect();
    let noise: Vec<JobId> = (0..600).map(|_| JobId::new()).collect();
    // Nobody reads meanwhile: large events fill the buffers of the sockets first, then the client's own queue.
    let words = "w".repeat(16 << 10);
    let running = JobChange::Running { worker: words, attempt: 1 };
    for (number, id) in noise.iter().enumerate() {
        house.queue.announce(*id, &running).await.unwrap();
        if let Some(end) = ends.get(number / 3).filter(|_| number % 3 == 0) {
            house.queue.announce(*end, &JobChange::Cancelled).await.unwrap();
        }
    }
    let last = JobId::new();
    house.queue.announce(last, &JobChange::Cancelled).await.unwrap();
    let (mut ended, mut was_told) = (HashSet::new(), false);
    while !ended.contains(&last) {
        match socket.hear().await {
            Heard::Said(ServerMessage::Event(event)) if event.change == JobChange::Cancelled => {
                assert!(ended.insert(event.job_id), "an end came twice");
            }
            Heard::Said(ServerMessage::Event(_)) => {}
            Heard::Said(ServerMessage::Resync) => was_told = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(was_told, "the client was not told that it must look again");
    assert!(ends.iter().all(|id| ended.contains(id)), "{} of 200 ends came", ended.len() - 1);
}

#[tokio::test]
async fn a_client_that_cannot_even_keep_up_with_ends_is_sent_away_to_resume() {
    let house = House::open().await;
    let mut socket = Socket::open(&house).await;
    house.submit("something, so that there is a place to resume from").await;
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.event().await;
    let place = socket.subscribed().await;
    let failure = crate::sample::failure(&"w".repeat(8 << 10));
    let ids: Vec<JobId> = (0..3000).map(|_| JobId::new()).collect();
    let end = JobChange::Failed { failure };
    for some in ids.chunks(100) {
        house.queue.announce_all(&some.iter().map(|id| (*id, &end)).collect::<Vec<_>>()).await.unwrap();
    }
    let goodbye = loop {
        match socket.hear().await {
            Heard::Said(_) => {}
            other => break other,
        }
    };
    assert_eq!(goodbye, Heard::Closed(CLOSE_TOO_SLOW));
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "resume", "after": place })).await;
    let mut heard = Vec::new();
    while heard.len() < ids.len() {
        heard.push(socket.event().await.job_id);
    }
    assert_eq!(heard, ids);
}

#[tokio::test]
async fn previews_come_to_those_who_want_them_at_most_five_a_second_and_the_latest_at_last() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let frame = |step: u32| bytes::Bytes::from(Preview { job_id: job.id, step, jpeg: b"jpeg" }.encode());
    house.queue.publish_preview(job.id, frame(0)).await.unwrap();

    let (mut viewer, mut reader) = (Socket::open(&house).await, Socket::open(&house).await);
    for socket in [&mut viewer, &mut reader] {
        socket.say(&json!({ "type": "subscribe", "jobs": [job.id] })).await;
        socket.event().await;
        socket.subscribed().await;
    }
    // Who switches them on late sees the last one at once.
    viewer.say(&json!({ "type": "previews", "on": true })).await;
    assert_eq!(viewer.hear().await, Heard::Frame(frame(0)));

    let began = std::time::Instant::now();
    for step in 1..=100 {
        house.queue.publish_preview(job.id, frame(step)).await.unwrap();
    }
    let mut count = 0;
    loop {
        count += 1;
        let Heard::Frame(bytes) = viewer.hear().await else { panic!("a preview was expected") };
        let preview = Preview::decode(&bytes).unwrap();
        assert_eq!(preview.job_id, job.id);
        if preview.step == 100 {
            break;
        }
    }
    let most = began.elapsed().as_millis() / 200 + 2;
    assert!(count <= most, "{count} previews in {:?}", began.elapsed());

    house.delete(&format!("/api/jobs/{}", job.id)).await;
    // The one who did not ask for previews hears of the end, and saw none.
    assert_eq!(reader.event().await.change, JobChange::Cancelled);
    viewer.say(&json!({ "type": "previews", "on": false })).await;
}

#[tokio::test]
async fn the_state_of_the_whole_comes_every_few_seconds() {
    let house = House::open().await;
    house.submit("x").await;
    let mut socket = Socket::open(&house).await;
    let Heard::Said(ServerMessage::System(pulse)) = socket.hear_anything().await else {
        panic!("a pulse was expected")
    };
    assert_eq!((pulse.queues[0].queued, pulse.queues[0].running, pulse.workers.len()), (1, 0, 0));
    assert!(pulse.memory_total_mib > pulse.memory_available_mib && pulse.memory_available_mib > 0);
}

#[tokio::test]
async fn who_holds_memory_and_who_waits_comes_every_second_to_those_who_asked() {
    let house = House::open().await;
    let device = Device { name: "host:cpu".to_owned(), total_mib: 1000, comfortable_mib: 750 };
    let ledger = house.queue.open_ledger(&device, "w1", Duration::from_millis(500)).unwrap();
    let want = |model: &str| Want { model: model.to_owned(), mib: 600, load: Duration::ZERO, is_pinned: false };
    let holding = ledger.reserve(&want("held"), |_| {}).await.unwrap();
    holding.busy();
    let wanted = want("wanted");
    let waiting = ledger.reserve(&wanted, |_| {});
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "memory", "on": true })).await;
    let looking = async {
        loop {
            let Heard::Said(ServerMessage::Memory { devices }) = socket.hear().await else {
                panic!("memory was expected")
            };
            if devices.first().is_some_and(|device| !device.waiting.is_empty()) {
                return devices;
            }
        }
    };
    let devices = tokio::select! {
        devices = looking => devices,
        granted = waiting => panic!("{granted:?} beside what is busy"),
    };
    assert_eq!((devices[0].device.as_str(), devices[0].total_mib, devices[0].comfortable_mib), ("host:cpu", 1000, 750));
    assert_eq!((devices[0].holdings[0].model.as_str(), devices[0].holdings[0].state), ("held", HoldingState::Busy));
    assert_eq!((devices[0].waiting[0].model.as_str(), devices[0].waiting[0].needed_mib), ("wanted", 600));
    let system: System = house.get("/api/system").await.json();
    assert_eq!(system.memory[0].holdings[0].model, "held");

    // After the answer to this, nothing more comes.
    socket.say(&json!({ "type": "memory", "on": false })).await;
    socket.say(&json!({ "type": "subscribe", "jobs": [JobId::new()] })).await;
    while !matches!(socket.hear().await, Heard::Said(ServerMessage::Subscribed { .. })) {}
    let Heard::Said(heard) = socket.hear_anything().await else { panic!("a pulse was expected") };
    assert!(matches!(heard, ServerMessage::System(_)), "{heard:?}");
}
