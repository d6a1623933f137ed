//! Several models in memory, within a budget.

use worker::Engine as _;
use worker_sd::sd::SdEngine;

use crate::studio::{Attempt, LIMIT, Studio, kill, order, wait_until_gone};

/// More than all models of these tests hold.
const ROOMY_MIB: u64 = 4096;
/// A tiny model holds about 140 MiB: room for two of them.
const TIGHT_MIB: u64 = 330;

async fn make(studio: &mut Studio, model: &str) {
    studio.make(&order(|spec| spec.painting.model = Some(model.to_owned()))).await.unwrap();
}

fn residents(engine: &SdEngine) -> Vec<String> {
    let mut models = engine.resident_models();
    models.sort();
    models
}

#[tokio::test]
async fn several_models_stay_in_memory_while_there_is_room_and_none_is_loaded_twice() {
    let mut studio = Studio::open_within(ROOMY_MIB).await;
    for model in ["smoke", "second", "third"] {
        make(&mut studio, model).await;
    }
    assert_eq!(residents(&studio.engine), ["second", "smoke", "third"]);
    let mut attempt = Attempt::new();
    studio.engine.load(&order(|_| {}), &attempt.run).await.unwrap();
    assert_eq!(attempt.steps(), [], "a load was reported");
}

#[tokio::test]
async fn when_memory_is_tight_the_model_that_was_not_used_for_longest_leaves() {
    let mut studio = Studio::open_within(TIGHT_MIB).await;
    make(&mut studio, "smoke").await;
    let staying = studio.engine.process_id();
    make(&mut studio, "second").await;
    assert_eq!(residents(&studio.engine), ["second", "smoke"]);
    let leaving = studio.engine.process_id().unwrap();
    make(&mut studio, "smoke").await;
    assert_eq!(studio.engine.process_id(), staying);
    make(&mut studio, "third").await;
    wait_until_gone(leaving);
    assert_eq!(residents(&studio.engine), ["smoke", "third"]);
}

#[tokio::test]
async fn the_death_of_one_child_costs_the_others_nothing() {
    let mut studio = Studio::open_within(ROOMY_MIB).await;
    make(&mut studio, "smoke").await;
    make(&mut studio, "second").await;
    kill(studio.engine.process_id().unwrap());
    let noticed = async {
        while residents(&studio.engine) != ["smoke"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, noticed).await.unwrap();
    let mut attempt = Attempt::new();
    studio.engine.load(&order(|_| {}), &attempt.run).await.unwrap();
    assert_eq!(attempt.steps(), [], "a load was reported");
}
