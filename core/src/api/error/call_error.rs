//! The error that ends a call.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::cause::Cause;
use crate::api::error::code::{ErrorCode, Severity};

/// The error that ended a call: with its root cause and what was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The machine-readable code.
    pub code: ErrorCode,
    /// What started it.
    pub root_cause: Cause,
    /// What the last attempt ended with, if there was one.
    pub last_cause: Option<Cause>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long recovery, or the first connection, was tried for.
    pub after: Duration,
}

impl CallError {
    /// How bad it is: an error that ends a call is fatal.
    pub const fn severity(&self) -> Severity {
        Severity::Fatal
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} Root cause: {}; {} attempt{} in {:.1} s",
            self.code,
            self.code.user_message(),
            self.root_cause,
            self.attempts,
            if self.attempts == 1 { "" } else { "s" },
            self.after.as_secs_f64(),
        )?;
        if let Some(last) = self.last_cause.as_ref().filter(|last| **last != self.root_cause) {
            write!(f, "; the last one ended with: {last}")?;
        }
        f.write_str(".")
    }
}

impl core::error::Error for CallError {}
