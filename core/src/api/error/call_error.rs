//! The error that ends a call.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::cause::Cause;
use crate::api::error::code::{ErrorCode, Severity};

/// The error that ended a call, with its root cause and the attempts that were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The machine-readable code.
    pub code: ErrorCode,
    /// The cause of the incident or, without an incident, of the first failure.
    pub root_cause: Cause,
    /// The cause of the last failed attempt, if one failed.
    pub last_cause: Option<Cause>,
    /// How many attempts to reach a relay were made; for `NO_ANSWER`, tries to be answered.
    pub attempts: u32,
    /// How long the recovery, or the first connection, was tried; for `NO_ANSWER` and pre-call
    /// tests, how long the call lasted.
    pub after: Duration,
}

impl CallError {
    /// The severity: always fatal, because the error ended the call.
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
