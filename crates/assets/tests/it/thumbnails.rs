//! Thumbnails.

use std::fs;

use assets::{Error, THUMBNAIL_WIDTHS_PX};
use bytes::Bytes;
use image::{GenericImageView as _, ImageFormat};

use crate::draw::{clear_png, picture, png, png_head, store};

#[tokio::test]
async fn a_thumbnail_is_a_jpeg_of_the_wanted_width_in_the_same_proportion() {
    let (store, _folder) = store();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let file = store.put("image/x", picture(format, 1200, 600).into()).await.unwrap().blake3;
        for width_px in THUMBNAIL_WIDTHS_PX {
            let bytes = store.thumbnail(&file, width_px).await.unwrap();
            let small = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap();
            assert_eq!(small.dimensions(), (width_px, width_px / 2));
            assert!(small.to_rgb8().get_pixel(9, 9).0.iter().zip([200_u8, 100, 50]).all(|(a, b)| a.abs_diff(b) < 8));
        }
    }
}

#[tokio::test]
async fn a_small_picture_keeps_its_size_and_a_strip_does_not_become_a_tower() {
    let (store, _folder) = store();
    for ((width, height), expected) in [((64, 64), (64, 64)), ((100, 6000), (11, 640)), ((6000, 2), (160, 1))] {
        let file = store.put("image/png", png(width, height, 1)).await.unwrap().blake3;
        let bytes = store.thumbnail(&file, 160).await.unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().dimensions(), expected);
    }
}

#[tokio::test]
async fn what_is_transparent_becomes_white() {
    let (store, _folder) = store();
    let file = store.put("image/png", clear_png(320, 320)).await.unwrap().blake3;
    let small = image::load_from_memory(&store.thumbnail(&file, 160).await.unwrap()).unwrap();
    assert_eq!(small.to_rgb8().get_pixel(80, 80).0, [255; 3]);
}

#[tokio::test]
async fn a_photograph_stands_as_it_was_held() {
    let (store, _folder) = store();
    // An Exif segment that says: turned by 90 degrees.
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let jpeg = picture(ImageFormat::Jpeg, 320, 160);
    let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
    let file = store.put("image/jpeg", turned.into()).await.unwrap().blake3;
    let small = image::load_from_memory(&store.thumbnail(&file, 160).await.unwrap()).unwrap();
    assert_eq!(small.dimensions(), (160, 320));
}

#[tokio::test]
async fn a_thumbnail_is_made_once_and_again_when_it_is_lost() {
    let (store, folder) = store();
    let file = store.put("image/png", png(400, 400, 1)).await.unwrap().blake3;
    let made = store.thumbnail(&file, 160).await.unwrap();
    let path = folder.path().join("store/thumbnails").join(format!("{file}-160"));
    fs::write(&path, "kept").unwrap();
    assert_eq!(store.thumbnail(&file, 160).await.unwrap(), "kept");
    fs::remove_file(&path).unwrap();
    assert_eq!(store.thumbnail(&file, 160).await.unwrap(), made);
}

#[tokio::test]
async fn other_widths_and_files_that_are_no_picture_are_refused() {
    let (store, _folder) = store();
    let file = store.put("image/png", png(8, 8, 1)).await.unwrap().blake3;
    for width_px in [0, 161, u32::MAX] {
        assert!(matches!(store.thumbnail(&file, width_px).await, Err(Error::Width(_))));
    }
    let whole = png(64, 64, 1);
    for bytes in [Bytes::from_static(b"text"), whole.slice(..whole.len() / 2), png_head(50_000, 50_000, 8, &[]).into()]
    {
        let file = store.put("image/png", bytes).await.unwrap().blake3;
        assert!(matches!(store.thumbnail(&file, 160).await, Err(Error::Picture { .. })));
    }
}
