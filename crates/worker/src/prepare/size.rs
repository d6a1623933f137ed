//! In which size a picture is painted.

use assets::picture::{Pixels, longest_side_px};
use contract::spec::output::Format;

use super::{Unprepared, limits, refused};

/// Engines paint sides that are multiples of this.
pub(super) const STEP_PX: u32 = 16;
/// The shortest side that is painted.
pub(super) const SHORTEST_PX: u32 = 64;
/// The longest side that is painted.
pub(super) const LONGEST_PX: u32 = 4096;

/// Returns the size to paint in: what was asked for, and where nothing was, what the picture has or its shape asks for.
pub(super) fn painted(width: Option<u32>, height: Option<u32>, picture: &Pixels) -> (u32, u32) {
    let (wide, high) = (f64::from(picture.width.max(1)), f64::from(picture.height.max(1)));
    match (width, height) {
        (Some(width), Some(height)) => (width, height),
        (Some(width), None) => (width, in_steps(f64::from(width) * high / wide)),
        (None, Some(height)) => (in_steps(f64::from(height) * wide / high), height),
        (None, None) => {
            let shrink = (f64::from(LONGEST_PX) / wide.max(high)).min(1.0);
            let grow = (f64::from(SHORTEST_PX) / wide.min(high)).max(1.0);
            (in_steps(wide * shrink * grow), in_steps(high * shrink * grow))
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn in_steps(side: f64) -> u32 {
    let steps = (side / f64::from(STEP_PX)).round() * f64::from(STEP_PX);
    steps.clamp(f64::from(SHORTEST_PX), f64::from(LONGEST_PX)) as u32
}

/// Returns the size of an enlarged picture.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of pictures that exist, times 8 at most"
)]
pub(super) fn enlarged(picture: &Pixels, factor: f64) -> Result<(u32, u32), Unprepared> {
    let side = |side: u32| (f64::from(side) * factor).round().max(1.0) as u32;
    let (width, height) = (side(picture.width), side(picture.height));
    let limit = limits().pixels;
    if u64::from(width) * u64::from(height) <= limit {
        return Ok((width, height));
    }
    let pixels = f64::from(picture.width) * f64::from(picture.height);
    let most = ((limit as f64 / pixels).sqrt() * 100.0).floor() / 100.0;
    Err(refused(
        format!(
            "{} × {} pixels, {factor} times as wide and high, are {width} × {height}, and the limit is {limit} pixels",
            picture.width, picture.height
        ),
        format!("choose a factor of at most {most}"),
    ))
}

/// Holds that files of a format can be so large.
pub(crate) fn check_format(format: Format, width: u32, height: u32) -> Result<(), Unprepared> {
    let limit_px = longest_side_px(format);
    if width.max(height) <= limit_px {
        return Ok(());
    }
    let name = format.media_type().trim_start_matches("image/");
    Err(refused(
        format!("the picture would have {width} × {height} pixels, and {name} has at most {limit_px} a side"),
        "choose the format png",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Pixels {
        Pixels { width, height, rgb: Vec::new() }
    }

    #[test]
    fn what_was_asked_for_comes_first_and_the_shape_of_the_picture_second() {
        assert_eq!(painted(Some(640), Some(512), &picture(9, 9)), (640, 512));
        assert_eq!(painted(Some(640), None, &picture(200, 100)), (640, 320));
        assert_eq!(painted(None, Some(640), &picture(200, 100)), (1280, 640));
        assert_eq!(painted(None, None, &picture(515, 770)), (512, 768));
    }

    #[test]
    fn every_picture_gives_a_size_that_can_be_painted() {
        for width in [1, 7, 63, 64, 100, 4096, 5000, 60_000] {
            for height in [1, 64, 333, 4097, 60_000] {
                for (given_width, given_height) in [(None, None), (Some(64), None), (None, Some(4096))] {
                    let (wide, high) = painted(given_width, given_height, &picture(width, height));
                    assert!([wide, high].iter().all(|side| side % 16 == 0 && (64..=4096).contains(side)));
                }
            }
        }
        assert_eq!(painted(None, None, &picture(8000, 4000)), (4096, 2048));
        assert_eq!(painted(None, None, &picture(32, 48)), (64, 96));
    }

    #[test]
    fn a_picture_is_enlarged_up_to_the_limit() {
        assert_eq!(enlarged(&picture(100, 33), 1.5).ok(), Some((150, 50)));
        let Err(Unprepared::Refused(error)) = enlarged(&picture(4000, 4000), 3.0) else { panic!("it is too large") };
        assert!(error.to_string().contains("12000 × 12000"), "{error}");
        assert!(check_format(Format::Webp, 16_384, 1).is_err() && check_format(Format::Png, 16_384, 1).is_ok());
    }
}
