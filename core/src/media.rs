//! Frames and where they stand in their track.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, validate_name};
use crate::delivery::{Delivery, Retention};

/// Where an object stands in its track: group, then object within the group
/// (draft-ietf-moq-transport-18, section 1.4.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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

    /// The last one that there can be: groups are QUIC integers (RFC 9000, section 16).
    pub const LAST: Self = Self::new((1 << 62) - 1, u64::MAX);

    /// The one right after it in its group.
    pub(crate) const fn next(self) -> Self {
        Self::new(self.group, self.object.saturating_add(1))
    }

    /// The last one that there can be before it.
    pub(crate) const fn previous(self) -> Self {
        match self.object.checked_sub(1) {
            Some(object) => Self::new(self.group, object),
            None => Self::new(self.group.saturating_sub(1), u64::MAX),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.object)
    }
}

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

/// A track: its name within its publisher's namespace, what it carries, and how. Publisher and
/// subscriber each say so themselves; the relay does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The name.
    pub name: String,
    /// What it carries.
    pub kind: MediaKind,
    /// How a listener wants it. Means nothing to its publisher.
    pub delivery: Delivery,
    /// How much of it is kept.
    pub retention: Retention,
}

/// How much later than the fastest a frame of a conversation may be.
const CONVERSATION: Delivery = Delivery::Live { budget: Duration::from_millis(500) };

impl Track {
    /// A track of audio for a conversation, delivered live with a budget of 500 ms.
    pub fn audio(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::live());
        Self { name, kind: MediaKind::Audio, delivery: CONVERSATION, retention }
    }

    /// A track of video for a conversation, delivered live with a budget of 500 ms.
    pub fn video(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::live());
        Self { name, kind: MediaKind::Video, delivery: CONVERSATION, retention }
    }

    /// A track of anything else, delivered without loss.
    pub fn data(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::lossless());
        Self { name, kind: MediaKind::Data, delivery: Delivery::Lossless, retention }
    }

    /// The same, delivered without loss.
    #[must_use]
    pub fn lossless(self) -> Self {
        Self { delivery: Delivery::Lossless, retention: Retention::lossless(), ..self }
    }

    /// The same, delivered live.
    #[must_use]
    pub fn live(self, budget: Duration) -> Self {
        Self { delivery: Delivery::Live { budget }, retention: Retention::live(), ..self }
    }

    /// The same, with so much of it kept.
    #[must_use]
    pub fn retaining(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Refuses what cannot work, by the name of the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        validate_name("track", &self.name)?;
        self.delivery.validate()?;
        self.retention.validate()
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
    #[serde(with = "crate::stand_in")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn locations_are_shown_and_follow_one_another() {
        assert_eq!(Location::new(7, 42).to_string(), "7/42");
        assert_eq!(Location::new(7, 42).next(), Location::new(7, 43));
        assert_eq!(Location::new(7, 42).previous(), Location::new(7, 41));
        assert_eq!(Location::new(7, 0).previous(), Location::new(6, u64::MAX));
        assert_eq!(Location::new(0, 0).previous(), Location::new(0, u64::MAX));
        assert_eq!(Location::LAST.group, 0x3fff_ffff_ffff_ffff, "the largest QUIC integer");
    }

    #[test]
    fn how_a_track_is_delivered_decides_how_much_of_it_is_kept() {
        let lossless = Track::audio("a").lossless();
        assert_eq!(lossless.retention, Retention::lossless());
        assert_eq!(lossless.live(Duration::from_secs(1)).retention, Retention::live());
        assert!(Frame::key(0, Bytes::new()).keyframe && !Frame::new(0, Bytes::new()).keyframe);
    }

    #[test]
    fn a_track_that_cannot_work_is_refused_by_its_field() {
        let field = |track: Track| track.validate().map_err(|error| error.field);
        assert_eq!(field(Track::audio("a")), Ok(()));
        assert_eq!(field(Track::video("a/b")), Err("track"));
        assert_eq!(field(Track::audio("a").live(Duration::ZERO)), Err("delivery.budget"));
        let none = Retention { frames: 0, ..Retention::live() };
        assert_eq!(field(Track::data("a").retaining(none)), Err("retention.frames"));
    }
}
