//! A configuration that cannot work.

use core::fmt;

use crate::api::error::code::ErrorCode;
use crate::api::limits;

/// Refuses a field that cannot work.
pub(crate) fn ensure(
    ok: bool,
    field: &'static str,
    problem: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { field, problem }) }
}

/// Refuses a name that cannot be one field of a MoQ namespace or the name of a track.
pub fn validate_name(field: &'static str, name: &str) -> Result<(), ConfigError> {
    let problem = if name.is_empty() {
        "must not be empty"
    } else if name.len() > limits::LONGEST_NAME {
        "must be at most 128 bytes long"
    } else if name.contains('/') {
        "must not contain '/'"
    } else if name.chars().any(char::is_control) {
        "must not contain control characters"
    } else {
        return Ok(());
    };
    Err(ConfigError { field, problem })
}

/// A configuration that cannot work (`CONFIG_INVALID`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field, by its path: `policy.attempts`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl ConfigError {
    /// The machine-readable code.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::ConfigInvalid
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl core::error::Error for ConfigError {}
