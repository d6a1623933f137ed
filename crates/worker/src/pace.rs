//! What earlier jobs of a model took, here or elsewhere: the weights of progress and the guess of the time left.

use std::collections::HashMap;

use contract::{
    cost::{Cost, Pace},
    event::Phase,
};

use crate::{engine::Notes, order::Order};

/// How many phases there are.
pub(crate) const PHASES: usize = 6;

/// The share of the whole that each phase of a first job has, before anything was measured.
const UNMEASURED_WEIGHTS: [f64; PHASES] = [0.30, 0.05, 0.55, 0.08, 0.0, 0.02];
/// The same of a job that paints nothing, and only enlarges or lays together.
const UNPAINTED_WEIGHTS: [f64; PHASES] = [0.30, 0.0, 0.0, 0.0, 0.60, 0.10];

/// Returns where a phase stands in arrays of phases.
pub(crate) fn index(phase: Phase) -> usize {
    match phase {
        Phase::Loading => 0,
        Phase::Encoding => 1,
        Phase::Sampling => 2,
        Phase::Decoding => 3,
        Phase::Upscaling => 4,
        Phase::Storing => 5,
    }
}

/// How much there is to do, as far as it decides about the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    /// Steps of one picture; 0 where nothing is painted.
    pub(crate) steps: u32,
    /// How many pictures.
    pub(crate) pictures: u32,
    /// The area of one picture.
    pub(crate) megapixels: f64,
}

impl Amount {
    /// Returns the amount of work in an order.
    pub(crate) fn of(order: &Order) -> Self {
        let (steps, pictures) =
            order.spec.painting().map_or((0, 1), |painting| (painting.steps, painting.batch_count.max(1)));
        let megapixels = f64::from(order.width) * f64::from(order.height) / 1_000_000.0;
        Self { steps, pictures, megapixels }
    }
}

/// What to expect of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expectation {
    /// How much there is to do.
    pub(crate) amount: Amount,
    /// The share of each phase in the whole; their sum is 1.
    pub(crate) weights: [f64; PHASES],
    /// Seconds of each phase, where they were measured.
    pub(crate) phase_s: Option<[f64; PHASES]>,
}

/// What one attempt took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Seconds spent in each phase.
    pub(crate) phase_s: [f64; PHASES],
    /// Seconds a step, if there were steps.
    pub(crate) step_s: Option<f64>,
}

/// The measured pace of each model that this worker has run.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    models: HashMap<String, Pace>,
}

/// An attempt that made its pictures.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) was_resident: bool,
    pub(crate) amount: Amount,
    pub(crate) device: String,
}

impl Paces {
    /// Returns what to expect of a job. A resident model costs no loading.
    pub(crate) fn expect(&self, model: &str, is_resident: bool, amount: Amount) -> Expectation {
        let phase_s = self.models.get(model).and_then(|pace| phase_s(*pace, is_resident, amount));
        let unmeasured = if amount.steps == 0 { UNPAINTED_WEIGHTS } else { UNMEASURED_WEIGHTS };
        let mut weights = phase_s.unwrap_or(unmeasured);
        if is_resident {
            weights[index(Phase::Loading)] = 0.0;
        }
        let whole: f64 = weights.iter().sum();
        if whole > 0.0 {
            weights = weights.map(|weight| weight / whole);
        }
        Expectation { amount, weights, phase_s }
    }

    /// Takes over what others wrote down of a model, if nothing is known of it here. The newest counts as much as all older
    /// ones together.
    pub(crate) fn recall(&mut self, model: &str, device: &str, history: &[Cost]) {
        if self.models.contains_key(model) {
            return;
        }
        let of_this_device = history.iter().filter(|cost| cost.device == device);
        of_this_device.rev().filter_map(|cost| cost.pace).for_each(|pace| self.learn(model, pace));
    }

    /// Remembers how fast a finished attempt was. Newer attempts count as much as all older ones together.
    pub(crate) fn learn(&mut self, model: &str, pace: Pace) {
        self.models.entry(model.to_owned()).and_modify(|known| *known = mixed(*known, pace)).or_insert(pace);
    }
}

impl Attempted {
    /// Returns what the attempt cost.
    pub(crate) fn cost(self, measured: &Measured, notes: Notes) -> Cost {
        let amount = self.amount;
        let all_megapixels = (amount.megapixels * f64::from(amount.pictures)).max(f64::MIN_POSITIVE);
        let seconds = |phase| measured.phase_s[index(phase)];
        let pace = measured.step_s.map(|step_s| Pace {
            loading_s: (!self.was_resident).then(|| seconds(Phase::Loading)),
            encoding_s: seconds(Phase::Encoding),
            step_s_per_megapixel: step_s / amount.megapixels.max(f64::MIN_POSITIVE),
            decoding_s_per_megapixel: seconds(Phase::Decoding) / all_megapixels,
            storing_s_per_picture: seconds(Phase::Storing) / f64::from(amount.pictures.max(1)),
        });
        Cost {
            device: self.device,
            megapixels: amount.megapixels,
            pictures: amount.pictures,
            steps: notes.steps,
            peak_mib: notes.peak_mib,
            pace,
        }
    }
}

/// Returns the seconds of each phase; none if the model must be loaded and that was never measured.
fn phase_s(pace: Pace, is_resident: bool, amount: Amount) -> Option<[f64; PHASES]> {
    let loading_s = if is_resident { 0.0 } else { pace.loading_s? };
    let pictures = f64::from(amount.pictures);
    Some([
        loading_s,
        pace.encoding_s,
        pace.step_s_per_megapixel * amount.megapixels * f64::from(amount.steps) * pictures,
        pace.decoding_s_per_megapixel * amount.megapixels * pictures,
        0.0,
        pace.storing_s_per_picture * pictures,
    ])
}

/// Returns the middle between what was known and what was seen.
fn mixed(known: Pace, seen: Pace) -> Pace {
    let middle = |known: f64, seen: f64| (known + seen) / 2.0;
    Pace {
        loading_s: match (known.loading_s, seen.loading_s) {
            (Some(known), Some(seen)) => Some(middle(known, seen)),
            (known, seen) => seen.or(known),
        },
        encoding_s: middle(known.encoding_s, seen.encoding_s),
        step_s_per_megapixel: middle(known.step_s_per_megapixel, seen.step_s_per_megapixel),
        decoding_s_per_megapixel: middle(known.decoding_s_per_megapixel, seen.decoding_s_per_megapixel),
        storing_s_per_picture: middle(known.storing_s_per_picture, seen.storing_s_per_picture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Amount = Amount { steps: 10, pictures: 1, megapixels: 0.5 };

    fn cost(was_resident: bool) -> Cost {
        let measured = Measured { phase_s: [8.0, 1.0, 5.0, 2.0, 0.0, 0.5], step_s: Some(0.5) };
        Attempted { was_resident, amount: SMALL, device: "cpu".to_owned() }.cost(&measured, Notes::default())
    }

    fn pace(was_resident: bool) -> Pace {
        cost(was_resident).pace.expect("it had steps")
    }

    #[test]
    fn weights_always_sum_to_one() {
        let mut paces = Paces::default();
        for is_resident in [false, true] {
            let sum: f64 = paces.expect("m", is_resident, SMALL).weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
        paces.learn("m", pace(false));
        for is_resident in [false, true] {
            let sum: f64 = paces.expect("m", is_resident, SMALL).weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_resident_model_has_no_weight_on_loading() {
        let mut paces = Paces::default();
        assert_eq!(paces.expect("m", true, SMALL).weights[0], 0.0);
        paces.learn("m", pace(false));
        assert_eq!(paces.expect("m", true, SMALL).weights[0], 0.0);
        assert!(paces.expect("m", false, SMALL).weights[0] > 0.4);
    }

    #[test]
    fn a_larger_job_is_expected_to_sample_longer() {
        let mut paces = Paces::default();
        paces.learn("m", pace(false));
        let expected =
            paces.expect("m", true, Amount { steps: 20, pictures: 2, megapixels: 1.0 }).phase_s.expect("measured");
        assert_eq!(expected, [0.0, 1.0, 40.0, 8.0, 0.0, 1.0]);
    }

    #[test]
    fn nothing_is_known_of_loading_before_a_load_was_seen() {
        let mut paces = Paces::default();
        paces.learn("m", pace(true));
        assert!(paces.expect("m", false, SMALL).phase_s.is_none());
        assert!(paces.expect("m", true, SMALL).phase_s.is_some());
        assert!(paces.expect("other", true, SMALL).phase_s.is_none());
    }

    #[test]
    fn a_fresh_worker_knows_what_others_of_its_device_have_seen() {
        let mut paces = Paces::default();
        let elsewhere = Cost { device: "cuda0".to_owned(), ..cost(false) };
        paces.recall("m", "cpu", &[elsewhere]);
        assert!(paces.expect("m", false, SMALL).phase_s.is_none(), "a card is no measure for a processor");
        paces.recall("m", "cpu", &[cost(false)]);
        assert_eq!(paces.expect("m", false, SMALL).phase_s, Some([8.0, 1.0, 5.0, 2.0, 0.0, 0.5]));
        paces.recall(
            "m",
            "cpu",
            &[Cost { megapixels: 9.0, pace: Some(Pace { encoding_s: 99.0, ..pace(false) }), ..cost(false) }],
        );
        assert_eq!(
            paces.expect("m", false, SMALL).phase_s,
            Some([8.0, 1.0, 5.0, 2.0, 0.0, 0.5]),
            "own experience counts"
        );
    }
}
