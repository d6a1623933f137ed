//! Every parameter counts, and nothing else does.

use std::collections::BTreeMap;

use contract::spec::{
    JobSpec, TextToImage,
    sampling::{Sampler, Scheduler},
};
use worker::{Order, Picture};

use crate::studio::{Studio, order};

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
async fn every_scheduler_of_the_contract_makes_a_picture_of_its_own() {
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for scheduler in Scheduler::ALL {
        let made = picture(&mut studio, &order(|spec| spec.painting.scheduler = Some(*scheduler))).await;
        if let Some(other) = seen.insert(made.rgb, scheduler) {
            panic!("{scheduler:?} makes the same picture as {other:?}");
        }
    }
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
