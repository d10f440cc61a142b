//! A frame, its number, and the object that carries it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::api::media::location::Location;

/// The number of a frame in its track, counted by the publisher over all its sessions. A frame
/// keeps its number, whichever session or FETCH carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameNumber {
    /// The publisher's [`Config::first_epoch`](crate::Config::first_epoch). A publisher that
    /// restarts counts from 0 again, in a higher incarnation.
    pub incarnation: u64,
    /// How many frames precede this one in its incarnation.
    pub sequence: u64,
}

impl FrameNumber {
    /// Frame `sequence` of `incarnation`.
    pub const fn new(incarnation: u64, sequence: u64) -> Self {
        Self { incarnation, sequence }
    }

    /// The number right after this one.
    pub(crate) const fn next(self) -> Self {
        Self::new(self.incarnation, self.sequence.saturating_add(1))
    }
}

/// One piece of encoded media, as the application sends and receives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The capture timestamp, in microseconds of the publisher's own clock. It is never changed.
    pub captured_at: u64,
    /// Whether the frame can be decoded without earlier ones. After a gap, a live video track that
    /// has keyframes continues with the next one, or after 5 s.
    pub keyframe: bool,
    /// The encoded media, never copied. serde writes only its length and a digest, because a
    /// journal must not contain media. A deserialised payload is a substitute of the same length,
    /// derived from the digest.
    #[serde(with = "crate::api::media::payload_digest")]
    pub payload: Bytes,
}

impl Frame {
    /// A frame that is not marked as a keyframe.
    pub fn new(captured_at: u64, payload: impl Into<Bytes>) -> Self {
        Self { captured_at, keyframe: false, payload: payload.into() }
    }

    /// A keyframe.
    pub fn key(captured_at: u64, payload: impl Into<Bytes>) -> Self {
        Self { keyframe: true, ..Self::new(captured_at, payload) }
    }
}

/// A frame with its number and its place in the track: the unit that MoQ carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The place in the track, as MoQ counts it.
    pub location: Location,
    /// The number of the frame.
    pub number: FrameNumber,
    /// The frame.
    pub frame: Frame,
}
