//! Prints what happens in the demonstration, with the time.

use std::sync::Arc;
use std::time::Instant;

use crate::say::say;

/// The clock that all parts of the demonstration share, and the log that they print to.
#[derive(Clone, Debug)]
pub(crate) struct Timeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    prints: bool,
}

impl Timeline {
    pub(crate) fn start(prints: bool) -> Self {
        Self(Arc::new(Inner { start: Instant::now(), prints }))
    }

    pub(crate) fn log(&self, source: &str, sentence: &str) {
        if self.0.prints {
            say!("{:7.3} s  {source:<6} {sentence}", self.0.start.elapsed().as_secs_f64());
        }
    }
}
