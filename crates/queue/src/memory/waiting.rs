//! Why a request for memory waits, in a sentence with numbers.

use std::{fmt, time::Duration};

use contract::memory::HoldingState;
use serde::Deserialize;

/// How many of those who hold memory a sentence names.
const NAMED: usize = 3;

/// Why a request waits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    /// For which model.
    pub model: String,
    /// Which request of this worker.
    pub(crate) ask: u64,
    /// How much it needs.
    pub needed_mib: u64,
    /// How much it could have now.
    pub free_mib: u64,
    /// How many requests were there before it.
    pub ahead: u64,
    /// Who holds the rest, the largest first.
    #[serde(default)]
    pub blockers: Vec<Blocker>,
    /// For how many milliseconds the ledger waits for others to say what they hold, because it is new.
    pub closed_ms: u64,
    /// Whether so much can never be free.
    pub(crate) is_hopeless: bool,
}

/// Somebody who holds memory that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Blocker {
    /// Its worker.
    pub worker: String,
    /// Its model.
    pub model: String,
    /// How much it holds.
    pub mib: u64,
    /// What it does.
    pub state: HoldingState,
    /// For how many milliseconds.
    pub state_ms: u64,
    /// For how many milliseconds it will still work, by its own estimate.
    #[serde(default)]
    pub ends_ms: Option<u64>,
    /// Whether it stays whoever waits.
    pub is_pinned: bool,
    /// Whether it was asked to leave.
    pub is_leaving: bool,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs {} MiB, {} are free", self.model, Grouped(self.needed_mib), Grouped(self.free_mib))?;
        if self.closed_ms > 0 {
            let seconds = self.closed_ms.div_ceil(1000);
            return write!(f, ": for {seconds} s the ledger waits for what others hold, because it is new");
        }
        let mut separator = ": ";
        for blocker in self.blockers.iter().take(NAMED) {
            write!(f, "{separator}{blocker}")?;
            separator = ", ";
        }
        if self.blockers.len() > NAMED {
            let rest = &self.blockers[NAMED..];
            let mib = rest.iter().map(|blocker| blocker.mib).sum();
            write!(f, ", {} others hold {} MiB", rest.len(), Grouped(mib))?;
        }
        match self.ahead {
            0 => Ok(()),
            1 => write!(f, "; 1 request is before this one"),
            ahead => write!(f, "; {ahead} requests are before this one"),
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::from_millis(self.state_ms).as_secs();
        write!(f, "{} holds {} MiB and ", self.model, Grouped(self.mib))?;
        match self.state {
            _ if self.is_pinned => return write!(f, "is pinned"),
            HoldingState::Loading => write!(f, "has been loading for {seconds} s")?,
            HoldingState::Busy => write!(f, "has been working for {seconds} s")?,
            HoldingState::Idle if self.is_leaving => return write!(f, "is leaving"),
            HoldingState::Idle => write!(f, "has been idle for {seconds} s")?,
        }
        if let Some(ends_ms) = self.ends_ms {
            write!(f, " ({} s left by its own estimate)", ends_ms.div_ceil(1000))?;
        }
        if self.is_leaving { write!(f, " and leaves when it is done") } else { Ok(()) }
    }
}

/// A number with a comma before every three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Self(self.0 / 1000), self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocker(model: &str, mib: u64, state: HoldingState) -> Blocker {
        let (worker, state_ms) = ("w1".to_owned(), 38_500);
        let (ends_ms, is_pinned, is_leaving) = (None, false, false);
        Blocker { worker, model: model.to_owned(), mib, state, state_ms, ends_ms, is_pinned, is_leaving }
    }

    fn waiting(blockers: Vec<Blocker>, ahead: u64) -> Waiting {
        let (model, closed_ms, is_hopeless) = ("sdxl".to_owned(), 0, false);
        Waiting { model, ask: 1, needed_mib: 9216, free_mib: 900, ahead, blockers, closed_ms, is_hopeless }
    }

    #[test]
    fn the_sentence_says_who_holds_how_much_and_how_long_the_line_is() {
        let busy = blocker("wan2.2", 1_014_000, HoldingState::Busy);
        assert_eq!(
            waiting(vec![busy.clone()], 1).to_string(),
            "sdxl needs 9,216 MiB, 900 are free: wan2.2 holds 1,014,000 MiB and has been working for 38 s; \
             1 request is before this one"
        );
        let estimated =
            Blocker { ends_ms: Some(38_000), is_leaving: true, ..blocker("wan2.2", 14_000, HoldingState::Busy) };
        let works = "and has been working for 38 s (38 s left by its own estimate) and leaves when it is done";
        assert_eq!(estimated.to_string(), format!("wan2.2 holds 14,000 MiB {works}"));
        let leaving = Blocker { is_leaving: true, ..blocker("llama", 5000, HoldingState::Idle) };
        let few = vec![busy; 4].into_iter().chain([leaving]).rev().collect();
        let sentence = waiting(few, 0).to_string();
        assert!(sentence.contains("llama holds 5,000 MiB and is leaving, wan2.2"), "{sentence}");
        assert!(sentence.ends_with(", 2 others hold 2,028,000 MiB"), "{sentence}");
    }

    #[test]
    fn a_new_ledger_says_how_long_it_waits() {
        let sentence = Waiting { closed_ms: 2100, ..waiting(Vec::new(), 0) }.to_string();
        assert!(sentence.contains("for 3 s the ledger waits"), "{sentence}");
    }
}
