//! Cancelled jobs, and jobs that are simply dropped.

use std::time::{Duration, Instant};

use contract::{AssetId, event::Phase};
use worker::{Engine as _, EngineError, Order, engine::StepReport};

use crate::studio::{Attempt, LIMIT, Studio, filled, order, painted};

/// A cancelled job must be gone after this.
const CANCEL_LIMIT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_job_is_cancelled_within_a_second_and_the_next_one_finds_the_model() {
    let mut studio = Studio::open().await;
    let expected = studio.make(&order(|_| {})).await.unwrap();
    for _ in 0..2 {
        let mut attempt = Attempt::new();
        let long = order(|spec| (spec.painting.steps, spec.width) = (150, 256));
        studio.engine.load(&long, &attempt.run).await.unwrap();
        let generating = studio.engine.generate(&long, &attempt.run);
        let cancelling = async {
            while attempt.reports.steps.recv().await.is_none_or(|report| report.step < 3) {}
            attempt.cancel.cancel();
            Instant::now()
        };
        let (outcome, cancelled_at) = tokio::join!(generating, cancelling);
        let waited = cancelled_at.elapsed();
        assert!(matches!(outcome, Err(EngineError::Cancelled)), "{outcome:?}");
        assert!(waited < CANCEL_LIMIT, "the cancel took {waited:?}");
        let resumed_at = Instant::now();
        assert!(studio.make(&order(|_| {})).await.unwrap() == expected, "a cancel changes the next picture");
        println!("cancelled in {waited:?}, next picture after {:?}", resumed_at.elapsed());
    }
}

#[tokio::test]
async fn every_kind_is_cancelled_within_a_second() {
    let (steps, red) = (150, [200, 20, 20]);
    let plain = |kind: &str, mut fields: serde_json::Value| {
        fields["steps"] = steps.into();
        Order::without_pictures(painted(kind, fields), 256, 256)
    };
    let image = Some(filled(256, 256, red));
    let image_to_image = plain("image_to_image", serde_json::json!({"image": AssetId::new()}));
    let inpaint = plain("inpaint", serde_json::json!({"image": AssetId::new()}));
    let edit = plain("image_edit", serde_json::json!({"images": [AssetId::new()]}));
    let hires = plain("text_to_image", serde_json::json!({"hires": {"steps": 100, "strength": 1}}));
    let upscale = serde_json::json!({"kind": "upscale", "image": AssetId::new(), "upscaler": "tiny-esrgan-x4"});
    let upscale = Order::without_pictures(serde_json::from_value(upscale).unwrap(), 512, 64);
    let orders = [
        Order { image: image.clone(), ..image_to_image },
        Order { image, mask: Some(vec![255; 256 * 256]), ..inpaint },
        Order { references: vec![filled(64, 64, red)], ..edit },
        hires,
        Order { image: Some(filled(512, 64, red)), ..upscale },
    ];
    let mut studio = Studio::open().await;
    for order in orders {
        let mut attempt = Attempt::new();
        studio.engine.load(&order, &attempt.run).await.unwrap();
        let generating = studio.engine.generate(&order, &attempt.run);
        let cancelling = async {
            let is_busy = |report: StepReport| {
                matches!(report.phase, Phase::Sampling | Phase::Upscaling) && (1..report.steps).contains(&report.step)
            };
            while !attempt.reports.steps.recv().await.is_some_and(is_busy) {}
            attempt.cancel.cancel();
            Instant::now()
        };
        let (outcome, cancelled_at) = tokio::join!(generating, cancelling);
        let waited = cancelled_at.elapsed();
        let kind = order.spec.kind();
        assert!(matches!(outcome, Err(EngineError::Cancelled)), "{kind:?}: {outcome:?}");
        assert!(waited < CANCEL_LIMIT, "{kind:?}: the cancel took {waited:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_during_the_load_goes_at_once_while_the_load_goes_on() {
    let mut studio = Studio::open().await;
    let attempt = Attempt::new();
    attempt.cancel.cancel();
    let begun = Instant::now();
    let outcome = studio.engine.load(&order(|_| {}), &attempt.run).await;
    assert!(matches!(outcome, Err(EngineError::Cancelled)), "{outcome:?}");
    assert!(begun.elapsed() < CANCEL_LIMIT);
    studio.make(&order(|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_job_that_was_dropped_half_way_does_no_harm_to_the_next() {
    let mut studio = Studio::open().await;
    let expected = studio.make(&order(|_| {})).await.unwrap();
    let mut attempt = Attempt::new();
    {
        let long = order(|spec| spec.painting.steps = 150);
        let generating = studio.engine.generate(&long, &attempt.run);
        let seen = async { while attempt.reports.steps.recv().await.unwrap().phase != Phase::Sampling {} };
        tokio::select! {
            _ = generating => panic!("150 steps took no time"),
            () = seen => {}
        }
    }
    assert!(studio.engine.resident_models().is_empty(), "nobody knows what the child is doing");
    let next = tokio::time::timeout(LIMIT, studio.make(&order(|_| {}))).await.unwrap().unwrap();
    assert!(next == expected);
}
