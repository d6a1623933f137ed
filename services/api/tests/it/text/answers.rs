//! Answers that come, in order and whole.

use std::time::{Duration, Instant};

use contract::{JobId, job::Priority, text::TextJob};
use queue::{Accepted, Ending};
use tokio::{task::JoinSet, time::timeout};

use super::desk::{Desk, SETTINGS, answer, asking, end, last, next_of_answer, read, reception, take, told, words};
use crate::wait::PATIENCE;

#[tokio::test]
async fn an_answer_comes_in_order_with_one_end_and_leaves_nothing() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    assert_eq!((lease.job.id, lease.job.model.as_str()), (answering.id(), "tiny"));
    answer(lease, 5).await;
    assert_eq!(read(&mut answering).await, (told(5), None));
    desk.until_empty().await;
    assert_eq!(desk.world.changes(answering.id()).await, []);
}

#[tokio::test]
async fn a_frame_that_was_overtaken_comes_in_its_place() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    let id = lease.job.id;
    for number in [1, 3, 0, 0, 2, 2] {
        assert_eq!(lease.send(&words(id, number)).await.unwrap(), 1);
    }
    let frame = last(id, 4);
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
    assert_eq!(read(&mut answering).await, (told(4), None));
}

#[tokio::test]
async fn whoever_reads_slowly_gets_every_word_once() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    answer(take(&mut worker).await, 5000).await;
    assert_eq!(read(&mut answering).await, (told(5000), None));
}

#[tokio::test]
async fn whoever_goes_away_ends_the_work_at_once() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
    assert!(next_of_answer(&mut answering).await.is_some());
    let begin = Instant::now();
    drop(answering);
    timeout(PATIENCE, lease.cancelled().cancelled()).await.unwrap();
    println!("the cancel reached the worker after {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(2), "the cancel took {:?}", begin.elapsed());
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    desk.until_empty().await;
}

#[tokio::test]
async fn whoever_goes_away_while_waiting_leaves_nothing_in_the_queue() {
    let desk = Desk::open().await;
    drop(desk.ask().await);
    desk.until_empty().await;
}

#[tokio::test]
async fn the_words_of_a_request_that_nobody_waits_for_end_it() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let answering = desk.ask().await;
    let lease = take(&mut worker).await;
    // As if its cancel had been lost.
    let stray = TextJob { id: JobId::new(), ..lease.job.clone() };
    let (wait, silence) = (SETTINGS.wait, SETTINGS.lease);
    desk.world.queue().publish_text(&stray, Priority::Interactive, wait, silence).await.unwrap();
    let stray = take(&mut worker).await;
    assert_eq!(stray.send(&words(stray.job.id, 0)).await.unwrap(), 1);
    timeout(PATIENCE, stray.cancelled().cancelled()).await.unwrap();
    assert!(!lease.cancelled().is_cancelled());
    drop(answering);
}

#[tokio::test]
async fn two_instances_get_their_own_answers() {
    let desk = Desk::open().await;
    let (texts, stop, task) = reception(&desk.world, SETTINGS).await;
    let mut worker = desk.worker("one").await;
    let mut first = desk.ask().await;
    let mut second = texts.ask(asking("tiny")).await.unwrap();
    answer(take(&mut worker).await, 2).await;
    answer(take(&mut worker).await, 3).await;
    assert_eq!(read(&mut first).await, (told(2), None));
    assert_eq!(read(&mut second).await, (told(3), None));
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn two_hundred_at_once_are_all_answered() {
    let desk = Desk::open().await;
    let mut workers = JoinSet::new();
    for name in ["one", "two", "three", "four"] {
        let mut worker = desk.worker(name).await;
        workers.spawn(async move {
            let mut answers = JoinSet::new();
            for _ in 0..50 {
                answers.spawn(answer(take(&mut worker).await, 20));
            }
            answers.join_all().await;
        });
    }
    let begin = Instant::now();
    let mut readers = JoinSet::new();
    for _ in 0..200 {
        let texts = desk.texts.clone();
        readers.spawn(async move { read(&mut texts.ask(asking("tiny")).await.unwrap()).await });
    }
    for answer in timeout(PATIENCE, readers.join_all()).await.unwrap() {
        assert_eq!(answer, (told(20), None));
    }
    println!("200 answers took {:?}", begin.elapsed());
    timeout(PATIENCE, workers.join_all()).await.unwrap();
    desk.until_empty().await;
}

#[tokio::test]
async fn an_end_among_the_words_is_the_last_that_is_heard() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    let mut frame = last(lease.job.id, 0);
    frame.events.extend(words(lease.job.id, 0).events);
    frame.events.push(end());
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
    assert_eq!(read(&mut answering).await, (String::new(), None));
}
