//! Video after a gap: frames that cannot be decoded without the missing ones are not shown.

use core::time::Duration;

use crate::api::time::Timestamp;

/// How long a track waits for a keyframe after a gap.
const KEYFRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// Closed by a gap, opened by the next keyframe or by time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyframeGate {
    /// Whether the track has keyframes at all. One that has none is never closed.
    seen: bool,
    closed_until: Option<Timestamp>,
}

impl KeyframeGate {
    /// Frames are missing from here on.
    pub(super) fn close(&mut self, now: Timestamp) {
        if self.seen {
            self.closed_until.get_or_insert(now + KEYFRAME_TIMEOUT);
        }
    }

    /// Whether a frame that arrived may be shown.
    pub(super) fn admits(&mut self, keyframe: bool, now: Timestamp) -> bool {
        self.seen |= keyframe;
        if keyframe || self.closed_until.is_some_and(|until| now >= until) {
            self.closed_until = None;
        }
        self.closed_until.is_none()
    }
}
