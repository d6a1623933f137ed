//! The sizes in a job: of what it takes, and of what it makes.

use contract::spec::{Hires, Inpaint, JobSpec, output::Format, upscale::Upscale};

use super::{Wrong, pictures::Sizes};

/// No painted picture is wider or higher.
const MOST_PX: u64 = 4096;
/// WebP has no more, and its files say so nowhere.
const MOST_WEBP_PX: u64 = 16_383;
/// The engine paints in steps of this.
const STEP_PX: u32 = 16;

/// Returns what is wrong with the sizes in a job.
pub(super) fn check(spec: &JobSpec, pictures: &Sizes, most_pixels: u64) -> Vec<Wrong> {
    let size_of = |id| pictures.get(&id).copied().unwrap_or_default();
    let mut wrong = Vec::new();
    let painted = match spec {
        JobSpec::TextToImage(spec) => Some((spec.width, spec.height)),
        JobSpec::ImageToImage(spec) => Some(asked_or_given(spec.width, spec.height, size_of(spec.image), &mut wrong)),
        JobSpec::ImageEdit(spec) => {
            let first = spec.images.first().map(|id| size_of(*id)).unwrap_or_default();
            Some(asked_or_given(spec.width, spec.height, first, &mut wrong))
        }
        JobSpec::Inpaint(spec) => {
            inpaint(spec, size_of(spec.image), spec.mask.map(size_of), &mut wrong);
            None
        }
        JobSpec::Upscale(spec) => {
            upscale(spec, size_of(spec.image), most_pixels, &mut wrong);
            None
        }
        JobSpec::ContactSheet(_) => None,
    };
    if let Some((hires, (width, height))) = spec.hires().zip(painted) {
        second_pass(hires, spec, width, height, &mut wrong);
    }
    wrong
}

/// Returns the size that was asked for, or else that of the picture in the steps of the engine.
fn asked_or_given(
    width: Option<u32>,
    height: Option<u32>,
    (given_width, given_height): (u32, u32),
    wrong: &mut Vec<Wrong>,
) -> (u32, u32) {
    let mut side = |name: &str, asked: Option<u32>, given: u32| {
        let side = asked.unwrap_or_else(|| given.next_multiple_of(STEP_PX));
        if u64::from(side) > MOST_PX {
            let detail =
                format!("the picture has a {name} of {given}, and the most is {MOST_PX}: say which {name} to paint");
            wrong.push(Wrong::new(format!("/{name}"), detail));
        }
        side
    };
    (side("width", width, given_width), side("height", height, given_height))
}

fn inpaint(spec: &Inpaint, (width, height): (u32, u32), mask: Option<(u32, u32)>, wrong: &mut Vec<Wrong>) {
    let extend = spec.extend.unwrap_or_default();
    let horizontal = u64::from(extend.left) + u64::from(extend.right);
    let vertical = u64::from(extend.top) + u64::from(extend.bottom);
    if spec.mask.is_none() && horizontal + vertical == 0 {
        let detail = "there is nothing to paint: send a mask, or say with extend how far the picture is carried on";
        wrong.push(Wrong::new("/mask", detail));
    }
    if let Some((mask_width, mask_height)) = mask.filter(|mask| *mask != (width, height)) {
        let detail = format!(
            "the mask has {mask_width} × {mask_height} pixels, and the picture {width} × {height}: they must agree"
        );
        wrong.push(Wrong::new("/mask", detail));
    }
    let (whole_width, whole_height) = (u64::from(width) + horizontal, u64::from(height) + vertical);
    if whole_width > MOST_PX || whole_height > MOST_PX {
        let field = if spec.extend.is_some() { "/extend" } else { "/image" };
        let detail =
            format!("this makes {whole_width} × {whole_height} pixels, and the most is {MOST_PX} in width and height");
        wrong.push(Wrong::new(field, detail));
    }
}

fn second_pass(hires: &Hires, spec: &JobSpec, width: u32, height: u32, wrong: &mut Vec<Wrong>) {
    let longest = f64::from(width.max(height));
    if longest * hires.scale <= MOST_PX as f64 {
        return;
    }
    let most = (MOST_PX as f64 / longest * 100.0).floor() / 100.0;
    let (wide, high) = (f64::from(width) * hires.scale, f64::from(height) * hires.scale);
    let detail = format!(
        "this makes {wide:.0} × {high:.0} pixels, and the most is {MOST_PX} in width and height: a scale of {most} fits"
    );
    let found = Wrong::new("/hires/scale", detail);
    wrong.push(if most > 1.1 { found.mended(spec, most.into()) } else { found });
}

fn upscale(spec: &Upscale, (width, height): (u32, u32), most_pixels: u64, wrong: &mut Vec<Wrong>) {
    let (wide, high) = (f64::from(width) * spec.factor, f64::from(height) * spec.factor);
    let pixels = wide * high;
    if pixels > most_pixels as f64 {
        let most = ((most_pixels as f64 / (f64::from(width) * f64::from(height))).sqrt() * 100.0).floor() / 100.0;
        let detail = format!(
            "this makes {wide:.0} × {high:.0} = {pixels:.0} pixels, and the limit is {most_pixels}: a factor of {most} fits"
        );
        let found = Wrong::new("/factor", detail);
        let is_possible = most >= 1.0;
        wrong.push(if is_possible { found.mended(&JobSpec::Upscale(spec.clone()), most.into()) } else { found });
    } else if spec.output.format == Format::Webp && wide.max(high) > MOST_WEBP_PX as f64 {
        let detail = format!("WebP has at most {MOST_WEBP_PX} pixels in width and height: choose png or jpeg");
        let found = Wrong::new("/format", detail);
        wrong.push(found.mended(&JobSpec::Upscale(spec.clone()), "png".into()));
    }
}
