//! Why a command came to nothing.

/// Why a command came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// Whether the same command would end the same way again.
    pub(crate) is_final: bool,
}

impl Failure {
    /// The command itself is the reason.
    pub(crate) fn of_the_command(message: String) -> Self {
        Self { message, is_final: true }
    }
}

impl From<String> for Failure {
    /// What the library did not manage this time, for example for want of memory.
    fn from(message: String) -> Self {
        Self { message, is_final: false }
    }
}
