//! What a run hears of the engine.

use contract::{AssetId, event::Phase};
use worker::{Engine as _, Order, engine::StepReport};

use crate::studio::{Attempt, Studio, filled, order, painted};

#[tokio::test]
async fn the_phases_come_in_order_and_every_step_is_counted() {
    let mut studio = Studio::open().await;
    let mut attempt = Attempt::new();
    let order = order(|spec| (spec.painting.steps, spec.painting.batch_count) = (5, 2));
    studio.engine.load(&order, &attempt.run).await.unwrap();
    let loading = attempt.steps();
    assert!(loading.iter().any(|report| report.step > 0), "{loading:?}");
    assert!(loading.iter().all(|report| report.phase == Phase::Loading), "{loading:?}");
    studio.engine.generate(&order, &attempt.run).await.unwrap();
    let reports = attempt.steps();
    let phases: Vec<_> = reports.iter().map(|report| report.phase).collect();
    assert!(phases.is_sorted(), "{phases:?}");
    assert!(phases.contains(&Phase::Encoding) && phases.contains(&Phase::Decoding), "{phases:?}");
    let steps = |report: &StepReport| (report.phase == Phase::Sampling).then_some((report.step, report.steps));
    let sampled: Vec<_> = reports.iter().filter_map(steps).collect();
    let expected: Vec<_> = (0..=5).chain(5..=10).map(|step| (step, 10)).collect();
    assert_eq!(sampled, expected);
}

#[tokio::test]
async fn the_steps_of_a_second_pass_count_on() {
    let mut studio = Studio::open().await;
    for upscaler in ["latent", "lanczos", "tiny-esrgan-x2"] {
        let mut attempt = Attempt::new();
        let hires = serde_json::json!({"upscaler": upscaler, "steps": 3, "strength": 0.6});
        let order = order(|spec| {
            (spec.painting.steps, spec.painting.batch_count) = (2, 2);
            spec.hires = Some(serde_json::from_value(hires).unwrap());
        });
        studio.engine.load(&order, &attempt.run).await.unwrap();
        attempt.steps();
        studio.engine.generate(&order, &attempt.run).await.unwrap();
        let reports = attempt.steps();
        let steps = |report: &StepReport| (report.phase == Phase::Sampling).then_some((report.step, report.steps));
        let sampled: Vec<_> = reports.iter().filter_map(steps).collect();
        let last = sampled.last().copied();
        assert!(sampled.is_sorted() && last.is_some_and(|(step, steps)| step == steps), "{upscaler}: {sampled:?}");
        // Two pictures of two steps, then two pictures of the second pass.
        assert!(sampled.iter().all(|(_, steps)| (10..=12).contains(steps)), "{upscaler}: {sampled:?}");
        assert!(reports.iter().any(|report| report.phase == Phase::Upscaling), "{upscaler}");
        assert_eq!(reports.last().map(|report| report.phase), Some(Phase::Decoding), "{upscaler}");
    }
}

#[tokio::test]
async fn a_picture_that_begins_with_another_samples_a_part_of_the_steps() {
    let mut studio = Studio::open().await;
    let fields = serde_json::json!({"image": AssetId::new(), "strength": 0.5, "steps": 10});
    let plain = Order::without_pictures(painted("image_to_image", fields), 64, 64);
    let order = Order { image: Some(filled(64, 64, [20, 40, 200])), ..plain };
    let mut attempt = Attempt::new();
    studio.engine.load(&order, &attempt.run).await.unwrap();
    studio.engine.generate(&order, &attempt.run).await.unwrap();
    let reports = attempt.steps();
    let sampled: Vec<_> = reports.iter().filter(|report| report.phase == Phase::Sampling).collect();
    assert_eq!(sampled.last().map(|report| (report.step, report.steps)), Some((6, 6)), "{sampled:?}");
}

#[tokio::test]
async fn previews_are_small_jpegs_of_the_picture_to_come() {
    let mut studio = Studio::open().await;
    let mut attempt = Attempt::new();
    let order = order(|spec| spec.painting.steps = 20);
    studio.engine.load(&order, &attempt.run).await.unwrap();
    assert!(!attempt.reports.preview.has_changed().unwrap(), "the load shows nothing");
    studio.engine.generate(&order, &attempt.run).await.unwrap();
    let preview = attempt.reports.preview.borrow_and_update().clone().unwrap();
    assert!((1..=20).contains(&preview.step));
    let picture = image::load_from_memory_with_format(&preview.jpeg, image::ImageFormat::Jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (8, 8));
}

#[tokio::test]
async fn the_second_picture_pays_for_no_load() {
    let mut studio = Studio::open().await;
    assert!(studio.engine.resident_models().is_empty());
    studio.make(&order(|_| {})).await.unwrap();
    assert_eq!(studio.engine.resident_models(), ["smoke"]);
    let child = studio.engine.process_id();
    let mut attempt = Attempt::new();
    studio.engine.load(&order(|spec| spec.painting.seed = Some(2)), &attempt.run).await.unwrap();
    assert_eq!(attempt.steps(), [], "a load was reported");
    studio.engine.generate(&order(|spec| spec.painting.seed = Some(2)), &attempt.run).await.unwrap();
    assert!(attempt.steps().iter().all(|report| report.phase != Phase::Loading));
    assert_eq!(studio.engine.process_id(), child);
}

#[tokio::test]
async fn the_engine_says_what_it_is_and_gives_its_memory_back() {
    let mut studio = Studio::open().await;
    let description = studio.engine.describe();
    assert!(description.name.starts_with("stable-diffusion.cpp of diffusion-rs-sys 0."), "{description:?}");
    assert!(!description.device.is_empty());
    studio.make(&order(|_| {})).await.unwrap();
    let child = studio.engine.process_id().unwrap();
    studio.engine.unload().await;
    crate::studio::wait_until_gone(child);
    assert!(studio.engine.resident_models().is_empty());
    studio.make(&order(|_| {})).await.unwrap();
}
