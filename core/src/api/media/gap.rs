//! Gaps: frames that will not be delivered.

use serde::{Deserialize, Serialize};

use crate::api::media::frame::FrameNumber;

/// Why frames will not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapReason {
    /// The frames were sent before this listener joined, and cannot be fetched any more. They are
    /// not counted as lost.
    BeforeJoining,
    /// The frames are later than the budget of their live track, or cannot be decoded without
    /// frames that are missing. They are counted as skipped.
    TooLate,
    /// The publisher does not retain the frames any more.
    Evicted,
    /// The frames were not received in time, or before the call ended.
    Unanswered,
    /// The relay or the publisher does not support FETCH.
    Unsupported,
    /// The publisher restarted, and the undelivered frames of its former process are gone. Their
    /// number is unknown.
    PublisherRestarted,
}

/// Frames that will not be delivered, reported before the next frame that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The number of the first one.
    pub at: FrameNumber,
    /// How many frames are known to be missing.
    pub frames: u64,
    /// Why the first of them will not be delivered.
    pub reason: GapReason,
}
