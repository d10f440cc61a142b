//! The quality of a session, or of one kind of media.

use serde::{Deserialize, Serialize};

use crate::api::media::MediaKind;
use crate::api::quality::rating::{Measurement, Rating};

/// The subject of a quality: the session, or one kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityOf {
    /// The whole session.
    Session,
    /// All subscribed tracks of one kind, audio or video.
    Kind(MediaKind),
}

/// The quality of one subject, now and over the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// The subject.
    pub of: QualityOf,
    /// The last rating.
    pub rating: Rating,
    /// The measurement of the last rating.
    pub last: Measurement,
    /// The average measurement over the call.
    pub average: Measurement,
    /// The number of measurements in the average.
    pub samples: u64,
}
