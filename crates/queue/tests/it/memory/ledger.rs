//! The ledger at its door: several workers of one device.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use contract::memory::HoldingState;
use queue::{
    Queue,
    check::worker_acl_rules,
    memory::{Device, Holding, Ledger, Want},
};
use tokio::sync::mpsc;

use super::desk;
use crate::ground::{Ground, LIMIT, PREFIX, within};

/// Short, so that what lapses does so within a test; long enough for a busy machine.
const LEASE: Duration = Duration::from_millis(1000);

fn want(model: &str, mib: u64) -> Want {
    Want { model: model.to_owned(), mib, load: Duration::ZERO, is_pinned: false }
}

fn open_as(queue: &Queue, worker: &str) -> Ledger {
    let device = Device { name: "host:cpu".to_owned(), total_mib: 1000, comfortable_mib: 750 };
    queue.open_ledger(&device, worker, LEASE).unwrap()
}

async fn reserve(ledger: &Ledger, model: &str, mib: u64) -> Holding {
    within(ledger.reserve(&want(model, mib), |_| {})).await.unwrap()
}

/// Returns what the only device holds, by model.
async fn held(queue: &Queue) -> Vec<(String, u64, HoldingState)> {
    let device = queue.memory().await.unwrap().pop();
    let mut held: Vec<_> = device
        .into_iter()
        .flat_map(|device| device.holdings)
        .map(|holding| (holding.model, holding.mib, holding.state))
        .collect();
    held.sort_by(|one, other| one.0.cmp(&other.0));
    held
}

/// Waits until the only device holds exactly this.
async fn until_held(queue: &Queue, expected: &[(&str, u64, HoldingState)]) {
    let is_so = async {
        loop {
            let found = held(queue).await;
            if found.iter().map(|(model, mib, state)| (model.as_str(), *mib, *state)).eq(expected.iter().copied()) {
                return;
            }
        }
    };
    if tokio::time::timeout(LIMIT, is_so).await.is_err() {
        panic!("{:?} and not {expected:?}", held(queue).await);
    }
}

#[tokio::test]
async fn what_a_model_does_and_holds_is_known_to_all() {
    let ground = Ground::new().await;
    let ledger = open_as(&ground.queue, "w1");
    let holding = reserve(&ledger, "m", 500).await;
    assert_eq!(holding.mib(), 500);
    until_held(&ground.queue, &[("m", 500, HoldingState::Loading)]).await;
    holding.busy();
    until_held(&ground.queue, &[("m", 500, HoldingState::Busy)]).await;
    holding.idle(300);
    until_held(&ground.queue, &[("m", 300, HoldingState::Idle)]).await;
    let more = reserve(&ledger, "m", 700).await;
    until_held(&ground.queue, &[("m", 700, HoldingState::Busy)]).await;
    // The older one means nothing any more.
    holding.idle(1);
    drop(holding);
    more.idle(310);
    until_held(&ground.queue, &[("m", 310, HoldingState::Idle)]).await;
    drop(more);
    until_held(&ground.queue, &[]).await;
}

#[tokio::test]
async fn who_does_not_fit_waits_with_a_reason_until_the_idle_one_has_left() {
    let ground = Ground::new().await;
    let (one, two) = (open_as(&ground.queue, "w1"), open_as(&ground.queue, "w2"));
    let idle = reserve(&one, "chat", 500).await;
    idle.idle(450);
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&reasons);
    let waits = tokio::spawn(async move {
        let wanted = want("picture", 600);
        let holding = two.reserve(&wanted, |reason| heard.lock().unwrap().push(reason.to_string())).await.unwrap();
        (two, holding)
    });
    // It was loaded just now and is owed its five seconds.
    let leaving = within(one.must_leave()).await;
    assert_eq!(leaving.into_iter().collect::<Vec<_>>(), ["chat"]);
    assert!(!waits.is_finished());
    drop(idle);
    let (_two, holding) = within(waits).await.unwrap();
    assert_eq!(holding.mib(), 600);
    assert!(one.leaving().is_empty());
    let reasons = reasons.lock().unwrap();
    assert!(reasons[0].starts_with("picture needs 600 MiB, "), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("chat holds 450 MiB and has been idle for ")), "{reasons:?}");
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let ground = Ground::new().await;
    let ledger = open_as(&ground.queue, "w1");
    let holding = reserve(&ledger, "m", 300).await;
    holding.idle(300);
    let other = open_as(&ground.queue, "w2");
    let _busy = reserve(&other, "busy", 400).await;
    let wanted = want("m", 500);
    let given_up = tokio::time::timeout(Duration::from_millis(50), ledger.reserve(&wanted, |_| {})).await;
    assert!(given_up.is_err());
    let still = [("busy", 400, HoldingState::Loading), ("m", 300, HoldingState::Idle)];
    until_held(&ground.queue, &still).await;
    within(async { while !ground.queue.memory().await.unwrap()[0].waiting.is_empty() {} }).await;
    assert_eq!(holding.mib(), 300, "what it had before is still its own");
    holding.busy();
    until_held(&ground.queue, &[("busy", 400, HoldingState::Loading), ("m", 300, HoldingState::Busy)]).await;
}

#[tokio::test]
async fn whatever_moment_a_request_is_dropped_at_nothing_is_left() {
    let ground = Ground::new().await;
    let ledger = open_as(&ground.queue, "w1");
    drop(reserve(&ledger, "first", 10).await);
    for round in 0..60 {
        let wanted = want("m", 500);
        let mut reserve = Box::pin(ledger.reserve(&wanted, |_| {}));
        for _ in 0..round {
            tokio::select! {
                biased;
                _ = &mut reserve => break,
                () = tokio::task::yield_now() => {}
            }
        }
    }
    until_held(&ground.queue, &[]).await;
}

#[tokio::test]
async fn a_worker_that_dies_holds_nothing_after_its_lease() {
    let ground = Ground::new().await;
    // A runtime that is gone takes nothing back: the thread of the ledger ends without a word when its program does.
    let dead = ground.another().await;
    let ledger = open_as(&dead, "w1");
    let holding = reserve(&ledger, "m", 700).await;
    std::mem::forget(holding);
    let other = open_as(&ground.queue, "w2");
    drop(ledger);
    // Its last word still names what it never gave back.
    let granted = reserve(&other, "n", 700).await;
    until_held(&ground.queue, &[("n", 700, HoldingState::Loading)]).await;
    drop(granted);
}

#[tokio::test]
async fn when_all_data_are_lost_the_ledger_is_told_anew_before_anything_is_granted() {
    let ground = Ground::new().await;
    let (one, two) = (open_as(&ground.queue, "w1"), open_as(&ground.queue, "w2"));
    let busy = reserve(&one, "m", 500).await;
    busy.busy();
    until_held(&ground.queue, &[("m", 500, HoldingState::Busy)]).await;
    redis::cmd("FLUSHALL").exec_async(&mut ground.raw().await).await.unwrap();
    ground.prepare().await;
    let wanted = want("n", 500);
    let (reasons, mut heard) = mpsc::unbounded_channel();
    let mut waits = Box::pin(two.reserve(&wanted, |reason| drop(reasons.send(reason.clone()))));
    let is_open = async { while heard.recv().await.expect("it waits").closed_ms > 0 {} };
    tokio::select! {
        biased;
        early = &mut waits => panic!("granted beside what was held all the time: {early:?}"),
        () = within(is_open) => {}
    }
    until_held(&ground.queue, &[("m", 500, HoldingState::Busy)]).await;
    drop(busy);
    within(waits).await.unwrap();
}

/// Returns when the worker counts as dead if it says nothing more, without awaiting anything.
fn lapses(ground: &Ground) -> i64 {
    let script = "return cjson.decode(redis.call('GET', KEYS[1])).workers.w1.lapses";
    let answer = ground.valkey.ask(&format!("EVAL \"{script}\" 1 {{{PREFIX}}}:memory:host:cpu")).unwrap();
    answer.trim_start_matches(':').parse().expect("a number")
}

#[tokio::test]
async fn a_worker_whose_work_blocks_everything_keeps_its_memory() {
    let ground = Ground::new().await;
    let ledger = open_as(&ground.queue, "w1");
    let holding = reserve(&ledger, "m", 700).await;
    holding.busy();
    // Engines do this: nothing here awaits, so the runtime of the test does not run meanwhile.
    let begun = Instant::now();
    let first = lapses(&ground);
    while lapses(&ground) < first + LEASE.as_millis() as i64 {
        assert!(begun.elapsed() < LIMIT, "nobody speaks for the worker");
    }
    assert_eq!(held(&ground.queue).await, [("m".to_owned(), 700, HoldingState::Busy)]);
}

#[tokio::test]
async fn a_worker_with_few_rights_can_use_the_ledger() {
    let ground = Ground::new().await;
    let password = "s3cret";
    ground.valkey.ask(&format!("ACL SETUSER worker on >{password} {}", worker_acl_rules(PREFIX))).unwrap();
    let queue = Queue::connect(&ground.valkey.url_as("worker", password), PREFIX).await.unwrap();
    let (one, two) = (open_as(&queue, "w1"), open_as(&queue, "w2"));
    let first = reserve(&one, "m", 700).await;
    let wanted = want("n", 700);
    let granted = async {
        let waits = two.reserve(&wanted, |_| {});
        drop(first);
        waits.await
    };
    within(granted).await.unwrap();
}

#[tokio::test]
async fn who_waits_and_who_must_leave_hear_of_it_at_once() {
    // Nobody asks again by itself within this test.
    let seldom = Duration::from_secs(600);
    let ground = Ground::new().await;
    let device = Device { name: "host:cpu".to_owned(), total_mib: 1000, comfortable_mib: 750 };
    let one = ground.queue.open_ledger(&device, "w1", seldom).unwrap();
    let two = ground.queue.open_ledger(&device, "w2", seldom).unwrap();
    let mut raw = ground.raw().await;
    let are_heard = async {
        loop {
            let channels: Vec<String> = redis::cmd("PUBSUB")
                .arg("CHANNELS")
                .arg(format!("{{{PREFIX}}}:mem:*"))
                .query_async(&mut raw)
                .await
                .unwrap();
            if channels.len() == 2 && ground.queue.memory().await.unwrap().len() == 1 {
                return;
            }
        }
    };
    within(are_heard).await;
    desk::open(&mut raw).await;
    let first = reserve(&one, "m", 700).await;
    first.idle(700);
    until_held(&ground.queue, &[("m", 700, HoldingState::Idle)]).await;
    desk::age(&mut raw, 600_000).await;
    let wanted = want("n", 700);
    let granted = async {
        tokio::join!(two.reserve(&wanted, |_| {}), async {
            assert!(one.must_leave().await.contains("m"));
            drop(first);
        })
    };
    within(granted).await.0.unwrap();
}
