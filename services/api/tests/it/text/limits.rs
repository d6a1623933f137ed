//! How many may ask, how long they wait, and what they hear meanwhile.

use std::time::Duration;

use api::text::{Error, Settings};
use contract::{spec::WorkerKind, worker::WorkerState};
use tokio::time::timeout;

use super::desk::{Desk, SETTINGS, answer, asking, next_of_answer, read, reason, take, told};
use crate::wait::PATIENCE;

#[tokio::test]
async fn a_full_server_refuses_and_takes_more_when_one_has_ended() {
    let desk = Desk::open_with(Settings { open: 2, ..SETTINGS }).await;
    let first = desk.ask().await;
    let mut second = desk.ask().await;
    let refused = desk.texts.ask(asking("tiny")).await;
    assert!(matches!(refused, Err(Error::Full(2))));
    assert_eq!(desk.world.queue().depth(WorkerKind::Llm).await.unwrap().queued, 2);
    drop(first);
    let third = desk.ask().await;
    let mut worker = desk.worker("one").await;
    answer(take(&mut worker).await, 1).await;
    assert_eq!(read(&mut second).await, (told(1), None));
    let fourth = desk.ask().await;
    assert!(desk.texts.ask(asking("tiny")).await.is_err());
    drop((third, fourth));
    desk.until_empty().await;
}

#[tokio::test]
async fn without_a_worker_it_waits_says_so_and_fails_in_the_end() {
    let desk = Desk::open_with(Settings { wait: Duration::from_secs(2), ..SETTINGS }).await;
    let mut answering = desk.ask().await;
    let reason = reason(&mut answering).await;
    assert!(reason.contains("No text worker is running; start one"), "{reason}");
    let (_, failure) = read(&mut answering).await;
    let failure = failure.unwrap();
    assert_eq!(failure.message, "No text worker took the request within 2 s.");
    assert!(failure.remedy.unwrap().contains("Start a text worker"));
    desk.until_empty().await;
}

#[tokio::test]
async fn whoever_waits_hears_the_place_the_model_and_what_the_worker_says() {
    let desk = Desk::open().await;
    desk.announce("one", WorkerState::Busy, None).await;
    let mut first = desk.ask().await;
    let mut second = desk.ask().await;
    assert_eq!(reason(&mut first).await, "The request for tiny waits for the text worker, and it is the next.");
    let behind = "The request for tiny waits for the text worker, and 1 request is before it.";
    assert_eq!(reason(&mut second).await, behind);
    desk.announce("one", WorkerState::Broken, Some("llama-server is not there")).await;
    let broken = "No text worker can work. One of 1 says: llama-server is not there";
    assert_eq!(reason(&mut first).await, broken);
    desk.announce("two", WorkerState::Idle, None).await;
    let one_of = "The request for tiny waits for one of 2 text workers, and it is the next.";
    assert_eq!(reason(&mut first).await, one_of);
}

#[tokio::test]
async fn what_is_paused_waits_in_no_lane_until_it_is_resumed() {
    let desk = Desk::open().await;
    let mut before = desk.ask().await;
    let kinds = [WorkerKind::Llm];
    desk.world.dispatch.pause(&kinds).await.unwrap();
    let mut after = desk.ask().await;
    for answering in [&mut before, &mut after] {
        while !reason(answering).await.contains("paused") {}
    }
    desk.world.until_valkey_is_empty().await;
    let mut worker = desk.worker("one").await;
    desk.world.dispatch.resume(&kinds).await.unwrap();
    answer(take(&mut worker).await, 1).await;
    answer(take(&mut worker).await, 1).await;
    for answering in [&mut before, &mut after] {
        assert!(next_of_answer(answering).await.is_some());
        assert_eq!(read(answering).await.1, None);
    }
}

#[tokio::test]
async fn it_stops_when_it_is_told_and_takes_back_what_nobody_waits_for() {
    let desk = Desk::open().await;
    let answering = desk.ask().await;
    desk.stop.cancel();
    drop(answering);
    timeout(PATIENCE, desk.task).await.unwrap().unwrap();
    desk.world.until_valkey_is_empty().await;
}
