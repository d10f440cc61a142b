//! The quality of a call, or of one kind of its media.

use serde::{Deserialize, Serialize};

use crate::api::media::MediaKind;
use crate::api::quality::rating::{Measurement, Rating};

/// What a quality is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityOf {
    /// The whole session.
    Session,
    /// Every track of one kind that we listen to.
    Kind(MediaKind),
}

/// The quality of one of them, now and over the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Of what.
    pub of: QualityOf,
    /// The last rating.
    pub rating: Rating,
    /// What the last rating was made from.
    pub last: Measurement,
    /// The average over the call.
    pub average: Measurement,
    /// How many measurements the average is of.
    pub samples: u64,
}
