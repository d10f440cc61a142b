//! A track, as publisher and subscriber each describe it.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, validate_name};
use crate::api::media::delivery::{Delivery, Retention};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::media::frame::Frame;
    use bytes::Bytes;

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
