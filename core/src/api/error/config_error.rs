//! The error of a configuration that cannot work.

use core::fmt;

use crate::api::error::code::ErrorCode;
use crate::api::limits;

/// Returns the error of `field` and `problem` unless `ok`.
pub(crate) fn ensure(
    ok: bool,
    field: &'static str,
    problem: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { field, problem }) }
}

/// Checks that a name can be one field of a MoQ namespace or the name of a track: 1 to 128 bytes
/// without `/` and control characters.
///
/// # Errors
///
/// Names `field` and the problem.
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

/// The field of a configuration that cannot work, and why (`CONFIG_INVALID`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field, for example `policy.attempts`.
    pub field: &'static str,
    /// The problem, for example "must be at least 1".
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
