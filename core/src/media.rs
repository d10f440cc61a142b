//! Frames and where they stand in their track.

use core::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where an object stands in its track: group, then object within the group
/// (draft-ietf-moq-transport-18, section 1.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The group, rising for as long as the track lives, over every session.
    pub group: u64,
    /// The object within its group, from 0.
    pub object: u64,
}

impl Location {
    /// The location of object `object` in group `group`.
    pub const fn new(group: u64, object: u64) -> Self {
        Self { group, object }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.object)
    }
}

/// One frame of audio or video, as the application gives or gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was captured, in microseconds of the publisher's own clock. It arrives as it was sent.
    pub captured_at: u64,
    /// The encoded media. Kept by reference, never copied.
    pub payload: Bytes,
}
