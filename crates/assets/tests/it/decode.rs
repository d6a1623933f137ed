//! Pixels out of every kind of file, upright, and refusals of what is broken.

use assets::picture::{Decoded, Error, Limits, decode};
use image::{
    DynamicImage, ExtendedColorType, GrayAlphaImage, GrayImage, ImageBuffer, ImageEncoder as _, ImageFormat, Luma,
    LumaA, RgbImage, Rgba, RgbaImage, codecs::jpeg::JpegEncoder,
};
use std::io::Cursor;

use crate::draw::{picture, png_head};

#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
fn file(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> Decoded {
    decode(bytes, &Limits::default()).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn sixteen_bits_become_eight() {
    let deep = ImageBuffer::from_fn(3, 1, |x, _| Rgba::<u16>([[0, 0x8080, 0xffff][x as usize], 0xffff, 0, 0xffff]));
    let Decoded { pixels, alpha } = decoded(&file(DynamicImage::ImageRgba16(deep), ImageFormat::Png));
    assert_eq!((pixels.rgb, alpha), (vec![0, 255, 0, 128, 255, 0, 255, 255, 0], None));
    let deep = ImageBuffer::from_pixel(2, 1, Luma([0x4040_u16]));
    assert_eq!(decoded(&file(DynamicImage::ImageLuma16(deep), ImageFormat::Png)).pixels.rgb, [0x40; 6]);
}

#[test]
fn grey_becomes_rgb_and_what_shines_through_is_white() {
    let grey = GrayImage::from_pixel(2, 2, Luma([77]));
    assert_eq!(decoded(&file(DynamicImage::ImageLuma8(grey), ImageFormat::Png)).pixels.rgb, [77; 12]);
    let clear = GrayAlphaImage::from_fn(3, 1, |x, _| LumaA([0, [255, 128, 0][x as usize]]));
    let Decoded { pixels, alpha } = decoded(&file(DynamicImage::ImageLumaA8(clear), ImageFormat::Png));
    assert_eq!((pixels.rgb, alpha), (vec![0, 0, 0, 127, 127, 127, 255, 255, 255], Some(vec![255, 128, 0])));
    // An alpha that hides nothing is none.
    let solid = RgbaImage::from_pixel(2, 1, Rgba([1, 2, 3, 255]));
    let Decoded { pixels, alpha } = decoded(&file(DynamicImage::ImageRgba8(solid), ImageFormat::WebP));
    assert_eq!((pixels.rgb, alpha), (vec![1, 2, 3, 1, 2, 3], None));
}

/// Returns a PNG with a palette of four colours, the second of them half transparent, two bits a pixel.
fn palette_png(transparency: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(&[10, 20, 30, 0, 0, 0, 200, 100, 50, 255, 255, 255][..]);
    if let Some(transparency) = transparency {
        encoder.set_trns(transparency.to_vec());
    }
    encoder.write_header().unwrap().write_image_data(&[0b00_01_10_11]).unwrap();
    bytes
}

#[test]
fn a_palette_becomes_its_colours() {
    let expected = vec![10, 20, 30, 0, 0, 0, 200, 100, 50, 255, 255, 255];
    assert_eq!(decoded(&palette_png(None)), Decoded { pixels: pixels(4, 1, expected), alpha: None });
    let clear = decoded(&palette_png(Some(&[255, 0])));
    assert_eq!(clear.alpha, Some(vec![255, 0, 255, 255]));
    assert_eq!(clear.pixels.rgb[3..6], [255; 3]);
}

fn pixels(width: u32, height: u32, rgb: Vec<u8>) -> assets::picture::Pixels {
    assets::picture::Pixels { width, height, rgb }
}

/// Returns an EXIF segment with an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    [b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation], &[0; 6]]
        .concat()
}

#[test]
fn a_photograph_stands_upright_however_it_was_held() {
    // Upright it is 32 × 16, red at the upper left, green at the upper right, blue at the lower left.
    let upright = RgbImage::from_fn(32, 16, |x, y| {
        image::Rgb(match (x < 16, y < 8) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        })
    });
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    let held = [
        upright.clone(),
        flip_horizontal(&upright),
        rotate180(&upright),
        flip_vertical(&upright),
        rotate270(&flip_horizontal(&upright)),
        rotate270(&upright),
        rotate90(&flip_horizontal(&upright)),
        rotate90(&upright),
    ];
    for (picture, orientation) in held.into_iter().zip(1..) {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 95)
            .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
            .unwrap();
        jpeg.splice(2..2, exif(orientation));
        let seen = decoded(&jpeg).pixels;
        assert_eq!((seen.width, seen.height), (32, 16), "orientation {orientation}");
        let near = seen.rgb.iter().zip(upright.as_raw()).filter(|(a, b)| a.abs_diff(**b) < 40).count();
        assert!(near * 10 > seen.rgb.len() * 9, "orientation {orientation}");
    }
    // An orientation that nobody knows is none.
    let mut jpeg = picture(ImageFormat::Jpeg, 32, 16);
    jpeg.splice(2..2, exif(77));
    assert_eq!(decoded(&jpeg).pixels.width, 32);
}

/// Returns a CMYK JPEG of 8 × 8 pixels of one colour: only the average of each ink is coded.
fn cmyk_jpeg(inks: [i8; 4], transform: u8) -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        jpeg.extend([0xff, marker]);
        jpeg.extend(((content.len() + 2) as u16).to_be_bytes());
        jpeg.extend(content);
    };
    segment(0xee, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat());
    segment(0xdb, &[vec![0], vec![8; 64]].concat());
    segment(0xc0, &[8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0]);
    // DC: one code of two bits for each of the sizes 0 and 7 and 8; AC: one bit says that nothing follows.
    segment(0xc4, &[&[0, 0, 3][..], &[0; 14], &[0, 7, 8]].concat());
    segment(0xc4, &[&[0x10, 1][..], &[0; 15], &[0]].concat());
    segment(0xda, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    let mut bits = String::new();
    for ink in inks {
        // With a quantiser of 8, the difference is what is added to the middle, 128.
        let (magnitude, value) = (u32::from(ink.unsigned_abs()), i32::from(ink));
        let size = u32::BITS - magnitude.leading_zeros();
        bits.push_str(match size {
            0 => "00",
            7 => "01",
            8 => "10",
            other => panic!("no code for differences of {other} bits"),
        });
        if size > 0 {
            let coded = if value > 0 { value } else { value + (1 << size) - 1 };
            bits.push_str(&format!("{coded:0width$b}", width = size as usize));
        }
        bits.push('0');
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = byte.iter().fold(0_u8, |byte, bit| byte << 1 | (bit - b'0'));
        jpeg.push(byte);
        if byte == 0xff {
            jpeg.push(0);
        }
    }
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

#[test]
fn cmyk_becomes_rgb_as_browsers_show_it() {
    // Inks are written inverted: 255 is none. No cyan (255), little magenta (192), much yellow (64), no black (255).
    let Decoded { pixels, alpha } = decoded(&cmyk_jpeg([127, 64, -64, 127], 0));
    assert_eq!((pixels.width, pixels.height, alpha), (8, 8, None));
    for (seen, expected) in pixels.rgb[..3].iter().zip([254_u8, 191, 64]) {
        assert!(seen.abs_diff(expected) <= 2, "{:?}", &pixels.rgb[..3]);
    }
    // With black over all of it, it is black.
    let dark = decoded(&cmyk_jpeg([127, 64, -64, -128], 0)).pixels.rgb;
    assert!(dark.iter().all(|colour| *colour < 4), "{:?}", &dark[..3]);
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1, 2, 3, 4, 5, 6]).unwrap();
    writer.write_image_data(&[9; 6]).unwrap();
    writer.finish().unwrap();
    assert_eq!(decoded(&bytes).pixels.rgb, [1, 2, 3, 4, 5, 6]);

    let frame = |colour: u8| {
        let plain =
            file(DynamicImage::ImageRgb8(RgbImage::from_pixel(4, 4, image::Rgb([colour; 3]))), ImageFormat::WebP);
        let chunk = &plain[12..];
        // At 0, 0; 4 × 4; 100 ms; nothing is blended.
        let head = [0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 0, 0, 100, 0, 0, 2];
        let length = (head.len() + chunk.len()) as u32;
        [b"ANMF".as_slice(), &length.to_le_bytes(), &head, chunk].concat()
    };
    let body =
        [b"VP8X\x0a\0\0\0\x02\0\0\0\x03\0\0\x03\0\0ANIM\x06\0\0\0\0\0\0\0\0\0".as_slice(), &frame(40), &frame(90)]
            .concat();
    let webp = [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat();
    assert_eq!(decoded(&webp).pixels, pixels(4, 4, vec![40; 48]));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let noise =
            RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8]));
        let whole = file(DynamicImage::ImageRgb8(noise), format);
        assert!(decode(&whole, &Limits::default()).is_ok());
        for part in [whole.len() / 2, whole.len() * 9 / 10, whole.len() - 40] {
            let message = refusal(&whole[..part]);
            assert!(message.contains("broken") || message.contains("cannot be decoded"), "{format:?}: {message}");
        }
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_does() {
    assert!(refusal(&png_head(50_000, 50_000, 8, &[])).contains("the limit is 64000000"));
    let small = Limits { decoded_bytes: 1000, ..Limits::default() };
    assert!(matches!(decode(&picture(ImageFormat::Png, 64, 64), &small), Err(Error::TooLarge { .. })));
}
