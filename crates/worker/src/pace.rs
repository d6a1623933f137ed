//! What earlier jobs of a model took on this worker: the weights of progress and the guess of the time left.

use std::collections::HashMap;

use contract::{event::Phase, spec::JobSpec};

/// How many phases there are.
pub(crate) const PHASES: usize = 6;

/// The share of the whole that each phase of a first job has, before anything was measured.
const UNMEASURED_WEIGHTS: [f64; PHASES] = [0.30, 0.05, 0.55, 0.08, 0.0, 0.02];

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
    /// Steps of one picture.
    pub(crate) steps: u32,
    /// How many pictures.
    pub(crate) pictures: u32,
    /// The area of one picture.
    pub(crate) megapixels: f64,
}

impl Amount {
    /// Returns the amount of work in a spec.
    pub(crate) fn of(spec: &JobSpec) -> Self {
        let (steps, pictures) =
            spec.painting().map_or((0, 1), |painting| (painting.steps, painting.batch_count.max(1)));
        let megapixels = match spec {
            JobSpec::TextToImage(spec) => f64::from(spec.width) * f64::from(spec.height) / 1_000_000.0,
            _ => 0.25,
        };
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

/// The pace of one model, in units that do not depend on the job.
#[derive(Debug, Clone, Copy)]
struct Pace {
    loading_s: Option<f64>,
    encoding_s: f64,
    step_s_per_megapixel: f64,
    decoding_s_per_megapixel: f64,
    storing_s_per_picture: f64,
}

impl Paces {
    /// Returns what to expect of a job. A resident model costs no loading.
    pub(crate) fn expect(&self, model: &str, is_resident: bool, amount: Amount) -> Expectation {
        let phase_s = self.models.get(model).and_then(|pace| pace.phase_s(is_resident, amount));
        let mut weights = phase_s.unwrap_or(UNMEASURED_WEIGHTS);
        if is_resident {
            weights[index(Phase::Loading)] = 0.0;
        }
        let whole: f64 = weights.iter().sum();
        if whole > 0.0 {
            weights = weights.map(|weight| weight / whole);
        }
        Expectation { amount, weights, phase_s }
    }

    /// Remembers what a finished attempt took. Newer attempts count as much as all older ones together.
    pub(crate) fn learn(&mut self, model: &str, was_resident: bool, amount: Amount, measured: &Measured) {
        let Some(step_s) = measured.step_s else { return };
        let all_megapixels = (amount.megapixels * f64::from(amount.pictures)).max(f64::MIN_POSITIVE);
        let seconds = |phase| measured.phase_s[index(phase)];
        let seen = Pace {
            loading_s: (!was_resident).then(|| seconds(Phase::Loading)),
            encoding_s: seconds(Phase::Encoding),
            step_s_per_megapixel: step_s / amount.megapixels.max(f64::MIN_POSITIVE),
            decoding_s_per_megapixel: seconds(Phase::Decoding) / all_megapixels,
            storing_s_per_picture: seconds(Phase::Storing) / f64::from(amount.pictures.max(1)),
        };
        self.models.entry(model.to_owned()).and_modify(|known| *known = known.mixed_with(seen)).or_insert(seen);
    }
}

impl Pace {
    /// Returns the seconds of each phase; none if the model must be loaded and that was never measured.
    fn phase_s(self, is_resident: bool, amount: Amount) -> Option<[f64; PHASES]> {
        let loading_s = if is_resident { 0.0 } else { self.loading_s? };
        let pictures = f64::from(amount.pictures);
        Some([
            loading_s,
            self.encoding_s,
            self.step_s_per_megapixel * amount.megapixels * f64::from(amount.steps) * pictures,
            self.decoding_s_per_megapixel * amount.megapixels * pictures,
            0.0,
            self.storing_s_per_picture * pictures,
        ])
    }

    fn mixed_with(self, seen: Self) -> Self {
        let middle = |known: f64, seen: f64| (known + seen) / 2.0;
        Self {
            loading_s: match (self.loading_s, seen.loading_s) {
                (Some(known), Some(seen)) => Some(middle(known, seen)),
                (known, seen) => seen.or(known),
            },
            encoding_s: middle(self.encoding_s, seen.encoding_s),
            step_s_per_megapixel: middle(self.step_s_per_megapixel, seen.step_s_per_megapixel),
            decoding_s_per_megapixel: middle(self.decoding_s_per_megapixel, seen.decoding_s_per_megapixel),
            storing_s_per_picture: middle(self.storing_s_per_picture, seen.storing_s_per_picture),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Amount = Amount { steps: 10, pictures: 1, megapixels: 0.5 };

    fn measured() -> Measured {
        Measured { phase_s: [8.0, 1.0, 5.0, 2.0, 0.0, 0.5], step_s: Some(0.5) }
    }

    #[test]
    fn weights_always_sum_to_one() {
        let mut paces = Paces::default();
        for is_resident in [false, true] {
            let sum: f64 = paces.expect("m", is_resident, SMALL).weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
        paces.learn("m", false, SMALL, &measured());
        for is_resident in [false, true] {
            let sum: f64 = paces.expect("m", is_resident, SMALL).weights.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_resident_model_has_no_weight_on_loading() {
        let mut paces = Paces::default();
        assert_eq!(paces.expect("m", true, SMALL).weights[0], 0.0);
        paces.learn("m", false, SMALL, &measured());
        assert_eq!(paces.expect("m", true, SMALL).weights[0], 0.0);
        assert!(paces.expect("m", false, SMALL).weights[0] > 0.4);
    }

    #[test]
    fn a_larger_job_is_expected_to_sample_longer() {
        let mut paces = Paces::default();
        paces.learn("m", false, SMALL, &measured());
        let expected =
            paces.expect("m", true, Amount { steps: 20, pictures: 2, megapixels: 1.0 }).phase_s.expect("measured");
        assert_eq!(expected, [0.0, 1.0, 40.0, 8.0, 0.0, 1.0]);
    }

    #[test]
    fn nothing_is_known_of_loading_before_a_load_was_seen() {
        let mut paces = Paces::default();
        paces.learn("m", true, SMALL, &measured());
        assert!(paces.expect("m", false, SMALL).phase_s.is_none());
        assert!(paces.expect("m", true, SMALL).phase_s.is_some());
        assert!(paces.expect("other", true, SMALL).phase_s.is_none());
    }
}
