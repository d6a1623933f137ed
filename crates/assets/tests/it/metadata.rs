//! What a picture says about how it was made, to others and to us.

use std::io::Cursor;

use assets::{
    metadata::{Text, read_spec, read_texts, texts},
    picture::encode_png,
};
use contract::spec::JobSpec;
use proptest::prelude::*;
use serde_json::json;

fn spec(more: &serde_json::Value) -> JobSpec {
    let mut all = json!({"kind": "text_to_image", "prompt": "a cat", "seed": 5, "batch_count": 4, "model": "sd/dream"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

fn parameters(more: &serde_json::Value) -> String {
    texts(&spec(more), 7).unwrap().into_iter().find(|text| text.keyword == "parameters").unwrap().text
}

fn png(texts: &[Text]) -> Vec<u8> {
    encode_png(&[90; 8 * 8 * 3], 8, 8, texts).unwrap()
}

#[test]
fn the_parameters_are_those_of_a1111() {
    let all = json!({
        "prompt": "a lighthouse at dawn,\noil painting ", "negative_prompt": "people", "sampler": "euler_a",
        "scheduler": "karras", "cfg_scale": 6.5, "width": 640, "height": 512, "clip_skip": 2,
    });
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        parameters(&all),
        format!(
            "a lighthouse at dawn,\noil painting\nNegative prompt: people\nSteps: 20, Sampler: Euler a, Schedule type: \
             Karras, CFG scale: 6.5, Distilled CFG Scale: 3.5, Seed: 7, Size: 640x512, Model: dream, Clip skip: 2, \
             Version: atelier {version}"
        )
    );
    assert_eq!(
        parameters(&json!({})),
        format!(
            "a cat\nSteps: 20, CFG scale: 7, Distilled CFG Scale: 3.5, Seed: 7, Size: 512x512, Model: dream, Version: \
             atelier {version}"
        )
    );
}

#[test]
fn a_model_whose_name_would_be_taken_for_the_next_pair_is_quoted() {
    assert!(parameters(&json!({"model": "a: b, c"})).contains(", Model: \"a: b, c\", "));
}

#[test]
fn our_own_json_makes_this_one_picture_again() {
    let png = png(&texts(&spec(&json!({})), 7).unwrap());
    assert_eq!(read_spec(&png), Some(spec(&json!({"seed": 7, "batch_count": 1}))));
}

#[test]
fn texts_come_back_as_they_were_written_in_whatever_script() {
    for text in ["plain", "two\nlines", "Zürich ½", "日本 – “quotes” 🎨", "tab\there", ""] {
        let written = Text { keyword: "parameters".to_owned(), text: text.to_owned() };
        let png = png(std::slice::from_ref(&written));
        assert_eq!(read_texts(&png), [written], "{text}");
        assert!(image::load_from_memory(&png).is_ok());
        // Latin-1 is in the old chunk that every reader knows, everything else in the new one.
        let is_new = png.windows(4).any(|name| name == b"iTXt");
        assert_eq!(is_new, text.chars().any(|character| character > 'ÿ' || character == '\t'), "{text}");
    }
}

#[test]
fn a_nul_in_a_prompt_does_not_end_the_text() {
    let png = png(&[Text { keyword: "parameters".to_owned(), text: "a\0b".to_owned() }]);
    assert_eq!(read_texts(&png)[0].text, "ab");
}

#[test]
fn the_pixels_come_back_as_they_were() {
    let rgb: Vec<u8> = (0..13 * 7 * 3).map(|number| (number * 37 % 256) as u8).collect();
    let png = encode_png(&rgb, 13, 7, &[]).unwrap();
    assert_eq!(image::load_from_memory(&png).unwrap().into_rgb8().into_raw(), rgb);
}

#[test]
fn pixels_that_are_not_as_many_as_the_size_says_are_refused() {
    for (rgb, width, height) in [(&[0; 11][..], 2, 2), (&[0; 13], 2, 2), (&[], 0, 0), (&[], u32::MAX, u32::MAX)] {
        assert!(encode_png(rgb, width, height, &[]).is_err(), "{width} × {height}");
    }
}

#[test]
fn a_picture_without_texts_or_of_strangers_says_nothing() {
    assert!(read_texts(&png(&[])).is_empty());
    assert_eq!(read_spec(&png(&[Text { keyword: "atelier".to_owned(), text: "{}".to_owned() }])), None);
    assert!(read_texts(b"no picture").is_empty());
}

#[test]
fn a_text_that_unpacks_to_gigabytes_is_left_alone() {
    // 64 MiB of one letter pack into 64 KiB.
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.add_ztxt_chunk("atelier".to_owned(), "a".repeat(64 << 20)).unwrap();
    encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
    assert!(bytes.get_ref().len() < 1 << 20);
    assert!(read_texts(bytes.get_ref()).is_empty());
}

proptest! {
    #[test]
    fn changed_bytes_are_read_without_a_panic(changes in prop::collection::vec((0_usize..900, any::<u8>()), 1..9)) {
        let mut bytes = png(&texts(&spec(&json!({"prompt": "ein Kätzchen 🐈"})), 7).unwrap());
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let _ = read_spec(&bytes);
    }
}
