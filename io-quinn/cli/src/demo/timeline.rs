//! What happened when, as it happens.

use std::sync::Arc;
use std::time::Instant;

use crate::say::say;

/// A clock that everybody in the demonstration shares, and a place to say things.
#[derive(Clone, Debug)]
pub(crate) struct Timeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    aloud: bool,
}

impl Timeline {
    pub(crate) fn start(aloud: bool) -> Self {
        Self(Arc::new(Inner { start: Instant::now(), aloud }))
    }

    pub(crate) fn say(&self, who: &str, what: &str) {
        if self.0.aloud {
            say!("{:7.3} s  {who:<6} {what}", self.0.start.elapsed().as_secs_f64());
        }
    }
}
