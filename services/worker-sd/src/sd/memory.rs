//! The budget: may so much more be held, and who must leave for it?
//!
//! Pure arithmetic on what the caller says of everybody who holds memory. It neither measures nor ends anybody, so that
//! the same decision can be taken for several workers of one device.

pub(super) mod found;

use std::time::Duration;

/// Without measurements, what is held together should stay below this share of what there is.
const COMFORTABLE_PERCENT: u64 = 75;
/// A model that was not used for so long is half as likely to be wanted next as one that was used just now.
const HALF_AS_LIKELY: Duration = Duration::from_secs(600);

/// How much memory the models of a device may hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Whoever wants to go beyond this makes others leave first.
    pub(super) comfortable_mib: u64,
    /// Nothing can be larger than this.
    pub(super) whole_mib: u64,
}

/// Somebody who holds memory and works on nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holding {
    /// Who.
    pub(super) key: String,
    /// How much.
    pub(super) held_mib: u64,
    /// How long it would take to have this back.
    pub(super) load: Duration,
    /// Since when nobody has used it.
    pub(super) idle: Duration,
}

impl Budget {
    /// Returns a budget that somebody set: exactly that.
    pub(super) fn set(mib: u64) -> Self {
        Self { comfortable_mib: mib, whole_mib: mib }
    }

    /// Returns the budget of a device with so much memory.
    pub(super) fn of_device(whole_mib: u64) -> Self {
        Self { comfortable_mib: whole_mib * COMFORTABLE_PERCENT / 100, whole_mib }
    }

    /// Returns who must leave so that `wanted_mib` more may be held: the least valuable first, and nobody in vain.
    /// What does not fit even alone makes all the others leave.
    pub(super) fn make_room(self, wanted_mib: u64, mut holdings: Vec<Holding>) -> Vec<String> {
        let held_mib: u64 = holdings.iter().map(|holding| holding.held_mib).sum();
        let excess_mib = (held_mib + wanted_mib).saturating_sub(self.comfortable_mib);
        holdings.sort_by(|one, other| one.value().total_cmp(&other.value()));
        let mut freed_mib = 0;
        let mut leaving = Vec::new();
        for holding in holdings {
            if freed_mib >= excess_mib {
                break;
            }
            freed_mib += holding.held_mib;
            leaving.push(holding);
        }
        // A large one that leaves last may make the place of a small one that was to leave before it.
        leaving.retain(|holding| {
            let is_in_vain = freed_mib - holding.held_mib >= excess_mib;
            if is_in_vain {
                freed_mib -= holding.held_mib;
            }
            !is_in_vain
        });
        leaving.into_iter().map(|holding| holding.key).collect()
    }
}

impl Holding {
    /// Returns what a MiB of it is worth: the cost to have it back, times how likely it is wanted, for each MiB.
    fn value(&self) -> f64 {
        let likelihood = 1.0 / (1.0 + self.idle.as_secs_f64() / HALF_AS_LIKELY.as_secs_f64());
        self.load.as_secs_f64() * likelihood / self.held_mib.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(key: &str, held_mib: u64, load_s: u64, idle_s: u64) -> Holding {
        let (load, idle) = (Duration::from_secs(load_s), Duration::from_secs(idle_s));
        Holding { key: key.to_owned(), held_mib, load, idle }
    }

    #[test]
    fn nobody_leaves_while_there_is_room() {
        let budget = Budget::of_device(1000);
        assert_eq!(budget.make_room(250, vec![holding("a", 500, 1, 0)]), [""; 0]);
        assert_eq!(budget.make_room(251, vec![holding("a", 500, 1, 0)]), ["a"]);
    }

    #[test]
    fn of_two_alike_the_one_that_was_not_used_for_longer_leaves() {
        let held = vec![holding("new", 400, 5, 1), holding("old", 400, 5, 90)];
        assert_eq!(Budget::set(1000).make_room(400, held), ["old"]);
    }

    #[test]
    fn what_loads_slowly_stays_longer() {
        let held = vec![holding("slow", 400, 60, 600), holding("quick", 400, 2, 1)];
        assert_eq!(Budget::set(1000).make_room(400, held), ["quick"]);
    }

    #[test]
    fn what_takes_much_for_little_leaves_first() {
        let held = vec![holding("small", 100, 5, 1), holding("large", 800, 5, 1)];
        assert_eq!(Budget::set(1000).make_room(400, held), ["large"]);
    }

    #[test]
    fn nobody_leaves_in_vain() {
        let held = vec![holding("cheap", 50, 0, 900), holding("large", 900, 30, 1)];
        assert_eq!(Budget::set(1000).make_room(900, held), ["large"]);
    }

    #[test]
    fn what_does_not_fit_even_alone_makes_all_leave() {
        let held = vec![holding("a", 1, 1, 1), holding("b", 1, 1, 1)];
        assert_eq!(Budget::set(1000).make_room(5000, held).len(), 2);
    }
}
