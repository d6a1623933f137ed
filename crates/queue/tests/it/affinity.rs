//! Which job a worker gets.

use queue::{Affinity, Consumer, Publication};

use crate::ground::{Ground, publication, take_with};

fn of(model: &str, rank: u8) -> Publication {
    Publication { model: model.to_owned(), rank, ..publication() }
}

fn affinity(warm: &[&str], prefer_warm: bool, excluded: &[&str]) -> Affinity {
    let own = |models: &[&str]| models.iter().map(|&model| model.to_owned()).collect();
    Affinity { warm_models: own(warm), prefer_warm, excluded_models: own(excluded), memory_mib: None }
}

/// Publishes jobs in this order, takes them all, and returns the order in which they came, as places in the list.
async fn order(publications: &[Publication], affinity: &Affinity) -> Vec<usize> {
    let ground = Ground::new().await;
    for publication in publications {
        ground.publish(publication).await;
        // Between lanes, age counts in milliseconds.
        ground.next_millisecond().await;
    }
    let mut consumer: Consumer = ground.consumer("w1").await;
    let mut order = Vec::new();
    for _ in publications {
        let lease = take_with(&mut consumer, affinity).await;
        order.push(publications.iter().position(|publication| publication.job.id == lease.job.id).unwrap());
    }
    order
}

#[tokio::test]
async fn without_wishes_the_oldest_job_comes_first() {
    let jobs = [of("a", 1), of("b", 1), of("a", 1), of("b", 1)];
    assert_eq!(order(&jobs, &Affinity::default()).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn the_more_urgent_job_comes_first_whatever_is_warm() {
    let jobs = [of("a", 2), of("a", 1), of("b", 0)];
    assert_eq!(order(&jobs, &affinity(&["a"], true, &[])).await, [2, 1, 0]);
}

#[tokio::test]
async fn the_warm_model_comes_first_until_its_quantum_is_used_up() {
    let jobs = [of("a", 1), of("b", 1), of("c", 1), of("b", 1)];
    assert_eq!(order(&jobs, &affinity(&["b"], true, &[])).await, [1, 3, 0, 2]);
    assert_eq!(order(&jobs, &affinity(&["b"], false, &[])).await, [0, 2, 1, 3]);
}

#[tokio::test]
async fn of_two_warm_models_the_first_named_comes_first() {
    let jobs = [of("a", 1), of("b", 1), of("c", 1)];
    assert_eq!(order(&jobs, &affinity(&["c", "b"], true, &[])).await, [2, 1, 0]);
}

#[tokio::test]
async fn a_model_that_failed_here_is_left_to_others() {
    let ground = Ground::new().await;
    let broken = of("broken", 0);
    let fine = of("fine", 2);
    ground.queue.publish(&[broken.clone(), fine.clone()]).await.unwrap();
    let lease = take_with(&mut ground.consumer("w1").await, &affinity(&[], true, &["broken"])).await;
    assert_eq!(lease.job.id, fine.job.id);
    let other = take_with(&mut ground.consumer("w2").await, &Affinity::default()).await;
    assert_eq!(other.job.id, broken.job.id);
}
