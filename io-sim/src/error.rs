//! What can go wrong with a run.

use std::any::Any;

/// A run that could not be played to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It could not be begun: nothing would be the same the next time.
    #[error("{0}")]
    NotRepeatable(String),
    /// Something panicked.
    #[error("a panic: {0}")]
    Panic(String),
    /// Something was logged as an error.
    #[error("an error was logged: {0}")]
    Logged(String),
    /// A process ended that should not.
    #[error("a process failed: {0}")]
    Process(String),
}

impl RunError {
    /// With what a panic says.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
        Self::Panic(text.unwrap_or_else(|| "without words".into()))
    }
}
