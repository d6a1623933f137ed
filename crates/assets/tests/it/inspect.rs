//! What an upload is, by its header alone: true pictures, others, bombs, and noise.

use assets::picture::{Error, Limits, PictureHeader, inspect};
use image::ImageFormat;
use proptest::prelude::*;

use crate::draw::{chunk, picture, png_head};

fn refusal(bytes: &[u8]) -> String {
    inspect(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn each_format_is_known_by_its_content_with_its_size() {
    for (format, media_type) in
        [(ImageFormat::Png, "image/png"), (ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::WebP, "image/webp")]
    {
        for (width, height) in [(1, 1), (300, 17), (1000, 2)] {
            let header = inspect(&picture(format, width, height), &Limits::default()).unwrap();
            assert_eq!(header, PictureHeader { media_type, width, height, frames: 1 });
        }
    }
}

#[test]
fn what_is_no_picture_is_refused_by_its_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"x\">]><svg/>", "an SVG"),
        (b"\xef\xbb\xbf  <SVG xmlns=\"x\">", "an SVG"),
        (b"<!DOCTYPE html><p>", "HTML or XML"),
        (b"GIF89a", "a GIF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0\0\0\x20ftypavif", "an AVIF or HEIC"),
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"hello", "something else"),
    ];
    for (bytes, name) in cases {
        assert_eq!(refusal(bytes), format!("this is {name}, not a picture that can be used: send PNG, JPEG or WebP"));
    }
}

#[test]
fn a_bomb_is_refused_before_anything_is_decoded() {
    assert_eq!(
        refusal(&png_head(50_000, 50_000, 8, &[])),
        "this picture has 50000 × 50000 = 2500000000 pixels, and the limit is 64000000"
    );
    assert!(refusal(&png_head(u32::MAX, u32::MAX, 16, &[])).contains("and the limit is 64000000"));
    let many = [chunk(b"acTL", &[0, 15, 66, 64, 0, 0, 0, 0])];
    assert_eq!(refusal(&png_head(8, 8, 8, &many)), "this picture has 1000000 frames, and the limit is 100");
    // It lies about how many frames it has.
    let found = [vec![chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0])], vec![chunk(b"fcTL", &[0; 26]); 101]].concat();
    assert_eq!(refusal(&png_head(8, 8, 8, &found)), "this picture has 101 frames, and the limit is 100");
    let long = [chunk(b"acTL", &[0, 0, 0, 90, 0, 0, 0, 0])];
    assert_eq!(
        refusal(&png_head(2000, 2000, 8, &long)),
        "this picture takes 1440000000 bytes once it is decoded, and the limit is 536870912"
    );
    assert!(matches!(
        inspect(&png_head(8000, 8000, 16, &[]), &Limits { decoded_bytes: 511_999_999, ..Limits::default() }),
        Err(Error::TooLarge { decoded_bytes: 512_000_000, .. })
    ));
}

fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let body: Vec<u8> = chunks
        .iter()
        .flat_map(|(name, content)| [name.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat())
        .collect();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat()
}

fn canvas(width: u32, height: u32) -> (&'static [u8; 4], Vec<u8>) {
    let sizes = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    (b"VP8X", [vec![2, 0, 0, 0], sizes].concat())
}

fn frame(width: u32, height: u32) -> (&'static [u8; 4], Vec<u8>) {
    let sizes = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    (b"ANMF", [vec![0; 6], sizes, vec![0; 4]].concat())
}

#[test]
fn the_frames_of_an_animated_webp_are_counted_and_must_fit_on_its_canvas() {
    let moving = webp(&[canvas(64, 32), frame(64, 32), frame(8, 8), frame(8, 8)]);
    let header = inspect(&moving, &Limits::default()).unwrap();
    assert_eq!((header.width, header.height, header.frames), (64, 32, 3));
    assert!(refusal(&webp(&[vec![canvas(64, 32)], vec![frame(8, 8); 101]].concat())).contains("has 101 frames"));
    assert!(refusal(&webp(&[canvas(64, 32), frame(16_000, 16_000)])).contains("larger than"));
    let hidden = (b"VP8L", [vec![0x2f], 0xffff_ffff_u32.to_le_bytes().to_vec()].concat());
    assert!(refusal(&webp(&[canvas(16, 16), hidden])).contains("larger than"));
    assert!(refusal(&webp(&[])).contains("it has no picture"));
}

#[test]
fn a_picture_that_is_cut_off_within_its_header_is_broken() {
    for (format, length) in [(ImageFormat::Png, 20), (ImageFormat::Jpeg, 12), (ImageFormat::WebP, 22)] {
        let message = refusal(&picture(format, 64, 64)[..length]);
        assert!(message.contains("is broken"), "{message}");
    }
    assert!(refusal(&png_head(0, 8, 8, &[])).contains("width or height is 0"));
}

proptest! {
    #[test]
    fn noise_behind_a_true_beginning_is_read_without_a_panic(
        format in prop::sample::select(vec![ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP]),
        changes in prop::collection::vec((0_usize..120, any::<u8>()), 0..12),
        length in 0_usize..400,
    ) {
        let mut bytes = picture(format, 33, 21);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(length);
        if let Ok(header) = inspect(&bytes, &Limits::default()) {
            prop_assert!(u64::from(header.width) * u64::from(header.height) <= 64_000_000);
        }
    }

    #[test]
    fn pure_noise_is_read_without_a_panic(
        start in prop::sample::select(vec![&b""[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = inspect(&[start, &noise].concat(), &Limits::default());
    }
}
