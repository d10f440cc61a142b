//! Why a run could not be played to its end.

use std::any::Any;

/// A run that could not be played to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The run did not start, because it would not be repeatable.
    #[error("{0}")]
    NotRepeatable(String),
    /// Code panicked during the run.
    #[error("the run panicked: {0}")]
    Panic(String),
    /// Our crates logged an error.
    #[error("an error was logged: {0}")]
    Logged(String),
    /// A process of the run failed.
    #[error("a process of the run failed: {0}")]
    Process(String),
}

impl RunError {
    /// The error for a panic, with its message.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
        Self::Panic(text.unwrap_or_else(|| "no message".into()))
    }
}
