//! The exit codes: 0, the command did what was asked; 1, it did not; 2, an argument or a file
//! cannot be used.

use std::fmt;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An argument or a file cannot be used: exit code 2.
    Unusable(String),
    /// The call, the test or the demonstration failed: exit code 1.
    DidNotHold(String),
}

impl Failure {
    /// An argument that cannot be used, and why.
    pub(crate) fn unusable(argument: &str, problem: impl fmt::Display) -> Self {
        Self::Unusable(format!("{argument}: {problem}"))
    }

    pub(crate) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Unusable(message) => (message, 2),
            Self::DidNotHold(message) => (message, 1),
        };
        eprintln!("holdline: {}", message.replace('\n', " "));
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::DidNotHold(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::DidNotHold(error.to_string())
    }
}
