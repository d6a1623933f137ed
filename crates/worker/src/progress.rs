//! How far a job is and how long it will take: pure arithmetic on what an engine reports.
//!
//! The fraction is the weighted sum of the done shares of the phases. The weights are fixed when the attempt begins and
//! no share ever falls, so the fraction cannot run backwards, whatever an engine reports.
//! The time left is reckoned apart from it, from the measured pace.

use std::time::Duration;

use contract::event::{Phase, Progress};

use crate::{
    engine::StepReport,
    pace::{Expectation, Measured, PHASES, index},
};

/// Follows one attempt. Times are counted from its beginning.
#[derive(Debug)]
pub(crate) struct Tracker {
    expected: Expectation,
    share: [f64; PHASES],
    spent_s: [f64; PHASES],
    latest: StepReport,
    latest_at: Duration,
    /// Steps of all pictures together, as the engine counts them; 0 until it says so.
    sampling_steps: u32,
    decoding: Rounds,
    pace: StepPace,
    waits_for: Option<String>,
}

/// Counts the pictures of a phase whose steps begin anew with every picture.
#[derive(Debug, Default)]
struct Rounds {
    done: u32,
    step: u32,
}

/// Seconds a step, over the steps whose beginning and end were both seen.
#[derive(Debug, Default)]
struct StepPace {
    seconds: f64,
    steps: u32,
    /// Steps that were done before the first report of sampling: their time was booked on encoding.
    unseen_steps: u32,
    is_running: bool,
}

impl Tracker {
    /// Returns a tracker for an attempt that begins now.
    pub(crate) fn new(expected: Expectation) -> Self {
        Self {
            expected,
            share: [0.0; PHASES],
            spent_s: [0.0; PHASES],
            latest: StepReport { phase: Phase::Loading, step: 0, steps: 0 },
            latest_at: Duration::ZERO,
            sampling_steps: 0,
            decoding: Rounds::default(),
            pace: StepPace::default(),
            waits_for: None,
        }
    }

    /// Takes a report and returns what to tell the people who watch.
    pub(crate) fn report(&mut self, at: Duration, report: StepReport) -> Progress {
        let passed_s = self.pass_time(at);
        self.pace.take(passed_s, self.latest, report);
        let share = self.share_of(report);
        let phase = index(report.phase);
        self.share[phase] = self.share[phase].max(share);
        let ended = self.ended_by(report.phase);
        self.share[..ended].fill(1.0);
        self.latest = report;
        self.progress()
    }

    /// Takes why the job cannot go on, or that it does, and returns what to tell the people who watch.
    pub(crate) fn wait(&mut self, at: Duration, reason: Option<String>) -> Progress {
        self.pass_time(at);
        self.waits_for = reason;
        self.progress()
    }

    /// Returns what the attempt has taught about its model.
    pub(crate) fn measure(&mut self, at: Duration) -> Measured {
        self.pass_time(at);
        let step_s = self.pace.step_s();
        let encoding = index(Phase::Encoding);
        let unseen_s = f64::from(self.pace.unseen_steps) * step_s.unwrap_or(0.0);
        let mut phase_s = self.spent_s;
        phase_s[encoding] = (phase_s[encoding] - unseen_s).max(0.0);
        Measured { phase_s, step_s }
    }

    /// Books the time since the latest report on the phase that it named. No phase takes longer because a job had to wait.
    fn pass_time(&mut self, at: Duration) -> f64 {
        let passed_s = at.saturating_sub(self.latest_at).as_secs_f64();
        self.latest_at = at;
        if self.waits_for.is_some() {
            return 0.0;
        }
        self.spent_s[index(self.latest.phase)] += passed_s;
        passed_s
    }

    fn share_of(&mut self, report: StepReport) -> f64 {
        let is_new_phase = report.phase != self.latest.phase;
        match report.phase {
            Phase::Sampling => {
                self.sampling_steps = report.steps;
                share(f64::from(report.step), f64::from(report.steps))
            }
            Phase::Decoding => {
                let rounds = self.decoding.count(report.step, is_new_phase);
                let now = share(f64::from(report.step), f64::from(report.steps));
                share(f64::from(rounds) + now, f64::from(self.expected.amount.pictures))
            }
            Phase::Loading | Phase::Encoding | Phase::Upscaling | Phase::Storing => {
                share(f64::from(report.step), f64::from(report.steps))
            }
        }
    }

    /// Returns how many phases are over once this one is reported.
    /// Sampling and decoding alternate where an engine finishes one picture after the other, and sampling and upscaling where
    /// there is a second pass.
    fn ended_by(&self, phase: Phase) -> usize {
        match phase {
            Phase::Upscaling if self.expected.amount.steps > 0 => index(Phase::Sampling),
            Phase::Loading | Phase::Encoding | Phase::Upscaling | Phase::Storing => index(phase),
            Phase::Sampling | Phase::Decoding => index(Phase::Sampling),
        }
    }

    fn progress(&self) -> Progress {
        let fraction: f64 = self.expected.weights.iter().zip(self.share).map(|(weight, share)| weight * share).sum();
        Progress {
            phase: self.latest.phase,
            step: self.latest.step,
            steps: self.latest.steps,
            seconds_per_step: self.pace.step_s(),
            remaining_s: self.remaining_s(),
            fraction: fraction.clamp(0.0, 1.0),
            waits_for: self.waits_for.clone(),
        }
    }

    /// The pace of this attempt counts more than that of earlier ones; without either nobody knows.
    fn remaining_s(&self) -> Option<f64> {
        let amount = self.expected.amount;
        let mut phase_s = match (self.expected.phase_s, self.pace.step_s()) {
            (Some(phase_s), _) => phase_s,
            (None, Some(_)) => [0.0; PHASES],
            (None, None) => return None,
        };
        if let Some(step_s) = self.pace.step_s() {
            let expected = f64::from(amount.steps) * f64::from(amount.pictures);
            let steps = if self.sampling_steps > 0 { f64::from(self.sampling_steps) } else { expected };
            phase_s[index(Phase::Sampling)] = step_s * steps;
        }
        Some(phase_s.iter().zip(self.share).map(|(seconds, share)| seconds * (1.0 - share)).sum())
    }
}

impl Rounds {
    /// Takes a step and returns how many pictures were finished before it.
    fn count(&mut self, step: u32, is_new_phase: bool) -> u32 {
        let begins_anew = if is_new_phase { step <= self.step && self.step > 0 } else { step < self.step };
        if begins_anew {
            self.done += 1;
        }
        self.step = step;
        self.done
    }
}

impl StepPace {
    fn take(&mut self, passed_s: f64, before: StepReport, report: StepReport) {
        if report.phase != Phase::Sampling {
            return;
        }
        if before.phase == Phase::Sampling && report.step >= before.step {
            self.seconds += passed_s;
            self.steps += report.step - before.step;
        } else if !self.is_running {
            self.unseen_steps = report.step;
        }
        self.is_running = true;
    }

    fn step_s(&self) -> Option<f64> {
        (self.steps > 0).then(|| self.seconds / f64::from(self.steps))
    }
}

fn share(done: f64, all: f64) -> f64 {
    if all > 0.0 { (done / all).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Notes,
        pace::{Amount, Attempted, Paces},
    };

    fn tracker(steps: u32, pictures: u32) -> Tracker {
        let amount = Amount { steps, pictures, megapixels: 0.25 };
        Tracker::new(Paces::default().expect("m", false, amount))
    }

    fn step(phase: Phase, step: u32, steps: u32) -> StepReport {
        StepReport { phase, step, steps }
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Two pictures, one after the other, as the scripted engine reports them.
    fn two_pictures() -> Vec<StepReport> {
        let mut reports = vec![step(Phase::Loading, 0, 2), step(Phase::Loading, 2, 2), step(Phase::Encoding, 0, 0)];
        for before in [0, 3] {
            reports.extend((0..=3).map(|done| step(Phase::Sampling, before + done, 6)));
            reports.extend([step(Phase::Decoding, 0, 1), step(Phase::Decoding, 1, 1)]);
        }
        reports.push(step(Phase::Storing, 0, 2));
        reports.push(step(Phase::Storing, 2, 2));
        reports
    }

    #[test]
    fn the_fraction_rises_from_nothing_to_one() {
        let mut tracker = tracker(3, 2);
        let fractions: Vec<f64> = two_pictures()
            .into_iter()
            .zip(1..)
            .map(|(report, number)| tracker.report(second(number), report).fraction)
            .collect();
        assert_eq!(fractions[0], 0.0);
        assert!(fractions.is_sorted());
        assert!((fractions[fractions.len() - 1] - 1.0).abs() < 1e-9);
        let halfway = fractions[8];
        assert!((0.5..0.75).contains(&halfway), "one of two pictures: {halfway}");
    }

    #[test]
    fn the_fraction_never_falls_even_when_an_engine_reports_nonsense() {
        fastrand::seed(7);
        for _ in 0..200 {
            let mut tracker = tracker(fastrand::u32(0..30), fastrand::u32(1..4));
            let mut latest = 0.0;
            for number in 0..60 {
                let phases = [Phase::Loading, Phase::Encoding, Phase::Sampling, Phase::Decoding, Phase::Upscaling];
                let phase = *phases.get(fastrand::usize(0..6)).unwrap_or(&Phase::Storing);
                let report = step(phase, fastrand::u32(0..40), fastrand::u32(0..30));
                let progress = tracker.report(second(number), report);
                assert!(progress.fraction >= latest && progress.fraction <= 1.0);
                assert!(progress.remaining_s.is_none_or(|remaining_s| remaining_s >= 0.0 && remaining_s.is_finite()));
                latest = progress.fraction;
            }
        }
    }

    #[test]
    fn a_second_pass_counts_on_and_upscaling_before_it_ends_nothing() {
        let mut tracker = tracker(4, 1);
        tracker.report(second(0), step(Phase::Encoding, 0, 0));
        let half = tracker.report(second(1), step(Phase::Sampling, 4, 8)).fraction;
        assert_eq!(tracker.report(second(2), step(Phase::Upscaling, 0, 0)).fraction, half);
        assert_eq!(tracker.report(second(3), step(Phase::Sampling, 4, 8)).fraction, half);
        assert!(tracker.report(second(4), step(Phase::Sampling, 8, 8)).fraction > half);
    }

    #[test]
    fn a_job_that_only_enlarges_moves_with_its_tiles() {
        let mut tracker = tracker(0, 1);
        let begun = tracker.report(second(0), step(Phase::Upscaling, 0, 4)).fraction;
        let half = tracker.report(second(1), step(Phase::Upscaling, 2, 4)).fraction;
        assert!(half > begun + 0.2, "{begun} {half}");
    }

    #[test]
    fn the_time_left_follows_the_measured_pace() {
        let mut tracker = tracker(10, 1);
        assert_eq!(tracker.report(second(0), step(Phase::Loading, 0, 0)).remaining_s, None);
        tracker.report(second(1), step(Phase::Sampling, 0, 10));
        tracker.report(second(3), step(Phase::Sampling, 1, 10));
        let progress = tracker.report(second(5), step(Phase::Sampling, 2, 10));
        assert_eq!(progress.seconds_per_step, Some(2.0));
        assert_eq!(progress.remaining_s, Some(16.0));
    }

    #[test]
    fn the_second_job_knows_the_time_from_the_first() {
        let mut paces = Paces::default();
        let amount = Amount { steps: 3, pictures: 2, megapixels: 0.25 };
        let mut first = Tracker::new(paces.expect("m", false, amount));
        for (report, number) in two_pictures().into_iter().zip(1..) {
            first.report(second(number), report);
        }
        let first = Attempted { was_resident: false, amount, device: String::new() }
            .cost(&first.measure(second(20)), Notes::default());
        paces.learn("m", first.pace.expect("measured"));
        let mut next = Tracker::new(paces.expect("m", true, amount));
        let remaining_s = next.report(Duration::ZERO, step(Phase::Loading, 0, 0)).remaining_s.expect("measured");
        assert!((10.0..20.0).contains(&remaining_s), "{remaining_s}");
    }

    #[test]
    fn the_time_that_a_job_waits_is_told_with_its_reason_and_booked_on_no_phase() {
        let mut tracker = tracker(4, 1);
        tracker.report(second(0), step(Phase::Loading, 0, 0));
        let waits = tracker.wait(second(2), Some("needs 9 GB".to_owned()));
        assert_eq!(waits.waits_for.as_deref(), Some("needs 9 GB"));
        assert_eq!(tracker.wait(second(50), None).waits_for, None);
        tracker.report(second(51), step(Phase::Encoding, 0, 0));
        assert_eq!(tracker.measure(second(51)).phase_s[index(Phase::Loading)], 3.0);
    }

    #[test]
    fn steps_before_the_first_report_are_not_taken_for_encoding() {
        let mut tracker = tracker(4, 1);
        tracker.report(second(0), step(Phase::Encoding, 0, 0));
        tracker.report(second(3), step(Phase::Sampling, 1, 4));
        tracker.report(second(5), step(Phase::Sampling, 2, 4));
        let measured = tracker.measure(second(5));
        assert_eq!(measured.step_s, Some(2.0));
        assert_eq!(measured.phase_s[index(Phase::Encoding)], 1.0);
    }
}
