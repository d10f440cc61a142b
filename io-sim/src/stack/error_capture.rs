//! A subscriber that captures the errors our crates log during a run. There must be none: a network
//! fault is no error of the program.
//!
//! Other crates see it differently: moq-transport logs an error for every stream that ends with its
//! session.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// The errors logged so far.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorCapture(Arc<Mutex<Vec<String>>>);

impl ErrorCapture {
    /// Runs a function and captures the errors it logs on this thread.
    pub(super) fn capture<T>(&self, run: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), run)
    }

    pub(super) fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}

/// Enables error events of our crates only, and no spans: disabled callsites cost nothing.
impl Subscriber for ErrorCapture {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_error = metadata.is_event() && *metadata.level() == Level::ERROR;
        is_error && metadata.target().starts_with("holdline")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().target().to_owned());
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_our_crates_are_captured() {
        let errors = ErrorCapture::default();
        errors.capture(|| {
            tracing::error!(target: "moq_transport::serve", "a stream ended");
            tracing::warn!(target: "holdline_quinn", "odd");
        });
        assert_eq!(errors.first(), None);
        errors.capture(|| tracing::error!(target: "holdline_quinn::link", why = 7, "lost"));
        assert_eq!(errors.first().as_deref(), Some("holdline_quinn::link message=lost why=7"));
    }
}
