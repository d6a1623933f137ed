//! What can go wrong between a program of ours and Valkey.

/// Why the queue could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is no address.
    #[error("{address:?} is no address of a Valkey server; write redis://host:6379 or redis+unix:///path/to/socket")]
    Address {
        /// What was given, without its password.
        address: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// The prefix would break the keys.
    #[error("the queue prefix {0:?} must have 1 to 64 letters, digits, '-', '_' or '.'")]
    Prefix(String),
    /// Nobody answers there.
    #[error("Valkey at {address} does not answer; start it, or correct ATELIER_VALKEY_URL")]
    Unreachable {
        /// Where we looked, without the password.
        address: String,
        /// What happened there.
        source: Cause,
    },
    /// Somebody answers, and does not let us in.
    #[error("Valkey at {address} does not let us in; correct the user and the password in ATELIER_VALKEY_URL")]
    Refused {
        /// Where we looked, without the password.
        address: String,
        /// What it said.
        source: Cause,
    },
    /// A command failed.
    #[error("could not {action}")]
    Command {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Cause,
    },
    /// The functions are not there: the data of Valkey were lost, or the API has never started.
    #[error("could not {action}: Valkey has not got the functions of the queue; the API loads them when it starts")]
    NotPrepared {
        /// What was tried.
        action: &'static str,
    },
    /// Another version of Atelier uses this Valkey.
    #[error(
        "this Valkey holds the queue layout {found}, and this program speaks {expected}; stop the other version and run FUNCTION DELETE {found} (jobs are safe in the database)"
    )]
    OtherLayout {
        /// The library that is there.
        found: String,
        /// Ours.
        expected: &'static str,
    },
    /// Something is too large for the queue.
    #[error("{what} has {size_bytes} bytes, and the queue takes at most {limit_bytes}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// A job was to fail with an outcome that is none.
    #[error("a job cannot fail with the outcome {}: this is a bug", .0.as_str())]
    NoFailure(crate::Outcome),
    /// A text job was to end with a frame that ends nothing.
    #[error("the last frame of a text job says neither that it is done nor that it failed: this is a bug")]
    NoEnd,
    /// Something could not be written as JSON.
    #[error("could not write {what} as JSON: this is a bug")]
    Encode {
        /// What it is.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// More memory was asked for than can ever be free.
    #[error("{model} cannot have {needed_mib} MiB: {pinned_mib} of {total_mib} MiB are pinned to other models")]
    NoRoom {
        /// For what.
        model: String,
        /// How much it needs.
        needed_mib: u64,
        /// What others keep for good.
        pinned_mib: u64,
        /// What there is.
        total_mib: u64,
    },
    /// Memory for a model was asked for again while the first request still waited.
    #[error("another request for the memory of {0} took the place of this one: this is a bug")]
    AskedAgain(String),
    /// A reply that no function gives.
    #[error("Valkey answered {action} with {reply}: this is a bug")]
    Reply {
        /// What was tried.
        action: &'static str,
        /// What came.
        reply: String,
    },
    /// The system gave no random numbers.
    #[error("could not draw a random number")]
    Random(#[source] getrandom::Error),
    /// The heartbeat thread could not be started.
    #[error("could not start the heartbeat thread")]
    Thread(#[source] std::io::Error),
}

/// What the client of Valkey said. Its text holds its own cause already, so there is none behind it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(redis::RedisError);

impl Cause {
    /// Returns the word that the server begins its refusal with.
    pub(crate) fn code(&self) -> Option<&str> {
        self.0.code()
    }
}

impl From<redis::RedisError> for Cause {
    fn from(error: redis::RedisError) -> Self {
        Self(error)
    }
}

impl Error {
    /// Returns whether the same call may succeed later without anybody changing the program or its settings.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotPrepared { .. } => true,
            Self::Command { source, .. } => crate::connection::is_outage(&source.0),
            _ => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Returns the causes as a log shows them.
    fn chain(error: &dyn std::error::Error) -> Vec<String> {
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
    }

    #[test]
    fn no_cause_is_told_twice() {
        for address in ["redis+unix:///nowhere/valkey.sock", "redis://127.0.0.1:1"] {
            let source = redis::Client::open(address).unwrap().get_connection().err().unwrap();
            let told = chain(&Error::Unreachable { address: address.to_owned(), source: source.into() });
            assert_eq!(told.len(), 2, "{told:?}");
            for (at, cause) in told.iter().enumerate() {
                let earlier = &told[..at];
                assert!(!earlier.iter().any(|before| before.contains(cause.as_str())), "{told:?}");
            }
        }
    }
}
