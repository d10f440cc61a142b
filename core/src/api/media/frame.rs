//! A frame, its number and its place in the track.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::api::media::location::Location;

/// Which frame of its track it is, counted by its publisher over every session. A frame has one
/// number for ever, whatever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameNumber {
    /// The publisher's [`Config::first_epoch`](crate::Config::first_epoch): a publisher that comes
    /// back as a new process counts from the start, under a higher one.
    pub incarnation: u64,
    /// How many frames came before it, in this incarnation.
    pub sequence: u64,
}

impl FrameNumber {
    /// Frame `sequence` of `incarnation`.
    pub const fn new(incarnation: u64, sequence: u64) -> Self {
        Self { incarnation, sequence }
    }

    /// The one right after it.
    pub(crate) const fn next(self) -> Self {
        Self::new(self.incarnation, self.sequence.saturating_add(1))
    }
}

/// One frame of audio or video, as the application gives or gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was captured, in microseconds of the publisher's own clock. It arrives as it was sent.
    pub captured_at: u64,
    /// Whether it can be decoded without those before it. After a gap, a video track that is
    /// delivered live goes on with the next one that can.
    pub keyframe: bool,
    /// The encoded media. Kept by reference, never copied. Serialised as its length and a digest,
    /// because what people say has no place in a journal; read back, a stand-in of that length
    /// and digest takes its place.
    #[serde(with = "crate::api::media::payload_digest")]
    pub payload: Bytes,
}

impl Frame {
    /// A frame that is not marked as a keyframe.
    pub fn new(captured_at: u64, payload: impl Into<Bytes>) -> Self {
        Self { captured_at, keyframe: false, payload: payload.into() }
    }

    /// A frame that can be decoded without those before it.
    pub fn key(captured_at: u64, payload: impl Into<Bytes>) -> Self {
        Self { keyframe: true, ..Self::new(captured_at, payload) }
    }
}

/// A frame with its place in the track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Where it stands in the track, as MoQ has it.
    pub location: Location,
    /// Which frame of the track it is.
    pub number: FrameNumber,
    /// What it carries.
    pub frame: Frame,
}
