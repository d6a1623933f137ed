//! Which stage a call of progress belongs to.
//!
//! The library reports tensors, tiles and denoising steps through one function, without a name.
//! Its log says when the sampling of a picture begins; from there on the series of the right length is the sampling.

use contract::engine::{Line, Stage};

/// Where the library is in its work.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    stage: Stage,
    /// Steps of one picture.
    steps: u32,
    /// The picture that is being sampled, counted over the whole batch.
    picture: u32,
    /// Pictures that this call of the library has yet to sample.
    left: u32,
    /// Pictures in the whole batch.
    all: u32,
    /// Whether the steps of the present picture are going on.
    is_sampling: bool,
}

impl Stages {
    /// A model is being loaded.
    pub(super) const LOADING: Self =
        Self { stage: Stage::Loading, steps: 0, picture: 0, left: 0, all: 0, is_sampling: false };

    /// A call of the library begins: `count` pictures of `all`, from number `first`.
    pub(super) fn generating(steps: u32, first: u32, count: u32, all: u32) -> Self {
        Self { stage: Stage::Encoding, steps, picture: first, left: count, all, is_sampling: false }
    }

    /// Takes note of a line of the log.
    pub(super) fn heard(&mut self, message: &str) {
        if self.stage == Stage::Encoding && message.starts_with("generating image: ") {
            self.stage = Stage::Sampling;
        }
    }

    /// Takes note of a step, and returns what to say about it.
    pub(super) fn progress(&mut self, step: u32, steps: u32) -> Vec<Line> {
        if self.stage == Stage::Loading && steps <= 1 {
            // The one step of the picture that warms the model up.
            return Vec::new();
        }
        if self.stage != Stage::Sampling {
            return vec![self.line(step, steps)];
        }
        if steps != self.steps {
            // Weights that are brought in between the steps.
            return Vec::new();
        }
        if step == 0 {
            self.is_sampling = true;
        }
        if !self.is_sampling {
            return Vec::new();
        }
        let mut lines = vec![self.line(self.overall_step(step), self.all.saturating_mul(self.steps))];
        if step == steps {
            self.is_sampling = false;
            self.picture += 1;
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.stage = Stage::Decoding;
                lines.push(self.line(0, 0));
            }
        }
        lines
    }

    /// Returns the step of the whole batch that a preview belongs to; `None` if nobody should see it.
    pub(super) fn preview_step(&self, step: u32) -> Option<u32> {
        (self.stage == Stage::Sampling).then(|| self.overall_step(step))
    }

    /// Returns the step of the whole batch that a step of the present picture is.
    fn overall_step(&self, step: u32) -> u32 {
        self.picture.saturating_mul(self.steps).saturating_add(step)
    }

    /// Returns the line for a step of the present stage.
    pub(super) fn line(&self, step: u32, steps: u32) -> Line {
        Line::Progress { stage: self.stage, step, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(step: u32, steps: u32) -> Line {
        Line::Progress { stage: Stage::Sampling, step, steps }
    }

    #[test]
    fn tensors_tiles_and_steps_are_told_apart_even_when_they_are_equally_many() {
        let mut stages = Stages::generating(4, 0, 1, 1);
        assert_eq!(stages.progress(0, 4), [Line::Progress { stage: Stage::Encoding, step: 0, steps: 4 }]);
        assert_eq!(stages.progress(4, 4), [Line::Progress { stage: Stage::Encoding, step: 4, steps: 4 }]);
        stages.heard("generating image: 1/1 - seed 7");
        assert_eq!(stages.progress(0, 36), []);
        assert_eq!(stages.progress(0, 4), [sampled(0, 4)]);
        assert_eq!(stages.progress(3, 4), [sampled(3, 4)]);
        let decoding = |step, steps| Line::Progress { stage: Stage::Decoding, step, steps };
        assert_eq!(stages.progress(4, 4), [sampled(4, 4), decoding(0, 0)]);
        assert_eq!(stages.progress(0, 4), [decoding(0, 4)]);
    }

    #[test]
    fn the_steps_of_a_batch_are_counted_through() {
        let mut stages = Stages::generating(2, 1, 2, 3);
        stages.heard("generating image: 1/2 - seed 7");
        assert_eq!(stages.progress(0, 2), [sampled(2, 6)]);
        assert_eq!(stages.progress(2, 2), [sampled(4, 6)]);
        assert_eq!(stages.progress(2, 2), [], "a step that is reported twice counts once");
        assert_eq!(stages.progress(0, 2), [sampled(4, 6)]);
        assert_eq!(stages.progress(1, 2), [sampled(5, 6)]);
        assert_eq!(stages.preview_step(2), Some(6));
        assert_eq!(Stages::LOADING.preview_step(1), None);
    }
}
