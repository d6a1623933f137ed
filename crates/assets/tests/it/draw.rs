//! Small pictures in every form, for the other tests.

use std::io::Cursor;

use assets::{AssetStore, picture};
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use tempfile::TempDir;

/// Returns a store in a folder of its own, which goes when the second value is dropped.
pub(crate) fn store() -> (AssetStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/store", folder.path().display());
    (AssetStore::open(&url).unwrap(), folder)
}

/// Returns a PNG as jobs make them. Other numbers, other colours.
pub(crate) fn png(width: u32, height: u32, number: u8) -> Bytes {
    let rgb: Vec<u8> = (0..width * height).flat_map(|pixel| [number, (pixel % 251) as u8, 128]).collect();
    picture::encode_png(&rgb, width, height, &[]).unwrap().into()
}

/// Returns a picture in any form.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, image::Rgb([200, 100, 50])))
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// Returns a PNG that nothing shines through less than half.
pub(crate) fn clear_png(width: u32, height: u32) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(RgbaImage::from_pixel(width, height, image::Rgba([0, 0, 0, 0])))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner().into()
}

/// Returns a PNG chunk.
pub(crate) fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    // The header's reader does not look at checksums.
    [&(content.len() as u32).to_be_bytes(), name.as_slice(), content, &[0; 4]].concat()
}

/// Returns the beginning of a PNG of this size, with more chunks behind it.
pub(crate) fn png_head(width: u32, height: u32, depth: u8, more: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), more.concat()].concat()
}
