//! Answers that do not come, or not whole: whoever waits always hears of it.

use contract::job::{Failure, FailureCode};
use queue::{Accepted, Ending};
use tokio::time::timeout;

use super::desk::{Desk, answer, last, next_of_answer, read, take, told, words};
use crate::wait::PATIENCE;

fn is_lost(failure: Option<Failure>) -> bool {
    failure.is_some_and(|failure| failure.code == FailureCode::WorkerLost && failure.remedy.is_some())
}

#[tokio::test]
async fn a_part_that_was_lost_ends_the_answer_and_the_work() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    for number in [0, 1, 3] {
        assert_eq!(lease.send(&words(lease.job.id, number)).await.unwrap(), 1);
    }
    let (text, failure) = read(&mut answering).await;
    assert_eq!(text, told(2));
    assert_eq!(failure.unwrap().message, "A part of the answer was lost on the way.");
    timeout(PATIENCE, lease.cancelled().cancelled()).await.unwrap();
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    desk.until_empty().await;
}

#[tokio::test]
async fn a_worker_that_dies_ends_the_answer() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
    // Nothing beats for it any more.
    drop((lease, worker));
    let (text, failure) = read(&mut answering).await;
    assert_eq!(text, told(1));
    assert_eq!(failure.unwrap().message, "The text worker disappeared before the answer was whole.");
    desk.until_empty().await;
}

#[tokio::test]
async fn when_all_data_are_lost_what_waits_is_asked_again() {
    let desk = Desk::open().await;
    let mut answering = desk.ask().await;
    let first = answering.id();
    desk.world.valkey.flush().unwrap();
    let mut worker = desk.worker("one").await;
    let lease = take(&mut worker).await;
    // Under another name, so that a worker that had the first cannot speak into the answer.
    assert_ne!(lease.job.id, first);
    answer(lease, 3).await;
    assert_eq!(read(&mut answering).await, (told(3), None));
    assert_eq!(answering.id(), first);
    desk.until_empty().await;
}

#[tokio::test]
async fn when_the_functions_are_lost_too_what_waits_is_asked_again() {
    let desk = Desk::open().await;
    let mut answering = desk.ask().await;
    desk.world.valkey.flush().unwrap();
    desk.world.valkey.flush_functions().unwrap();
    let mut worker = desk.worker("one").await;
    answer(take(&mut worker).await, 3).await;
    assert_eq!(read(&mut answering).await, (told(3), None));
}

#[tokio::test]
async fn when_all_data_are_lost_an_answer_that_has_begun_fails() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
    assert!(next_of_answer(&mut answering).await.is_some());
    desk.world.valkey.flush().unwrap();
    let (_, failure) = read(&mut answering).await;
    assert!(is_lost(failure));
    desk.until_empty().await;
}

#[tokio::test]
async fn a_connection_that_breaks_ends_what_is_under_way_and_nothing_that_waits() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut begun = desk.ask().await;
    let lease = take(&mut worker).await;
    assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
    assert!(next_of_answer(&mut begun).await.is_some());
    let mut waiting = desk.ask().await;
    desk.world.valkey.ask("CLIENT KILL TYPE pubsub").unwrap();
    let (_, failure) = read(&mut begun).await;
    assert!(is_lost(failure));
    answer(take(&mut worker).await, 3).await;
    assert_eq!(read(&mut waiting).await, (told(3), None));
}

#[tokio::test]
async fn a_request_that_was_given_up_before_its_first_word_is_asked_again() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    // It spoke while the connection was away, heard that nobody listens, and gave the request up.
    assert_eq!(take(&mut worker).await.cancel().await.unwrap(), Accepted::Yes);
    answer(take(&mut worker).await, 3).await;
    assert_eq!(read(&mut answering).await, (told(3), None));
}

#[tokio::test]
async fn a_request_that_every_worker_gives_up_fails() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let giving_up = async {
        loop {
            assert_eq!(take(&mut worker).await.cancel().await.unwrap(), Accepted::Yes);
        }
    };
    let (_, failure) = tokio::select! {
        answer = read(&mut answering) => answer,
        () = giving_up => unreachable!(),
    };
    assert!(is_lost(failure));
    desk.until_empty().await;
}

#[tokio::test]
async fn what_a_worker_says_of_its_failure_is_what_is_heard() {
    let desk = Desk::open().await;
    let mut worker = desk.worker("one").await;
    let mut answering = desk.ask().await;
    let lease = take(&mut worker).await;
    let failure = Failure { code: FailureCode::EngineCrashed, message: "It died.".to_owned(), remedy: None };
    let mut frame = last(lease.job.id, 0);
    frame.events = vec![contract::text::TextEvent::Failed { failure: failure.clone() }];
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
    assert_eq!(read(&mut answering).await, (String::new(), Some(failure)));
}
