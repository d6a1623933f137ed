//! Several models in memory, within a budget.

use std::{collections::BTreeMap, time::Duration};

use worker::Engine as _;
use worker_sd::sd::SdEngine;

use crate::studio::{Attempt, LIMIT, Studio, kill, order, program, start_program_within, wait_until_gone};

/// More than all models of these tests hold.
const ROOMY_MIB: u64 = 4096;
/// A tiny model holds about 140 MiB: room for two of them.
const TIGHT_MIB: u64 = 330;
/// Room for one of them.
const SCANT_MIB: u64 = 200;

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
    let held_mib = studio.engine.held_mib("second").unwrap();
    assert!((20..1000).contains(&held_mib), "{held_mib} MiB");
    let mut attempt = Attempt::new();
    studio.engine.load(&order(|_| {}), &attempt.run).await.unwrap();
    assert_eq!(attempt.steps(), [], "a load was reported");
}

#[tokio::test]
async fn when_memory_is_tight_one_model_leaves_for_another_and_no_more_than_that() {
    let mut studio = Studio::open_within(TIGHT_MIB).await;
    let mut children = BTreeMap::new();
    for model in ["smoke", "second"] {
        make(&mut studio, model).await;
        children.insert(model.to_owned(), studio.engine.process_id().unwrap());
    }
    assert_eq!(residents(&studio.engine), ["second", "smoke"]);
    make(&mut studio, "third").await;
    let left = residents(&studio.engine);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&"third".to_owned()), "{left:?}");
    children.retain(|model, _| !left.contains(model));
    assert_eq!(children.len(), 1);
    children.into_values().for_each(wait_until_gone);
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

#[tokio::test]
async fn a_model_of_another_worker_leaves_when_memory_is_tight_and_the_job_says_why_it_waits() {
    let mut studio = Studio::open_within(SCANT_MIB).await;
    make(&mut studio, "smoke").await;
    let mut other = start_program_within(program(), studio.models.path(), SCANT_MIB, &studio.queue).await;
    let mut attempt = Attempt::new();
    let second = order(|spec| spec.painting.model = Some("second".to_owned()));
    let making = async {
        other.load(&second, &attempt.run).await.unwrap();
        other.generate(&second, &attempt.run).await.unwrap();
    };
    let waiting = async {
        let reason = attempt.reports.waits.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        // A worker without a job does this.
        studio.engine.tend().await;
        reason
    };
    let ((), reason) = tokio::time::timeout(LIMIT, async { tokio::join!(making, waiting) }).await.unwrap();
    assert!(reason.starts_with("second needs ") && reason.contains("smoke holds "), "{reason}");
    assert_eq!((residents(&studio.engine), residents(&other)), (vec![], vec!["second".to_owned()]));
    assert!(attempt.run.waited() > Duration::ZERO);
}
