//! Why a command ends with an error.

use std::error::Error;

/// What a command returns instead of a result. The exit code is 1, for wrong usage 2, for a closed pipe 0.
#[derive(Debug)]
pub enum Failure {
    /// What to tell on standard error.
    Message(String),
    /// The same, for options that do not go together in a way that only the files show.
    Usage(String),
    /// The reader of standard output is gone (`steadynet predict … | head -1`).
    ClosedPipe,
}

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message(message.into())
    }

    /// The same failure, with what it is about in front.
    pub fn about(self, subject: &str) -> Failure {
        match self {
            Failure::Message(message) => Failure::Message(format!("{subject}: {message}")),
            Failure::Usage(message) => Failure::Usage(format!("{subject}: {message}")),
            Failure::ClosedPipe => Failure::ClosedPipe,
        }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Message(error.to_string())
    }
}
