//! Small pictures for uploads, and some that only look like pictures.

use assets::picture::encode_png;

/// Returns a PNG of one colour.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let rgb = vec![90; (width * height * 3) as usize];
    encode_png(&rgb, width, height, &[]).unwrap()
}

/// Returns a grey JPEG.
pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(width, height).write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// Returns a picture without its second half.
pub(crate) fn cut(mut picture: Vec<u8>) -> Vec<u8> {
    picture.truncate(picture.len() / 2);
    picture
}

/// Returns a PNG whose header says that it is this large, however small the file is.
pub(crate) fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut png = png(8, 8);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    // The checksum of the header covers its kind and its 13 bytes.
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 })
    })
}
