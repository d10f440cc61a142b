//! Frames that will not be delivered, and why.

use serde::{Deserialize, Serialize};

use crate::api::media::frame::FrameNumber;

/// Why frames will not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapReason {
    /// They were said before we came, and the publisher does not keep them any more. Not counted as
    /// lost.
    BeforeJoining,
    /// They are later than the budget of a track that is delivered live, or cannot be shown without
    /// such. Counted as skipped.
    TooLate,
    /// The publisher does not keep them any more.
    Evicted,
    /// Nobody answered for them in time.
    Unanswered,
    /// The relay does not do FETCH.
    Unsupported,
    /// The publisher came back as a new process, and what its former self had not delivered is gone.
    /// How many frames that were, nobody knows.
    PublisherRestarted,
}

/// Frames that will not be delivered, in front of one that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first of them.
    pub at: FrameNumber,
    /// How many are known to be missing.
    pub frames: u64,
    /// Why the first of them are.
    pub reason: GapReason,
}
