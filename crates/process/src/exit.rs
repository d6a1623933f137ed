//! How a program ended, in words.

use std::{fmt, os::unix::process::ExitStatusExt as _, process::ExitStatus};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The code that it ended with.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Exit {
    /// Returns whether it ended by itself and says that all is well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(signal) = self.signal else {
            return match self.code {
                Some(code) => write!(f, "ended with code {code}"),
                None => f.write_str("ended, nobody knows how"),
            };
        };
        write!(f, "killed by signal {signal}")?;
        match signal {
            1 => f.write_str(" (SIGHUP)"),
            2 => f.write_str(" (SIGINT)"),
            4 => f.write_str(" (SIGILL): it was built for a newer processor than this one"),
            6 => f.write_str(" (SIGABRT): it gave up"),
            7 => f.write_str(" (SIGBUS), perhaps because a file shrank or the disk is full"),
            8 => f.write_str(" (SIGFPE): it divided by zero, perhaps over a broken file"),
            9 => f.write_str(" (SIGKILL), perhaps because memory ran out"),
            11 => f.write_str(" (SIGSEGV): a fault in the program"),
            15 => f.write_str(" (SIGTERM)"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_program_is_said_in_words() {
        assert_eq!(Exit { code: Some(3), signal: None }.to_string(), "ended with code 3");
        let killed = Exit { code: None, signal: Some(9) };
        assert_eq!(killed.to_string(), "killed by signal 9 (SIGKILL), perhaps because memory ran out");
        assert_eq!(Exit { code: None, signal: Some(64) }.to_string(), "killed by signal 64");
        assert!(!killed.is_success());
    }
}
