//! Pictures that are looked at to their end before they are stored.

use assets::picture::{Error, Limits};
use bytes::Bytes;
use image::ImageFormat;

use crate::draw::{clear_png, picture, png_head, store};

async fn check(bytes: impl Into<Bytes>) -> Result<(u32, u32), Error> {
    let (store, _folder) = store();
    let header = store.check_picture(bytes.into(), Limits::default()).await?;
    Ok((header.width, header.height))
}

#[tokio::test]
async fn a_whole_picture_passes_in_every_form() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        assert_eq!(check(picture(format, 40, 20)).await.unwrap(), (40, 20), "{format:?}");
    }
    assert_eq!(check(clear_png(8, 8)).await.unwrap(), (8, 8));
    // What stands behind the end of a JPEG disturbs nobody.
    assert!(check([picture(ImageFormat::Jpeg, 40, 20), b"behind".to_vec()].concat()).await.is_ok());
}

#[tokio::test]
async fn a_picture_that_is_cut_off_anywhere_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = picture(format, 300, 200);
        for part in [4, 10, 50, 90] {
            let cut = whole[..whole.len() * part / 100].to_vec();
            assert!(check(cut).await.is_err(), "{part} % of a {format:?}");
        }
    }
    let jpeg = picture(ImageFormat::Jpeg, 300, 200);
    let error = check(jpeg[..jpeg.len() - 2].to_vec()).await.unwrap_err();
    assert_eq!(error.to_string(), "this JPEG is broken: it is cut off");
}

#[tokio::test]
async fn a_picture_whose_pixels_are_noise_is_refused_and_one_beyond_the_limits_is_not_even_decoded() {
    let mut png = picture(ImageFormat::Png, 300, 200);
    let middle = png.len() / 2;
    png[middle..middle + 8].fill(0xaa);
    assert!(matches!(check(png).await, Err(Error::Decode(_))));
    assert!(matches!(check(png_head(50_000, 50_000, 8, &[])).await, Err(Error::TooManyPixels { .. })));
}
