//! The description of a track.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, validate_name};
use crate::api::media::delivery::{Delivery, Retention};

/// The kind of media that a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Other data: captions, positions, a file.
    Data,
}

/// The description of a track. Publisher and listener each have their own, and the relay knows only
/// the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The name within the publisher's namespace.
    pub name: String,
    /// The kind of media.
    pub kind: MediaKind,
    /// How the listener wants the track delivered. For its publisher, audio that is delivered live
    /// is sent before other tracks.
    pub delivery: Delivery,
    /// How much of the track is retained.
    pub retention: Retention,
}

/// The delivery of a conversation, with the lateness that it allows.
const CONVERSATION: Delivery = Delivery::Live { budget: Duration::from_millis(500) };

impl Track {
    /// An audio track for a conversation, delivered live with a budget of 500 ms.
    pub fn audio(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::live());
        Self { name, kind: MediaKind::Audio, delivery: CONVERSATION, retention }
    }

    /// A video track for a conversation, delivered live with a budget of 500 ms.
    pub fn video(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::live());
        Self { name, kind: MediaKind::Video, delivery: CONVERSATION, retention }
    }

    /// A track of other data, delivered losslessly.
    pub fn data(name: impl Into<String>) -> Self {
        let (name, retention) = (name.into(), Retention::lossless());
        Self { name, kind: MediaKind::Data, delivery: Delivery::Lossless, retention }
    }

    /// This track, delivered and retained losslessly ([`Retention::lossless`]).
    #[must_use]
    pub fn lossless(self) -> Self {
        Self { delivery: Delivery::Lossless, retention: Retention::lossless(), ..self }
    }

    /// This track, delivered live within `budget` and retained for that ([`Retention::live`]).
    #[must_use]
    pub fn live(self, budget: Duration) -> Self {
        Self { delivery: Delivery::Live { budget }, retention: Retention::live(), ..self }
    }

    /// This track with another retention.
    #[must_use]
    pub fn retaining(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Checks the name, the delivery and the retention.
    ///
    /// # Errors
    ///
    /// Names the field that cannot work.
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
    fn the_delivery_of_a_track_sets_its_retention() {
        let lossless = Track::audio("a").lossless();
        assert_eq!(lossless.retention, Retention::lossless());
        assert_eq!(lossless.live(Duration::from_secs(1)).retention, Retention::live());
        assert!(Frame::key(0, Bytes::new()).keyframe && !Frame::new(0, Bytes::new()).keyframe);
    }

    #[test]
    fn an_unusable_track_is_refused_by_its_field() {
        let field = |track: Track| track.validate().map_err(|error| error.field);
        assert_eq!(field(Track::audio("a")), Ok(()));
        assert_eq!(field(Track::video("a/b")), Err("track"));
        assert_eq!(field(Track::audio("a").live(Duration::ZERO)), Err("delivery.budget"));
        let none = Retention { frames: 0, ..Retention::live() };
        assert_eq!(field(Track::data("a").retaining(none)), Err("retention.frames"));
    }
}
