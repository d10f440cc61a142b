//! The keyframe gate: after a gap, video frames that need the missing ones are not delivered.

use core::time::Duration;

use crate::api::time::Timestamp;

/// How long a track waits for a keyframe after a gap; then it delivers what arrives.
const KEYFRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// A gap closes the gate; the next keyframe or the timeout opens it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyframeGate {
    /// Whether a keyframe was ever seen. The gate of a track without keyframes never closes.
    seen: bool,
    closed_until: Option<Timestamp>,
}

impl KeyframeGate {
    /// Frames are missing at this point of the track.
    pub(super) fn close(&mut self, now: Timestamp) {
        if self.seen {
            self.closed_until.get_or_insert(now + KEYFRAME_TIMEOUT);
        }
    }

    /// Whether the next frame in order may be delivered.
    pub(super) fn admits(&mut self, keyframe: bool, now: Timestamp) -> bool {
        self.seen |= keyframe;
        if keyframe || self.closed_until.is_some_and(|until| now >= until) {
            self.closed_until = None;
        }
        self.closed_until.is_none()
    }
}
