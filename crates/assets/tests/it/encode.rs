//! The files that jobs make: format, quality, and what stands in them.

use assets::{
    metadata::{Text, read_spec, read_texts, texts},
    picture::{Error, Limits, Pixels, decode, encode, inspect},
};
use contract::spec::{JobSpec, Output, output::Format};
use serde_json::json;

/// Soft colours, as photographs have them.
fn pixels() -> Pixels {
    let (width, height) = (48, 33);
    let rgb = (0..width * height)
        .flat_map(|place| {
            let (x, y) = (place % width, place / width);
            [(x * 5) as u8, (y * 7) as u8, ((x + y) * 3) as u8]
        })
        .collect();
    Pixels { width, height, rgb }
}

fn output(format: Format, quality: u8) -> Output {
    Output { format, quality, ..Output::default() }
}

fn spec(prompt: &str) -> JobSpec {
    let spec = json!({"kind": "text_to_image", "prompt": prompt, "seed": 7, "model": "sd/dream", "sampler": "euler_a"});
    serde_json::from_value(spec).unwrap()
}

fn furthest(a: &Pixels, b: &Pixels) -> u8 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_format_is_what_it_says_and_shows_the_same_picture() {
    for format in Format::ALL {
        for quality in [1, 30, 90, 99, 100] {
            let bytes = encode(&pixels(), &output(*format, quality), &texts(&spec("a cat"), 7).unwrap()).unwrap();
            let header = inspect(&bytes, &Limits::default()).unwrap();
            assert_eq!((header.media_type, header.width, header.height), (format.media_type(), 48, 33));
            let seen = decode(&bytes, &Limits::default()).unwrap().pixels;
            let allowed = match (format, quality) {
                (Format::Png, _) | (Format::Webp, 100) => 0,
                (_, 90..) => 24,
                _ => 120,
            };
            assert!(furthest(&seen, &pixels()) <= allowed, "{format:?} {quality}: {}", furthest(&seen, &pixels()));
        }
    }
}

#[test]
fn better_quality_takes_more_bytes() {
    for format in [Format::Jpeg, Format::Webp] {
        let size = |quality| encode(&pixels(), &output(format, quality), &[]).unwrap().len();
        assert!(size(10) < size(60) && size(60) < size(95), "{format:?}");
    }
}

#[test]
fn every_format_says_how_it_was_made_in_whatever_script() {
    for format in Format::ALL {
        for prompt in ["a cat", "two\nlines: \"x\", <lora:a:1>", "日本 – “quotes” 🎨", &"ü".repeat(9_000)] {
            let written = texts(&spec(prompt), 7).unwrap();
            let bytes = encode(&pixels(), &output(*format, 90), &written).unwrap();
            let mut read = read_texts(&bytes);
            read.sort_by(|a, b| b.keyword.cmp(&a.keyword));
            assert_eq!(read, written, "{format:?}");
            assert_eq!(read_spec(&bytes), Some(spec(prompt)));
        }
    }
}

#[test]
fn nothing_is_said_where_nothing_is_to_be_said() {
    for format in Format::ALL {
        for quality in [90, 100] {
            let silent = Output { strip_metadata: true, ..output(*format, quality) };
            let bytes = encode(&pixels(), &silent, &texts(&spec("a secret"), 7).unwrap()).unwrap();
            assert!(read_texts(&bytes).is_empty());
            let text = String::from_utf8_lossy(&bytes);
            assert!(["secret", "Exif", "EXIF", "XMP", "xpacket", "atelier"].iter().all(|word| !text.contains(word)));
        }
    }
}

#[test]
fn a_text_that_has_no_room_in_a_jpeg_is_left_out_and_the_picture_is_still_one() {
    let long = vec![Text { keyword: "parameters".to_owned(), text: "a".repeat(70_000) }];
    let jpeg = encode(&pixels(), &output(Format::Jpeg, 90), &long).unwrap();
    assert!(read_texts(&jpeg).is_empty() && decode(&jpeg, &Limits::default()).is_ok());
    let webp = encode(&pixels(), &output(Format::Webp, 90), &long).unwrap();
    assert_eq!(read_texts(&webp), long);
}

#[test]
fn a_picture_that_a_format_cannot_hold_is_refused_with_what_to_do() {
    let wide = Pixels { width: 16_384, height: 1, rgb: vec![0; 16_384 * 3] };
    let refused = encode(&wide, &output(Format::Webp, 90), &[]).unwrap_err();
    assert!(matches!(refused, Error::TooLong { limit_px: 16_383, .. }));
    assert!(refused.to_string().contains("choose png"));
    assert!(encode(&wide, &output(Format::Png, 90), &[]).is_ok());
    for format in Format::ALL {
        let wrong = Pixels { width: 4, height: 4, rgb: vec![0; 47] };
        assert!(encode(&wrong, &output(*format, 90), &[]).is_err());
    }
}

#[test]
fn texts_out_of_files_that_are_cut_off_or_changed_are_read_without_a_panic() {
    for format in Format::ALL {
        let bytes = encode(&pixels(), &output(*format, 90), &texts(&spec("a cat"), 7).unwrap()).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let _ = read_texts(&bytes[..end]);
        }
        for place in 0..bytes.len().min(900) {
            let mut changed = bytes.clone();
            changed[place] ^= 0xff;
            let _ = read_texts(&changed);
        }
    }
}
