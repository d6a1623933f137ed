//! Every parameter counts, and nothing else does.

use std::collections::BTreeMap;

use contract::spec::{
    JobSpec, Painting, TextToImage,
    sampling::{Cache, Sampler, Scheduler, SkipLayerGuidance},
};
use worker::{EngineError, Order, Picture};

use crate::studio::{Studio, order, reordered};

async fn picture(studio: &mut Studio, order: &Order) -> Picture {
    let mut pictures = studio.make(order).await.unwrap();
    assert_eq!(pictures.len(), 1);
    pictures.remove(0)
}

#[tokio::test]
async fn the_same_spec_makes_the_same_picture_and_any_other_another() {
    type Change = fn(&mut TextToImage);
    let changes: [(&str, Change); 9] = [
        ("nothing", |_| {}),
        ("prompt", |spec| spec.painting.prompt = "a red cat".to_owned()),
        ("seed", |spec| spec.painting.seed = Some(2)),
        ("steps", |spec| spec.painting.steps = 3),
        ("width", |spec| spec.width = 80),
        ("height", |spec| spec.height = 80),
        ("cfg_scale", |spec| spec.painting.cfg_scale = 3.0),
        ("negative_prompt", |spec| (spec.painting.cfg_scale, spec.painting.negative_prompt) = (3.0, "blue".to_owned())),
        ("sampler", |spec| spec.painting.sampler = Some(Sampler::Heun)),
    ];
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for (name, change) in changes {
        let made = picture(&mut studio, &order(change)).await;
        let JobSpec::TextToImage(wanted) = order(change).spec else { panic!("another kind") };
        assert_eq!(
            (made.width, made.height, Some(made.seed)),
            (wanted.width, wanted.height, wanted.painting.seed),
            "{name}"
        );
        assert_eq!(made.rgb.len() as u32, made.width * made.height * 3);
        if let Some(other) = seen.insert(made.rgb, name) {
            panic!("{name} makes the same picture as {other}");
        }
    }
    let again = picture(&mut studio, &order(|_| {})).await;
    assert_eq!(seen.get(&again.rgb), Some(&"nothing"), "the same spec made another picture");
}

#[tokio::test]
async fn every_sampler_of_the_contract_makes_a_picture_of_its_own() {
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for sampler in Sampler::ALL {
        let made = picture(&mut studio, &order(|spec| spec.painting.sampler = Some(*sampler))).await;
        if let Some(other) = seen.insert(made.rgb, sampler) {
            panic!("{sampler:?} makes the same picture as {other:?}");
        }
    }
}

#[tokio::test]
async fn every_scheduler_of_the_contract_makes_a_picture_of_its_own_or_says_why_not() {
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for scheduler in Scheduler::ALL {
        let outcome = studio.make(&order(|spec| spec.painting.scheduler = Some(*scheduler))).await;
        if *scheduler == Scheduler::Ays {
            // Its table knows Stable Diffusion 1 and XL. For others the library makes a black picture.
            let Err(EngineError::Rejected { message, .. }) = outcome else { panic!("{outcome:?}") };
            assert!(message.contains("AYS"), "{message}");
            continue;
        }
        if let Some(other) = seen.insert(outcome.unwrap().remove(0).rgb, scheduler) {
            panic!("{scheduler:?} makes the same picture as {other:?}");
        }
    }
}

/// What a change of a parameter does to the picture of this family, FLUX.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Another picture.
    Another,
    /// The same picture: the library passes over it, as docs/engines.md says.
    None,
}

#[tokio::test]
async fn what_is_said_about_each_parameter_is_true() {
    type Change = fn(&mut Painting);
    let changes: [(&str, Effect, Change); 15] = [
        ("skip_layer_guidance", Effect::Another, |painting| painting.skip_layer_guidance = Some(skipping(&[0]))),
        ("skip_layer_guidance of all layers", Effect::Another, |painting| {
            painting.skip_layer_guidance = Some(skipping(&[0, 1]));
        }),
        ("skip_layer_guidance of layers that are not there", Effect::None, |painting| {
            painting.skip_layer_guidance = Some(skipping(&[40]));
        }),
        ("eta of a sampler without it", Effect::None, |painting| painting.eta = Some(0.5)),
        ("flow_shift", Effect::None, |painting| painting.flow_shift = Some(1.0)),
        ("clip_skip", Effect::None, |painting| painting.clip_skip = 2),
        ("distilled_guidance", Effect::None, |painting| painting.distilled_guidance = 9.0),
        ("vae_tiling", Effect::None, |painting| painting.vae_tiling = Some(true)),
        ("easycache", Effect::Another, |painting| painting.cache = Some(Cache::Easycache)),
        ("ucache", Effect::None, |painting| painting.cache = Some(Cache::Ucache)),
        ("dbcache", Effect::Another, |painting| painting.cache = Some(Cache::Dbcache)),
        ("taylorseer", Effect::Another, |painting| painting.cache = Some(Cache::Taylorseer)),
        ("cache_dit", Effect::Another, |painting| painting.cache = Some(Cache::CacheDit)),
        ("spectrum", Effect::Another, |painting| painting.cache = Some(Cache::Spectrum)),
        ("nothing", Effect::None, |_| {}),
    ];
    let mut studio = Studio::open().await;
    let base = order(|spec| spec.painting.steps = 24);
    let plain = picture(&mut studio, &base).await;
    let mut wrong = Vec::new();
    for (name, expected, change) in changes {
        let made = picture(&mut studio, &reordered(&base, change)).await;
        let effect = if made == plain { Effect::None } else { Effect::Another };
        if effect != expected {
            wrong.push((name, effect));
        }
    }
    assert_eq!(wrong, []);
    assert!(picture(&mut studio, &base).await == plain, "a parameter outlives its picture");
}

#[tokio::test]
async fn a_scheduler_that_cannot_spread_a_single_step_refuses_it_and_every_other_paints() {
    let mut studio = Studio::open().await;
    for scheduler in Scheduler::ALL.iter().filter(|scheduler| **scheduler != Scheduler::Ays) {
        let one = order(|spec| (spec.painting.steps, spec.painting.scheduler) = (1, Some(*scheduler)));
        let outcome = studio.make(&one).await;
        if matches!(scheduler, Scheduler::Karras | Scheduler::Exponential | Scheduler::Gits) {
            let Err(EngineError::Rejected { message, remedy: Some(_) }) = outcome else { panic!("{outcome:?}") };
            assert!(message.contains("single step"), "{message}");
            continue;
        }
        let made = outcome.unwrap().remove(0);
        assert!(made.rgb.iter().any(|value| *value != made.rgb[0]), "{scheduler:?} paints one colour");
    }
    // In a second pass, too.
    let hires = serde_json::json!({"steps": 1, "strength": 0.8});
    let gits = order(|spec| {
        spec.painting.scheduler = Some(Scheduler::Gits);
        spec.hires = Some(serde_json::from_value(hires).unwrap());
    });
    let outcome = studio.make(&gits).await;
    assert!(matches!(outcome, Err(EngineError::Rejected { .. })), "{outcome:?}");
}

#[tokio::test]
async fn eta_counts_for_samplers_that_add_noise() {
    let mut studio = Studio::open().await;
    let ancestral = order(|spec| spec.painting.sampler = Some(Sampler::EulerA));
    let plain = picture(&mut studio, &ancestral).await;
    let half = picture(&mut studio, &reordered(&ancestral, |painting| painting.eta = Some(0.5))).await;
    let none = picture(&mut studio, &reordered(&ancestral, |painting| painting.eta = Some(0.0))).await;
    assert!(plain != half && half != none && plain != none);
}

fn skipping(layers: &[u32]) -> SkipLayerGuidance {
    SkipLayerGuidance { scale: 3.0, layers: layers.to_vec(), start: 0.0, end: 1.0 }
}

#[tokio::test]
async fn the_seeds_of_a_batch_count_up_and_begin_again_after_the_largest() {
    let mut studio = Studio::open().await;
    let batch = order(|spec| (spec.painting.seed, spec.painting.batch_count) = (Some(u32::MAX), 3));
    let pictures = studio.make(&batch).await.unwrap();
    assert_eq!(pictures.iter().map(|picture| picture.seed).collect::<Vec<_>>(), [u32::MAX, 0, 1]);
    let single = picture(&mut studio, &order(|spec| spec.painting.seed = Some(1))).await;
    assert!(pictures[2] == single, "a picture of a batch is not the picture of its seed");
}
