//! Every kind of picture job, by the real engine.

use contract::{
    AssetId,
    spec::{Hires, JobSpec},
};
use worker::{Engine as _, EngineError, Order, Picture};

use crate::studio::{Attempt, Studio, colours, filled, order, painted, reordered};

/// The mean distance of two pictures, from 0 to 255.
fn distance(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: u64 = one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

/// The mean colour of a picture: the tiny model paints mosaics, whose single pixels say little.
fn mean(picture: &Picture) -> [u8; 3] {
    let pixels = picture.rgb.len() / 3;
    std::array::from_fn(|channel| {
        let sum: usize = picture.rgb.iter().skip(channel).step_by(3).map(|value| usize::from(*value)).sum();
        (sum / pixels) as u8
    })
}

async fn picture(studio: &mut Studio, order: &Order) -> Picture {
    let mut pictures = studio.make(order).await.unwrap();
    assert_eq!(pictures.len(), 1);
    pictures.remove(0)
}

fn image_to_image(strength: f64, image: [u8; 3]) -> Order {
    let spec = painted("image_to_image", serde_json::json!({"image": AssetId::new(), "strength": strength}));
    Order { image: Some(filled(64, 64, image)), ..Order::without_pictures(spec, 64, 64) }
}

#[tokio::test]
async fn a_picture_that_is_hardly_painted_anew_keeps_its_colours_and_a_stronger_one_loses_them() {
    let mut studio = Studio::open().await;
    let blue = [20, 40, 200];
    let weak = picture(&mut studio, &image_to_image(0.1, blue)).await;
    let again = picture(&mut studio, &image_to_image(0.1, blue)).await;
    assert!(weak == again, "the same order made another picture");
    let strong = picture(&mut studio, &image_to_image(0.9, blue)).await;
    let (near, far) = (distance(&mean(&weak), &blue), distance(&mean(&strong), &blue));
    assert!(near < 20.0 && far > 2.0 * near, "{near} {far}");
    let red = [200, 40, 20];
    let other = picture(&mut studio, &image_to_image(0.1, red)).await;
    assert!(distance(&mean(&other), &red) < 20.0, "{:?}", mean(&other));
}

#[tokio::test]
async fn only_what_the_mask_names_is_painted_anew() {
    let mut studio = Studio::open().await;
    let inpaint = |mask: Vec<u8>| {
        let spec = painted("inpaint", serde_json::json!({"image": AssetId::new(), "mask": AssetId::new()}));
        let image = Some(filled(64, 64, [20, 40, 200]));
        Order { image, mask: Some(mask), ..Order::without_pictures(spec, 64, 64) }
    };
    let left_half: Vec<u8> = (0..64 * 64).map(|place| if place % 64 < 32 { 255 } else { 0 }).collect();
    let none = picture(&mut studio, &inpaint(vec![0; 64 * 64])).await;
    let half = picture(&mut studio, &inpaint(left_half)).await;
    let all = picture(&mut studio, &inpaint(vec![255; 64 * 64])).await;
    // Columns well inside each half: the autoencoder mixes neighbours.
    let columns = |picture: &Picture, from: usize, to: usize| -> Vec<u8> {
        picture.rgb.chunks(64 * 3).flat_map(|row| row[from * 3..to * 3].to_vec()).collect()
    };
    let kept = distance(&columns(&none, 48, 64), &columns(&half, 48, 64));
    let changed = distance(&columns(&none, 0, 16), &columns(&half, 0, 16));
    assert!(kept < 5.0, "what the mask leaves changed by {kept}");
    assert!(changed > 10.0, "what the mask names changed by {changed}");
    assert!(distance(&none.rgb, &all.rgb) > distance(&none.rgb, &half.rgb));
}

#[tokio::test]
async fn every_reference_of_an_edit_counts() {
    let mut studio = Studio::open().await;
    let edit = |references: &[[u8; 3]]| {
        let images: Vec<_> = references.iter().map(|_| AssetId::new()).collect();
        let spec = painted("image_edit", serde_json::json!({"images": images}));
        // Of sizes of their own: they need not be as large as the picture.
        let references = references.iter().zip(1..).map(|(colour, number)| filled(32 * number, 48, *colour)).collect();
        Order { references, ..Order::without_pictures(spec, 64, 64) }
    };
    let (red, green, blue) = ([200, 20, 20], [20, 200, 20], [20, 20, 200]);
    let mut seen: Vec<Picture> = vec![picture(&mut studio, &order(|_| {})).await];
    for references in [vec![red], vec![green], vec![red, green], vec![red, green, blue], vec![red, blue, green]] {
        let made = picture(&mut studio, &edit(&references)).await;
        assert_eq!((made.width, made.height), (64, 64));
        assert!(!seen.contains(&made), "{references:?} make a picture that others make, too");
        seen.push(made);
    }
    assert!(picture(&mut studio, &edit(&[red])).await == seen[1]);
}

#[tokio::test]
async fn a_second_pass_makes_the_picture_larger_by_every_way() {
    let mut studio = Studio::open().await;
    let names = Hires::BUILT_IN.iter().copied().chain(["tiny-esrgan-x2", "tiny-esrgan-x4"]);
    let mut seen: Vec<Picture> = Vec::new();
    for name in names {
        let hires = |scale: f64| {
            let hires = serde_json::json!({"upscaler": name, "scale": scale, "steps": 2, "strength": 0.5});
            order(|spec| spec.hires = Some(serde_json::from_value(hires).unwrap()))
        };
        let made = picture(&mut studio, &hires(1.5)).await;
        assert_eq!((made.width, made.height), (96, 96), "{name}");
        // Against aliasing only makes a difference where pictures become smaller.
        let is_twin = name.ends_with("antialiased");
        // The tiny upscalers make squares of pixels, both of them.
        assert!(seen.contains(&made) == is_twin || name.starts_with("tiny"), "{name}");
        seen.push(made);
    }
    let unknown = serde_json::json!({"upscaler": "no-such-upscaler"});
    let outcome = studio.make(&order(|spec| spec.hires = Some(serde_json::from_value(unknown).unwrap()))).await;
    let Err(EngineError::Rejected { message, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("no-such-upscaler"), "{message}");
}

#[tokio::test]
async fn an_upscaler_makes_pictures_larger_by_its_own_factor() {
    let mut studio = Studio::open().await;
    let upscale = |upscaler: &str, width, height| {
        let spec = serde_json::json!({"kind": "upscale", "image": AssetId::new(), "upscaler": upscaler});
        let spec: JobSpec = serde_json::from_value(spec).unwrap();
        Order { image: Some(colours(width, height)), ..Order::without_pictures(spec, width, height) }
    };
    for (upscaler, factor) in [("tiny-esrgan-x2", 2), ("tiny-esrgan-x4", 4)] {
        // The second one is larger than a tile.
        for (width, height) in [(40, 24), (132, 16)] {
            let made = picture(&mut studio, &upscale(upscaler, width, height)).await;
            assert_eq!((made.width, made.height), (width * factor, height * factor), "{upscaler}");
            let expected = colours(width, height);
            let centre = |x: u32, y: u32, all: u32, rgb: &[u8]| rgb[((y * all + x) * 3) as usize];
            for (x, y) in [(width / 4, height / 4), (width / 2, height / 2)] {
                let (was, is) = (
                    centre(x, y, width, &expected.rgb),
                    centre(x * factor + factor / 2, y * factor + factor / 2, made.width, &made.rgb),
                );
                assert!(was.abs_diff(is) < 8, "{upscaler}: {was} became {is} at {x}, {y}");
            }
        }
        assert!(studio.engine.resident_models().iter().any(|resident| resident == upscaler));
    }
    picture(&mut studio, &order(|_| {})).await;
}

#[tokio::test]
async fn what_an_order_lacks_is_said_in_words() {
    let mut studio = Studio::open().await;
    let mut attempt = Attempt::new();
    let fine = order(|_| {});
    studio.engine.load(&fine, &attempt.run).await.unwrap();
    // A mask that is larger than its picture.
    let spec = painted("inpaint", serde_json::json!({"image": AssetId::new()}));
    let image = Some(filled(64, 64, [1, 2, 3]));
    let wrong = Order { image, mask: Some(vec![0; 100]), ..Order::without_pictures(spec, 64, 64) };
    let outcome = studio.engine.generate(&wrong, &attempt.run).await;
    assert!(matches!(outcome, Err(EngineError::Rejected { .. })), "{outcome:?}");
    // A picture of another size than the one to paint.
    let wrong = Order { width: 80, ..image_to_image(0.5, [1, 2, 3]) };
    let outcome = studio.engine.generate(&wrong, &attempt.run).await;
    let Err(EngineError::Rejected { message, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("does not fit"), "{message}");
    assert!(studio.engine.generate(&fine, &attempt.run).await.is_ok(), "the engine goes on");
    assert!(attempt.steps().len() > 1);
    let reordered = reordered(&fine, |painting| painting.flow_shift = Some(0.0));
    let outcome = studio.engine.generate(&reordered, &attempt.run).await;
    assert!(matches!(outcome, Err(EngineError::Rejected { .. })), "{outcome:?}");
}
