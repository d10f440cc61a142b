//! Frames and where they stand in their track.

use alloc::string::String;
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

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Anything else: captions, positions, a file.
    Data,
}

/// A track: its name within its publisher's namespace, and what it carries. Publisher and
/// subscriber each say so themselves; the relay does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The name.
    pub name: String,
    /// What it carries.
    pub kind: MediaKind,
}

impl Track {
    /// A track of audio.
    pub fn audio(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: MediaKind::Audio }
    }

    /// A track of video.
    pub fn video(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: MediaKind::Video }
    }

    /// A track of anything else.
    pub fn data(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: MediaKind::Data }
    }
}

/// One frame of audio or video, as the application gives or gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was captured, in microseconds of the publisher's own clock. It arrives as it was sent.
    pub captured_at: u64,
    /// The encoded media. Kept by reference, never copied. Serialised as its length and a digest,
    /// because what people say has no place in a journal; read back, a stand-in of that length
    /// and digest takes its place.
    #[serde(with = "crate::stand_in")]
    pub payload: Bytes,
}
