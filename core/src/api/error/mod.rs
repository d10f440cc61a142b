//! What can go wrong, in words for machines, users and developers (R24).

mod call_error;
mod cause;
mod code;
mod config_error;

pub use call_error::CallError;
pub use cause::{Cause, CauseKind};
pub use code::{Action, ErrorCode, Severity};
pub(crate) use config_error::ensure;
pub use config_error::{ConfigError, validate_name};
