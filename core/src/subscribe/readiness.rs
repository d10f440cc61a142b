//! Whether a subscribed track is ready, and how long that may take (R1).

use core::time::Duration;

use crate::api::time::Timestamp;

/// Whether a track is ready, or by when it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// There is no session, or the track's publisher is not there: nothing to wait for.
    #[default]
    NotExpected,
    /// The track must be ready by `until`.
    Awaited { until: Timestamp },
    /// The track was not ready in time, and the application was told why.
    Late,
    /// Objects arrive, or the subscription was accepted and stayed alive for long enough.
    Ready,
}

impl Readiness {
    /// `expected`: whether the track's publisher is there, or was a moment ago.
    pub(crate) fn expect(&mut self, expected: bool, now: Timestamp, timeout: Duration) {
        match self {
            _ if !expected => *self = Self::NotExpected,
            Self::NotExpected => *self = Self::Awaited { until: now + timeout },
            Self::Awaited { .. } | Self::Late | Self::Ready => {}
        }
    }

    /// A track that was ready no longer is.
    pub(crate) fn interrupted(&mut self, now: Timestamp, timeout: Duration) {
        if *self == Self::Ready {
            *self = Self::Awaited { until: now + timeout };
        }
    }

    pub(crate) fn ready(&mut self) {
        *self = Self::Ready;
    }

    /// Whether the readiness gate need not wait for the track.
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

    /// Stops waiting for the track; `true` if it was awaited.
    pub(crate) fn stop_waiting(&mut self) -> bool {
        let awaited = !self.is_decided();
        if awaited {
            *self = Self::Late;
        }
        awaited
    }
}
