//! How many steps the library really samples: from a picture it walks only a part of the way.
//!
//! The library reckons in 32-bit floating-point numbers and rounds down, and so does this, or progress would never arrive.

use contract::engine::Generation;

/// Below this the library takes a strength for this.
const LEAST_HIRES_STRENGTH: f32 = 0.0001;

/// Steps of each picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Of the first pass.
    pub(crate) first: u32,
    /// Of the pass at the larger size; 0 without one.
    pub(crate) second: u32,
}

impl Plan {
    /// Returns the steps of a generation.
    pub(crate) fn of(generation: &Generation) -> Self {
        let all = generation.steps.max(1);
        let strength = generation.strength as f32;
        let first = if generation.init.is_some() && strength < 1.0 { part(all, strength) } else { all };
        let second = generation.hires.as_ref().map_or(0, |hires| {
            let wanted = if hires.steps > 0 { hires.steps } else { first };
            let strength = (hires.strength as f32).clamp(LEAST_HIRES_STRENGTH, 1.0);
            // The way is made so much longer that the part of it has the wanted length.
            let longer = ((wanted as f32 / strength) as u32).max(1);
            part(longer, strength)
        });
        Self { first, second }
    }

    /// Returns the steps of one picture, in both passes.
    pub(crate) fn steps(self) -> u32 {
        self.first.saturating_add(self.second)
    }
}

/// Returns how many steps of a whole way are walked.
fn part(all: u32, strength: f32) -> u32 {
    ((all as f32 * strength) as u32).min(all - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_way_is_one_step_longer_than_its_share_and_never_longer_than_the_way() {
        assert_eq!(part(20, 0.75), 16);
        assert_eq!(part(20, 0.0), 1);
        assert_eq!(part(20, 0.999), 20);
        assert_eq!(part(1, 0.5), 1);
        assert_eq!(part(1, 1.0), 1);
    }
}
