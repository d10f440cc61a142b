//! A received frame, and the error of a handle whose call has ended.

use holdline_core::media::{Frame, FrameNumber, Gap, Location, Object};

/// The error of an operation on a call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call has ended")]
pub struct CallEnded;

/// A received frame with its position in the track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// The MoQ group and object that carried it.
    pub location: Location,
    /// Its number in the track, as its publisher counts.
    pub number: FrameNumber,
    /// When it was captured, in microseconds of the publisher's clock.
    pub captured_at: u64,
    /// Whether it can be decoded without the frames before it.
    pub keyframe: bool,
    /// The encoded media.
    pub payload: bytes::Bytes,
    /// The frames that are missing before it; `None` if it directly follows the previous frame.
    pub gap: Option<Gap>,
}

impl ReceivedFrame {
    pub(crate) fn new(object: Object, gap: Option<Gap>) -> Self {
        let Object { location, number, frame } = object;
        let Frame { captured_at, keyframe, payload } = frame;
        Self { location, number, captured_at, keyframe, payload, gap }
    }
}
