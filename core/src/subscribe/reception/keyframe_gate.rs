//! The keyframe gate of a video track: after a gap, no frame is delivered that may need the missing
//! ones, until the next keyframe or a time-out.

use core::time::Duration;

use crate::api::time::Timestamp;

/// How long a track waits for a keyframe after a gap.
const KEYFRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// Closed by a gap, opened by the next keyframe or by time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum KeyframeGate {
    /// The track has sent no keyframe yet. Perhaps it has none, so a gap does not close the gate.
    #[default]
    NoKeyframes,
    Open,
    ClosedUntil(Timestamp),
}

impl KeyframeGate {
    /// Frames are missing from here on.
    pub(super) fn close(&mut self, now: Timestamp) {
        match self {
            Self::Open => *self = Self::ClosedUntil(now + KEYFRAME_TIMEOUT),
            Self::NoKeyframes | Self::ClosedUntil(_) => {}
        }
    }

    /// Whether a frame that arrived may be delivered.
    pub(super) fn admits(&mut self, keyframe: bool, now: Timestamp) -> bool {
        match self {
            _ if keyframe => *self = Self::Open,
            Self::ClosedUntil(until) if now >= *until => *self = Self::Open,
            Self::ClosedUntil(_) => return false,
            Self::NoKeyframes | Self::Open => {}
        }
        true
    }
}
