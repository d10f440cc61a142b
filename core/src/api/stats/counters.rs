//! Counters of tracks.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::api::id::TrackId;
use crate::api::media::MediaKind;

/// Counters of one published track, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedCounters {
    /// Given to [`Input::Send`](crate::Input::Send).
    pub accepted: u64,
    /// Handed to a session when they were given.
    pub sent: u64,
    /// Not handed to a session, because none was ready to carry them: said only to who asks for it.
    pub kept_back: u64,
    /// Dropped, because the track was already finished.
    pub dropped_finished: u64,
    /// Said again to listeners that had missed them.
    pub replayed: u64,
    /// In the history now, and of how many bytes of media.
    pub held: u64,
    /// See `held`.
    pub held_bytes: u64,
    /// No longer in the history.
    pub evicted: Evicted,
}

/// Frames that a history has let go of, by reason. Together with those it holds they are all that
/// were sent or kept back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evicted {
    /// There were too many.
    pub frames: u64,
    /// They had too many bytes.
    pub bytes: u64,
    /// They were too old.
    pub age: u64,
}

/// Counters of one subscribed track, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedCounters {
    /// Objects that arrived.
    pub received: u64,
    /// Handed to the application.
    pub delivered: u64,
    /// Of these, got back by asking for them.
    pub repaired: u64,
    /// Dropped, because they had been delivered or given up before.
    pub repeated: u64,
    /// Waiting for what is missing before them.
    pub held: u64,
    /// Not taken, because too many were waiting. The publisher is asked for them later.
    pub refused: u64,
    /// Given up on a track that is delivered live, because they came too late or would have
    /// ([`GapReason::TooLate`](crate::GapReason::TooLate)).
    pub skipped: u64,
    /// Given up because they could not be got back.
    pub lost: u64,
    /// Said before we came, and not to be had any more.
    pub before_joining: u64,
    /// How often the track had to be asked for again on a healthy session.
    pub resubscribed: u64,
}

/// One published track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTrackStats {
    /// The application's handle.
    pub track: TrackId,
    /// The track's name.
    pub name: String,
    /// What it carries.
    pub kind: MediaKind,
    /// Its counters.
    #[serde(flatten)]
    pub counters: PublishedCounters,
}

/// One subscribed track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedTrackStats {
    /// The application's handle.
    pub track: TrackId,
    /// Whose track.
    pub participant: String,
    /// The track's name.
    pub name: String,
    /// What it carries.
    pub kind: MediaKind,
    /// Its counters.
    #[serde(flatten)]
    pub counters: SubscribedCounters,
}
