//! Results on standard output, for people or as JSON; everything else on standard error.

use std::{
    io::{self, ErrorKind, Write as _},
    process,
};

use contract::problem::Problem;
use serde::Serialize;
use serde_json::json;

use crate::{client::Error, exit::Exit, words};

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    is_json: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// Writes the result: the document itself, or what people read.
    pub(crate) fn result<T: Serialize>(self, document: &T, people: impl FnOnce(&T) -> String) {
        if self.is_json {
            print_document(document);
        } else {
            print(&people(document));
        }
    }

    /// Writes one line of several: an event.
    pub(crate) fn line<T: Serialize>(self, document: &T) {
        if self.is_json
            && let Ok(text) = serde_json::to_string(document)
        {
            print(&text);
        }
    }

    /// Tells people something that is no result.
    pub(crate) fn note(self, text: &str) {
        if !self.is_json {
            say(text);
        }
    }

    /// Says why it did not work: the problem of the server as it came, or our own words.
    pub(crate) fn error(self, error: &Error) {
        if !self.is_json {
            say(&format!("error: {}", words::chain(error)));
            if matches!(error, Error::Unreachable { .. }) {
                say("  is the server running? `atelier doctor` looks");
            }
            return;
        }
        match error {
            Error::Refused(problem) => print_document::<Problem>(problem),
            other => print_document(&json!({ "title": other.to_string(), "detail": words::chain(other) })),
        }
    }
}

fn print_document<T: Serialize + ?Sized>(document: &T) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => print(&text),
        Err(error) => say(&format!("error: the result cannot be written as JSON: {error}")),
    }
}

/// Writes a line of the result. Whoever closes the pipe, as `head` does, has read enough, and that ends the program.
#[allow(clippy::exit, reason = "nothing is left to do for somebody who reads no further")]
fn print(text: &str) {
    let Err(error) = writeln!(io::stdout().lock(), "{text}") else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(u8::from(Exit::Done).into());
    }
    say(&format!("error: the result cannot be written: {error}"));
    process::exit(u8::from(Exit::Local).into());
}

/// Tells people something. Where nobody listens, nobody misses it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
