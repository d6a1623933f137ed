//! Every parameter counts, and nothing else does.

use std::collections::BTreeMap;

use contract::spec::{
    JobSpec, TextToImage,
    text_to_image::{Sampler, Scheduler},
};
use worker::Picture;

use crate::studio::{Studio, spec};

async fn picture(studio: &mut Studio, spec: &JobSpec) -> Picture {
    let mut pictures = studio.make(spec).await.unwrap();
    assert_eq!(pictures.len(), 1);
    pictures.remove(0)
}

#[tokio::test]
async fn the_same_spec_makes_the_same_picture_and_any_other_another() {
    type Change = fn(&mut TextToImage);
    let changes: [(&str, Change); 9] = [
        ("nothing", |_| {}),
        ("prompt", |spec| spec.prompt = "a red cat".to_owned()),
        ("seed", |spec| spec.seed = Some(2)),
        ("steps", |spec| spec.steps = 3),
        ("width", |spec| spec.width = 80),
        ("height", |spec| spec.height = 80),
        ("cfg_scale", |spec| spec.cfg_scale = 3.0),
        ("negative_prompt", |spec| (spec.cfg_scale, spec.negative_prompt) = (3.0, "blue".to_owned())),
        ("sampler", |spec| spec.sampler = Some(Sampler::Heun)),
    ];
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for (name, change) in changes {
        let made = picture(&mut studio, &spec(change)).await;
        let JobSpec::TextToImage(wanted) = spec(change);
        assert_eq!((made.width, made.height, Some(made.seed)), (wanted.width, wanted.height, wanted.seed), "{name}");
        assert_eq!(made.rgb.len() as u32, made.width * made.height * 3);
        if let Some(other) = seen.insert(made.rgb, name) {
            panic!("{name} makes the same picture as {other}");
        }
    }
    let again = picture(&mut studio, &spec(|_| {})).await;
    assert_eq!(seen.get(&again.rgb), Some(&"nothing"), "the same spec made another picture");
}

#[tokio::test]
async fn every_sampler_of_the_contract_makes_a_picture_of_its_own() {
    let mut studio = Studio::open().await;
    let mut seen = BTreeMap::new();
    for sampler in Sampler::ALL {
        let made = picture(&mut studio, &spec(|spec| spec.sampler = Some(*sampler))).await;
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
        let made = picture(&mut studio, &spec(|spec| spec.scheduler = Some(*scheduler))).await;
        if let Some(other) = seen.insert(made.rgb, scheduler) {
            panic!("{scheduler:?} makes the same picture as {other:?}");
        }
    }
}

#[tokio::test]
async fn the_seeds_of_a_batch_count_up_and_begin_again_after_the_largest() {
    let mut studio = Studio::open().await;
    let batch = spec(|spec| (spec.seed, spec.batch_count) = (Some(u32::MAX), 3));
    let pictures = studio.make(&batch).await.unwrap();
    assert_eq!(pictures.iter().map(|picture| picture.seed).collect::<Vec<_>>(), [u32::MAX, 0, 1]);
    let single = picture(&mut studio, &spec(|spec| spec.seed = Some(1))).await;
    assert!(pictures[2] == single, "a picture of a batch is not the picture of its seed");
}
