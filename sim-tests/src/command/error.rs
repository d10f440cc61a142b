//! The error of a command, which decides its exit code.

use std::fmt;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum CommandError {
    /// An argument or a file is unusable: exit code 2.
    Unusable(String),
    /// A law was violated, or the run failed: exit code 1.
    DidNotHold(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unusable(message) | Self::DidNotHold(message)) = self;
        f.write_str(message)
    }
}
