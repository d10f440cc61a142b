//! Whether a subscribed track is ready, and how long that may take (R1).

use core::time::Duration;

use crate::api::time::Timestamp;

/// How a track stands with its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// There is no session, or its publisher is not there: nothing to wait for.
    #[default]
    NotExpected,
    /// It must be ready by then.
    Awaited { until: Timestamp },
    /// It was not ready in time, and the application knows why.
    Late,
    /// Objects come, or it was accepted and has been quiet for long enough to be believed.
    Ready,
}

impl Readiness {
    /// Its publisher is there, or was a moment ago; or it is not.
    pub(crate) fn expect(&mut self, expected: bool, now: Timestamp, timeout: Duration) {
        match self {
            _ if !expected => *self = Self::NotExpected,
            Self::NotExpected => *self = Self::Awaited { until: now + timeout },
            Self::Awaited { .. } | Self::Late | Self::Ready => {}
        }
    }

    /// It was ready, and is no more.
    pub(crate) fn interrupted(&mut self, now: Timestamp, timeout: Duration) {
        if *self == Self::Ready {
            *self = Self::Awaited { until: now + timeout };
        }
    }

    pub(crate) fn ready(&mut self) {
        *self = Self::Ready;
    }

    /// Whether the readiness gate need not wait for it.
    pub(crate) fn is_decided(self) -> bool {
        match self {
            Self::Awaited { .. } => false,
            Self::NotExpected | Self::Late | Self::Ready => true,
        }
    }

    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Awaited { until } => Some(until),
            Self::NotExpected | Self::Late | Self::Ready => None,
        }
    }

    /// Gives up waiting for now; whether it was waited for.
    pub(crate) fn attempts_exhausted(&mut self) -> bool {
        let awaited = !self.is_decided();
        if awaited {
            *self = Self::Late;
        }
        awaited
    }
}
