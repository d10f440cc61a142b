//! What our crates log as an error in a run. Nothing of it may: a fault of the network is no error of the
//! program. (moq-transport has another view, and logs one for every stream that ends with its session.)

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The errors logged so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    /// Does something, and listens to what it logs on this thread.
    pub(super) fn listen<T>(&self, run: impl FnOnce() -> T) -> T {
        let heard = self.clone().with_filter(LevelFilter::ERROR);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(heard), run)
    }

    pub(super) fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("holdline") {
            return;
        }
        let mut text = Text(event.metadata().target().to_owned());
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
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
    fn an_error_of_ours_is_heard_and_nothing_else() {
        let errors = Errors::default();
        errors.listen(|| {
            tracing::error!(target: "moq_transport::serve", "a stream ended");
            tracing::warn!(target: "holdline_quinn", "odd");
        });
        assert_eq!(errors.first(), None);
        errors.listen(|| tracing::error!(target: "holdline_quinn::link", why = 7, "lost"));
        assert_eq!(errors.first().as_deref(), Some("holdline_quinn::link message=lost why=7"));
    }
}
