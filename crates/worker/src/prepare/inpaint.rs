//! Lays out the canvas of an inpainting: the picture with its margins, and where it is painted anew.
//!
//! The canvas is filled up to sides that an engine can paint, by what its edges have; that is cut off again afterwards.

use assets::picture::{Decoded, Pixels, draw_out};
use contract::spec::{Inpaint, JobSpec, inpaint::Margins};

use super::{
    Unprepared, refused,
    size::{LONGEST_PX, SHORTEST_PX, STEP_PX, check_format},
};
use crate::{
    complete::{Completion, Composite, soften},
    order::Order,
};

/// Where everything is painted anew.
const NEW: u8 = u8::MAX;

/// Returns the order, and what puts the pixels that stay back into place.
pub(super) fn lay_out(
    spec: JobSpec,
    wanted: &Inpaint,
    image: Pixels,
    mask: Option<Decoded>,
) -> Result<(Order, Completion), Unprepared> {
    let margins = wanted.extend.unwrap_or_default();
    let inner = inner_mask(&image, mask)?;
    let mask = with_margins(&inner, &image, margins);
    drop(inner);
    if mask.iter().all(|place| *place == 0) {
        return Err(refused(
            "nothing would be painted: the mask is black all over, or there is none and no margin to extend into",
            "name a mask that is white where the picture is painted anew, or set extend",
        ));
    }
    let canvas = if margins == Margins::default() { image } else { draw_out(&image, margins) };
    let (width, height) = (filled_up(canvas.width), filled_up(canvas.height));
    if width.max(height) > LONGEST_PX {
        return Err(refused(
            format!(
                "the picture with its margins has {} × {} pixels, and no more than {LONGEST_PX} a side can be painted",
                canvas.width, canvas.height
            ),
            "make the picture smaller, or extend it less",
        ));
    }
    check_format(wanted.painting.output.format, canvas.width, canvas.height)?;
    let beyond = Margins { left: 0, top: 0, right: width - canvas.width, bottom: height - canvas.height };
    let order = Order {
        image: Some(draw_out(&canvas, beyond)),
        mask: Some(carried_on(&mask, canvas.width, width, height)),
        ..Order::without_pictures(spec, width, height)
    };
    let mask = soften(mask, canvas.width, wanted.mask_blur);
    Ok((order, Completion::Composite(Composite { original: canvas, mask })))
}

/// Returns the mask of the picture itself; without one, all of it stays.
fn inner_mask(image: &Pixels, mask: Option<Decoded>) -> Result<Vec<u8>, Unprepared> {
    let Some(mask) = mask else { return Ok(vec![0; image.width as usize * image.height as usize]) };
    let (width, height) = (mask.pixels.width, mask.pixels.height);
    if (width, height) != (image.width, image.height) {
        return Err(refused(
            format!(
                "the mask has {width} × {height} pixels and the picture {} × {}: they must be equally large",
                image.width, image.height
            ),
            "send a mask of the size of the picture",
        ));
    }
    Ok(mask.into_mask())
}

/// Returns the mask of the canvas: the margins are new.
fn with_margins(inner: &[u8], image: &Pixels, margins: Margins) -> Vec<u8> {
    let width = (margins.left + image.width + margins.right) as usize;
    let mut mask = vec![NEW; width * margins.top as usize];
    for row in inner.chunks_exact((image.width as usize).max(1)) {
        mask.extend(std::iter::repeat_n(NEW, margins.left as usize));
        mask.extend_from_slice(row);
        mask.extend(std::iter::repeat_n(NEW, margins.right as usize));
    }
    mask.extend(std::iter::repeat_n(NEW, width * margins.bottom as usize));
    mask
}

/// Returns a mask with its right and lower edges drawn out to a size.
fn carried_on(mask: &[u8], from_width: u32, width: u32, height: u32) -> Vec<u8> {
    let rows: Vec<&[u8]> = mask.chunks_exact((from_width as usize).max(1)).collect();
    let mut whole = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height as usize {
        let Some(row) = rows.get(y.min(rows.len().saturating_sub(1))) else { break };
        whole.extend_from_slice(row);
        let last = row.last().copied().unwrap_or_default();
        whole.extend(std::iter::repeat_n(last, (width - from_width) as usize));
    }
    whole
}

fn filled_up(side: u32) -> u32 {
    side.next_multiple_of(STEP_PX).max(SHORTEST_PX)
}
