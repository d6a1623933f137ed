//! What a prompt may tell the scripted engine to do wrong: `[scripted: crash, attempts=1, steps_ms=5]`.

use std::time::Duration;

/// What the engine does instead of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misdeed {
    /// It refuses: another attempt would not help.
    Reject,
    /// It fails; another attempt may help.
    Fail,
    /// The model cannot be loaded.
    FailLoad,
    /// The engine dies, the worker lives.
    Crash,
    /// The whole worker process dies.
    Kill,
    /// It does not hear a cancel and never comes to an end.
    Hang,
    /// The picture is grey all over.
    Flat,
    /// The picture is grey all over, unless it is decoded in tiles.
    FlatUntiled,
}

/// What stands between `[scripted:` and `]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directive {
    misdeed: Option<Misdeed>,
    /// The misdeed happens in this many attempts, then all is well.
    attempts: Option<u32>,
    /// Instead of the engine's own pace.
    pub(crate) step: Option<Duration>,
    /// How long the load of the model takes.
    pub(crate) load: Option<Duration>,
}

const OPENING: &str = "[scripted:";
const WORDS: &str = "reject, fail, flaky, fail_load, crash, kill, hang, flat, flat_untiled, attempts=NUMBER, steps_ms=NUMBER, load_ms=NUMBER";

impl Directive {
    /// Reads the directive of a prompt; without one, nothing special. The error is a sentence for people.
    pub(crate) fn read(prompt: &str) -> Result<Self, String> {
        let mut directive = Self::default();
        let Some((_, rest)) = prompt.split_once(OPENING) else { return Ok(directive) };
        let Some((text, _)) = rest.split_once(']') else {
            return Err(format!("the directive {OPENING} in the prompt has no closing bracket"));
        };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            directive.take(word)?;
        }
        Ok(directive)
    }

    /// Returns what goes wrong in this attempt, counted from 1.
    pub(crate) fn misdeed(&self, attempt: u32) -> Option<Misdeed> {
        self.misdeed.filter(|_| self.attempts.is_none_or(|attempts| attempt <= attempts))
    }

    /// Returns whether the picture of this attempt is grey all over.
    pub(crate) fn is_flat(&self, attempt: u32, is_tiled: bool) -> bool {
        match self.misdeed(attempt) {
            Some(Misdeed::Flat) => true,
            Some(Misdeed::FlatUntiled) => !is_tiled,
            _ => false,
        }
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        if let Some((name, value)) = word.split_once('=') {
            let number: u32 =
                value.trim().parse().map_err(|_| format!("the directive {word:?} needs a whole number after the ="))?;
            let duration = Duration::from_millis(u64::from(number));
            match name.trim() {
                "attempts" => self.attempts = Some(number),
                "steps_ms" => self.step = Some(duration),
                "load_ms" => self.load = Some(duration),
                _ => return Err(unknown(word)),
            }
            return Ok(());
        }
        self.misdeed = Some(match word {
            "reject" => Misdeed::Reject,
            "fail" => Misdeed::Fail,
            "flaky" => {
                self.attempts = Some(1);
                Misdeed::Fail
            }
            "fail_load" => Misdeed::FailLoad,
            "crash" => Misdeed::Crash,
            "kill" => Misdeed::Kill,
            "hang" => Misdeed::Hang,
            "flat" => Misdeed::Flat,
            "flat_untiled" => Misdeed::FlatUntiled,
            _ => return Err(unknown(word)),
        });
        Ok(())
    }
}

fn unknown(word: &str) -> String {
    format!("the scripted engine does not know the directive {word:?}; it knows {WORDS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_without_a_directive_asks_for_nothing_special() {
        assert_eq!(Directive::read("a crash of waves, kill your darlings"), Ok(Directive::default()));
    }

    #[test]
    fn a_directive_may_stand_anywhere_and_hold_several_words() {
        let directive =
            Directive::read("a lighthouse [scripted: kill, attempts=2, steps_ms=5] at dawn").expect("valid");
        assert_eq!(directive.misdeed(2), Some(Misdeed::Kill));
        assert_eq!(directive.misdeed(3), None);
        assert_eq!(directive.step, Some(Duration::from_millis(5)));
    }

    #[test]
    fn flaky_fails_once() {
        let directive = Directive::read("[scripted: flaky]").expect("valid");
        assert_eq!(directive.misdeed(1), Some(Misdeed::Fail));
        assert_eq!(directive.misdeed(2), None);
    }

    #[test]
    fn an_unknown_directive_is_named_together_with_the_known_ones() {
        let error = Directive::read("[scripted: explode]").expect_err("unknown");
        assert!(error.contains("\"explode\"") && error.contains("crash"), "{error}");
        assert!(Directive::read("[scripted: steps_ms=soon]").is_err());
        assert!(Directive::read("[scripted: crash").is_err());
    }
}
