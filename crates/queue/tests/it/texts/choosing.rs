//! Which requests a worker takes, and how many at once.

use queue::{Accepted, Affinity, Ending};
use tokio_util::sync::CancellationToken;

use super::{ask, finish, last, take_text, take_text_with, text_job_of, worker};
use crate::ground::{Ground, within};

fn without(model: &str) -> Affinity {
    Affinity { excluded_models: vec![model.to_owned()], ..Affinity::default() }
}

#[tokio::test]
async fn a_worker_takes_more_while_it_has_some() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    let mut leases = Vec::new();
    for _ in 0..8 {
        let id = ask(&ground.queue, &text_job_of("tiny", "a1")).await;
        let lease = take_text(&mut consumer).await;
        assert_eq!(lease.job.id, id);
        leases.push(lease);
    }
    for lease in leases {
        assert_eq!(finish(lease, 0).await, Accepted::Yes);
    }
}

#[tokio::test]
async fn a_model_whose_places_are_taken_does_not_keep_the_others_from_being_taken() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    ask(&ground.queue, &text_job_of("full", "a1")).await;
    let free = ask(&ground.queue, &text_job_of("free", "a1")).await;
    assert_eq!(take_text_with(&mut consumer, &without("full")).await.job.id, free);
}

#[tokio::test]
async fn a_place_that_becomes_free_is_filled_at_once() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    for _ in 0..20 {
        let rethink = CancellationToken::new();
        let wishes = without("full");
        // It waits without the model, and is woken in vain by its request; then a place becomes free.
        let (none, id) = tokio::join!(consumer.next(&wishes, &rethink), async {
            ground.blocked_reader().await;
            let id = ask(&ground.queue, &text_job_of("full", "a1")).await;
            rethink.cancel();
            id
        });
        assert!(none.unwrap().is_none(), "it took what it had excluded");
        let lease = take_text(&mut consumer).await;
        assert_eq!((lease.job.id, lease.attempt), (id, 1));
        assert_eq!(finish(lease, 0).await, Accepted::Yes);
    }
}

#[tokio::test]
async fn the_end_of_one_brings_the_next_that_may_be_taken() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    for model in ["a", "full", "b"] {
        ask(&ground.queue, &text_job_of(model, "a1")).await;
    }
    let (wishes, stop) = (without("full"), CancellationToken::new());
    let lease = take_text_with(&mut consumer, &wishes).await;
    let ending = last(lease.job.id, 0);
    let ended = consumer.finish_and_take(lease, Ending::Text(&ending), &wishes, &stop);
    let (accepted, next) = within(ended).await.unwrap();
    assert_eq!(accepted, Accepted::Yes);
    assert_eq!(next.expect("one waits").job.model, "b");
}
