//! Which stage a call of progress belongs to.
//!
//! The library reports tensors, tiles and denoising steps through one function, without a name.
//! Its log says where it is; there, the series that begins at 0 and has the right length is the sampling.
//!
//! ```text
//! encoding ─▶ sampling, picture by picture ─▶ decoding
//!                      │ a second pass         ▲
//!                      ▼                       │
//!            upscaling ⇄ sampling, picture by picture
//! ```

use contract::engine::{Line, Stage};

use crate::generate::plan::Plan;

/// What the library is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing: what it reports is meant for nobody.
    Nothing,
    /// A model or an upscaler is being loaded.
    Loading,
    /// Pictures are made.
    Generating(Batch),
    /// A picture is enlarged.
    Upscaling,
}

/// The pictures of one call of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Steps of each.
    pub(crate) plan: Plan,
    /// How many were made by earlier calls.
    pub(crate) first: u32,
    /// How many this call makes.
    pub(crate) count: u32,
    /// How many all calls make.
    pub(crate) all: u32,
}

/// Where the library is in its work.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    work: Work,
    stage: Stage,
    /// The pass that is going on.
    pass: Pass,
    /// The picture of this call that is being sampled in this pass.
    picture: u32,
    /// Whether the steps of a picture are going on.
    is_sampling: bool,
    /// Whether the enlarged picture is ready to be sampled again.
    is_enlarged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    First,
    Second,
}

impl Stages {
    /// Some work begins.
    pub(super) const fn of(work: Work) -> Self {
        let stage = match work {
            Work::Nothing | Work::Loading => Stage::Loading,
            Work::Generating(_) => Stage::Encoding,
            Work::Upscaling => Stage::Upscaling,
        };
        Self { work, stage, pass: Pass::First, picture: 0, is_sampling: false, is_enlarged: false }
    }

    /// Takes note of a line of the log, and returns what to say about it.
    pub(super) fn heard(&mut self, message: &str) -> Vec<Line> {
        let Work::Generating(batch) = self.work else { return Vec::new() };
        if self.stage == Stage::Encoding && message.starts_with("generating image: ") {
            self.stage = Stage::Sampling;
        } else if self.pass == Pass::First && message.starts_with("sampling completed") {
            self.end_picture();
        } else if message.starts_with("hires fix: upscaling to ") {
            (self.stage, self.pass, self.picture) = (Stage::Upscaling, Pass::Second, 0);
            return vec![self.line(0, 0)];
        } else if message.starts_with("computing vae encode graph completed") || message.starts_with("hires Latent") {
            self.is_enlarged = self.pass == Pass::Second;
        } else if message.starts_with("hires sampling ") && message.contains(" completed") {
            self.end_picture();
            if self.picture < batch.count {
                self.stage = Stage::Upscaling;
            }
        } else if message.starts_with("decoding ") {
            self.stage = Stage::Decoding;
            return vec![self.line(0, 0)];
        }
        Vec::new()
    }

    /// Takes note of a step, and returns what to say about it.
    pub(super) fn progress(&mut self, step: u32, steps: u32) -> Vec<Line> {
        match (self.work, self.stage) {
            (Work::Nothing, _) => Vec::new(),
            // The one step of the picture that warms a model up.
            (Work::Loading, _) if steps <= 1 => Vec::new(),
            (Work::Generating(batch), Stage::Sampling) => self.sampled(batch, step, steps),
            (Work::Generating(batch), Stage::Upscaling)
                if self.is_enlarged && (step, steps) == (0, batch.plan.second) =>
            {
                self.stage = Stage::Sampling;
                self.sampled(batch, step, steps)
            }
            _ => vec![self.line(step, steps)],
        }
    }

    /// Returns the step of the whole batch that a preview belongs to; `None` if nobody should see it.
    pub(super) fn preview_step(&self, step: u32) -> Option<u32> {
        match (self.work, self.stage) {
            (Work::Generating(batch), Stage::Sampling) => Some(self.overall_step(batch, step)),
            _ => None,
        }
    }

    /// Returns the line for a step of the present stage.
    pub(super) fn line(&self, step: u32, steps: u32) -> Line {
        Line::Progress { stage: self.stage, step, steps }
    }

    fn sampled(&mut self, batch: Batch, step: u32, steps: u32) -> Vec<Line> {
        let expected = match self.pass {
            Pass::First => batch.plan.first,
            Pass::Second => batch.plan.second,
        };
        if steps != expected || self.picture >= batch.count {
            // Weights that are brought in between the steps, and tiles after them.
            return Vec::new();
        }
        self.is_sampling |= step == 0;
        if !self.is_sampling {
            return Vec::new();
        }
        // A step that is reported twice counts once.
        self.is_sampling = step < steps;
        vec![self.line(self.overall_step(batch, step), batch.all.saturating_mul(batch.plan.steps()))]
    }

    fn end_picture(&mut self) {
        self.picture += 1;
        (self.is_sampling, self.is_enlarged) = (false, false);
    }

    /// Returns the step of the whole batch that a step of the present picture is.
    fn overall_step(&self, batch: Batch, step: u32) -> u32 {
        let earlier = batch.first.saturating_mul(batch.plan.steps());
        let here = match self.pass {
            Pass::First => self.picture.saturating_mul(batch.plan.first),
            Pass::Second => {
                batch.count.saturating_mul(batch.plan.first) + self.picture.saturating_mul(batch.plan.second)
            }
        };
        earlier.saturating_add(here).saturating_add(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generating(first: u32, second: u32, pictures: (u32, u32, u32)) -> Stages {
        let (first_picture, count, all) = pictures;
        Stages::of(Work::Generating(Batch { plan: Plan { first, second }, first: first_picture, count, all }))
    }

    fn sampled(step: u32, steps: u32) -> Line {
        Line::Progress { stage: Stage::Sampling, step, steps }
    }

    fn decoding(step: u32, steps: u32) -> Line {
        Line::Progress { stage: Stage::Decoding, step, steps }
    }

    fn upscaling(step: u32, steps: u32) -> Line {
        Line::Progress { stage: Stage::Upscaling, step, steps }
    }

    #[test]
    fn tensors_tiles_and_steps_are_told_apart_even_when_they_are_equally_many() {
        let mut stages = generating(4, 0, (0, 1, 1));
        assert_eq!(stages.progress(0, 4), [Line::Progress { stage: Stage::Encoding, step: 0, steps: 4 }]);
        assert_eq!(stages.progress(4, 4), [Line::Progress { stage: Stage::Encoding, step: 4, steps: 4 }]);
        assert_eq!(stages.heard("generating image: 1/1 - seed 7"), []);
        assert_eq!(stages.progress(0, 36), []);
        assert_eq!(stages.progress(0, 4), [sampled(0, 4)]);
        assert_eq!(stages.progress(3, 4), [sampled(3, 4)]);
        assert_eq!(stages.progress(4, 4), [sampled(4, 4)]);
        assert_eq!(stages.heard("sampling completed, taking 0.12s"), []);
        assert_eq!(stages.heard("decoding 1 latents"), [decoding(0, 0)]);
        assert_eq!(stages.progress(0, 4), [decoding(0, 4)]);
    }

    #[test]
    fn the_steps_of_a_batch_are_counted_through() {
        let mut stages = generating(2, 0, (1, 2, 3));
        stages.heard("generating image: 1/2 - seed 7");
        assert_eq!(stages.progress(0, 2), [sampled(2, 6)]);
        assert_eq!(stages.progress(2, 2), [sampled(4, 6)]);
        assert_eq!(stages.progress(2, 2), [], "a step that is reported twice counts once");
        stages.heard("sampling completed, taking 0.12s");
        assert_eq!(stages.progress(0, 2), [sampled(4, 6)]);
        assert_eq!(stages.progress(1, 2), [sampled(5, 6)]);
        assert_eq!(stages.preview_step(2), Some(6));
        assert_eq!(Stages::of(Work::Loading).preview_step(1), None);
    }

    #[test]
    fn the_second_pass_counts_on_and_its_tiles_are_no_steps() {
        let mut stages = generating(2, 3, (0, 2, 2));
        stages.heard("generating image: 1/2 - seed 7");
        for overall in [0, 2] {
            assert_eq!(stages.progress(0, 2), [sampled(overall, 10)]);
            stages.heard("sampling completed, taking 0.12s");
        }
        assert_eq!(stages.heard("hires fix: upscaling to 128x128"), [upscaling(0, 0)]);
        for overall in [4, 7] {
            assert_eq!(stages.progress(0, 3), [upscaling(0, 3)], "three tiles");
            stages.heard("computing vae encode graph completed, taking 0.01s");
            assert_eq!(stages.progress(0, 3), [sampled(overall, 10)]);
            assert_eq!(stages.progress(3, 3), [sampled(overall + 3, 10)]);
            stages.heard("hires sampling 1/2 completed, taking 0.12s");
        }
        assert_eq!(stages.progress(0, 3), [], "the second pass is over");
        assert_eq!(stages.heard("decoding 2 latents"), [decoding(0, 0)]);
    }
}
