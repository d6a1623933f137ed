//! Whether a model fits into the memory of a device, in words that say what to do.

use contract::{
    memory::{Fit, FitVerdict},
    result::{MeasureReason, MemoryStep},
};

use super::plan::{Plan, Room, TooLarge};

/// Returns whether a picture model fits into a device, by how a picture of it would be made there.
#[must_use]
pub fn of_picture_model(device: &str, room: Room, planned: &Result<Plan, TooLarge>) -> Fit {
    let (needs_mib, is_measured, work) = match planned {
        Ok(plan) => (plan.needed_mib, plan.is_measured, plan.work),
        Err(large) => (large.needed_mib, large.is_measured, large.work),
    };
    let needs = format!("a picture of {:.2} megapixels needs {}", work.megapixels, so_much(needs_mib, is_measured));
    let steps = planned.as_ref().map(tight).unwrap_or_default();
    let (verdict, message) = match planned {
        Err(_) => {
            let large = format!("{needs}, whatever is done to save memory, and {device} has {} MiB", room.total_mib);
            (FitVerdict::TooLarge, format!("{large}: take a smaller or quantised model, or ask for smaller pictures"))
        }
        Ok(plan) if plan.is_alone || needs_mib > room.comfortable_mib => (FitVerdict::Alone, alone(&needs, device)),
        Ok(_) if !steps.is_empty() => {
            let saving = format!("{needs} of the {} MiB of {device} while it saves memory", room.comfortable_mib);
            let slower = format!("{saving} ({}), which takes longer", steps.join(", "));
            (FitVerdict::Slower, format!("{slower}: a smaller or quantised model is quicker"))
        }
        Ok(_) => (FitVerdict::Fits, fits(&needs, room, device)),
    };
    told(device, room, needs_mib, is_measured, verdict, message)
}

/// Returns whether a language model fits into a device, by what it takes there with the context that it would get.
#[must_use]
pub fn of_language_model(device: &str, room: Room, needs_mib: u64, is_measured: bool, context: u64) -> Fit {
    let needs = format!("it needs {} with {context} tokens for each request", so_much(needs_mib, is_measured));
    let (verdict, message) = if needs_mib > room.total_mib {
        let large = format!("{needs}, and {device} has {} MiB", room.total_mib);
        (
            FitVerdict::TooLarge,
            format!("{large}: take a smaller or more quantised model, or give it a shorter context in its preset"),
        )
    } else if needs_mib > room.comfortable_mib {
        (FitVerdict::Alone, alone(&needs, device))
    } else {
        (FitVerdict::Fits, fits(&needs, room, device))
    };
    told(device, room, needs_mib, is_measured, verdict, message)
}

/// Returns what must be done because memory is tight.
fn tight(plan: &Plan) -> Vec<&'static str> {
    let tight = plan.measures.iter().filter(|measure| measure.reason == MeasureReason::TightMemory);
    tight.map(|measure| MemoryStep::as_str(measure.step)).collect()
}

fn so_much(mib: u64, is_measured: bool) -> String {
    format!("{} {mib} MiB", if is_measured { "up to" } else { "about" })
}

fn fits(needs: &str, room: Room, device: &str) -> String {
    format!("{needs} of the {} MiB that models may hold on {device}", room.comfortable_mib)
}

fn alone(needs: &str, device: &str) -> String {
    format!("{needs}: all other models leave {device} for it, so take a smaller one if they are to stay")
}

fn told(device: &str, room: Room, needs_mib: u64, is_measured: bool, verdict: FitVerdict, message: String) -> Fit {
    let Room { comfortable_mib, total_mib } = room;
    Fit { device: device.to_owned(), needs_mib, is_measured, comfortable_mib, total_mib, verdict, message }
}

#[cfg(test)]
mod tests {
    use contract::spec::JobSpec;

    use super::*;
    use crate::memory::{Circumstances, Ladder, Lessons, Parts};

    /// Returns whether a model of 2.5 GiB fits into a card with so much memory, by its sizes alone.
    fn verdict(comfortable_mib: u64, total_mib: u64) -> FitVerdict {
        let parts = Parts { diffusion_mib: 2500, ..Parts::default() };
        let room = Room { comfortable_mib, total_mib };
        let spec = serde_json::json!({ "kind": "text_to_image", "prompt": "", "width": 1024, "height": 1024 });
        let spec: JobSpec = serde_json::from_value(spec).expect("a spec");
        let around = Circumstances { room, ladder: Ladder::of_device("cuda0"), parts };
        let fit = of_picture_model("card", room, &Lessons::default().plan("m", &spec, (1024, 1024), around));
        assert!(fit.message.contains(&format!(" {} MiB", fit.needs_mib)), "{fit:?}");
        fit.verdict
    }

    #[test]
    fn a_picture_model_fits_or_saves_memory_or_is_alone_or_is_too_large() {
        assert_eq!(verdict(12_000, 16_000), FitVerdict::Fits);
        assert_eq!(verdict(6000, 8000), FitVerdict::Slower);
        assert_eq!(verdict(5300, 8000), FitVerdict::Alone);
        assert_eq!(verdict(3000, 4000), FitVerdict::TooLarge);
    }

    #[test]
    fn a_language_model_fits_or_is_alone_or_is_too_large() {
        let verdict = |needs_mib| {
            let room = Room { comfortable_mib: 750, total_mib: 1000 };
            of_language_model("card", room, needs_mib, false, 4096).verdict
        };
        assert_eq!(verdict(750), FitVerdict::Fits);
        assert_eq!(verdict(751), FitVerdict::Alone);
        assert_eq!(verdict(1001), FitVerdict::TooLarge);
    }
}
