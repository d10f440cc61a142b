//! Errors, for machines, users and developers (requirement R24 of `docs/REQUIREMENTS.md`).
//!
//! - A [`Cause`] is why a dial failed or a session ended, as the driver saw it.
//! - An [`ErrorCode`] is what the application gets: with a message and an [`Action`] for the user.
//! - A [`CallError`] is the code that ended a call, with its root cause.
//! - A [`ConfigError`] names the field of a configuration that cannot work.

mod call_error;
mod cause;
mod code;
mod config_error;

pub use call_error::CallError;
pub use cause::{Cause, CauseKind};
pub use code::{Action, ErrorCode, Severity};
pub(crate) use config_error::ensure;
pub use config_error::{ConfigError, validate_name};
