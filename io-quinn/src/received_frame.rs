//! What a listener gets, and the error of a handle whose call is over.

use holdline_core::{Frame, FrameNumber, Gap, Location, Object};

/// The call has ended, so nothing more can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call has ended")]
pub struct CallEnded;

/// A frame with its place in the track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// Where it stands in the track, as MoQ has it.
    pub location: Location,
    /// Which frame of the track it is.
    pub number: FrameNumber,
    /// When it was captured, in microseconds of the publisher's clock.
    pub captured_at: u64,
    /// Whether it can be decoded without those before it.
    pub keyframe: bool,
    /// The encoded media.
    pub payload: bytes::Bytes,
    /// What is missing before it: `None` if it follows the last one.
    pub gap: Option<Gap>,
}

impl ReceivedFrame {
    pub(crate) fn new(object: Object, gap: Option<Gap>) -> Self {
        let Object { location, number, frame } = object;
        let Frame { captured_at, keyframe, payload } = frame;
        Self { location, number, captured_at, keyframe, payload, gap }
    }
}
