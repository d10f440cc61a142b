//! Counters of tracks.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::api::id::TrackId;
use crate::api::media::MediaKind;

/// Counters of one published track, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedCounters {
    /// Frames that the application sent ([`Input::Send`](crate::Input::Send)).
    pub accepted: u64,
    /// Frames that a session carried when the application sent them.
    pub sent: u64,
    /// Frames that no session could carry then: only listeners that FETCH them receive them.
    pub kept_back: u64,
    /// Frames that were dropped because the track was finished.
    pub dropped_finished: u64,
    /// Frames that were retransmitted in FETCH responses.
    pub replayed: u64,
    /// Frames in the history now.
    pub held: u64,
    /// Bytes of media in the history now.
    pub held_bytes: u64,
    /// Frames that the history has evicted.
    pub evicted: Evicted,
}

/// Frames that a history has evicted, by reason. Together with `held`, they are all frames that
/// were sent or kept back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evicted {
    /// The history had too many frames.
    pub frames: u64,
    /// The history had too many bytes.
    pub bytes: u64,
    /// The frames were too old.
    pub age: u64,
}

/// Counters of one subscribed track, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedCounters {
    /// Objects that arrived, by subscription or FETCH.
    pub received: u64,
    /// Frames that were delivered to the application.
    pub delivered: u64,
    /// Delivered frames that arrived by FETCH.
    pub repaired: u64,
    /// Frames that were dropped because they had been delivered or abandoned before, or are of a
    /// former incarnation.
    pub repeated: u64,
    /// Frames that arrived twice as expected, because two sessions brought the track.
    pub duplicated: u64,
    /// Frames that wait for missing ones in front of them.
    pub held: u64,
    /// Frames that were not accepted because too many were waiting. They are requested later.
    pub refused: u64,
    /// Frames of a live track that were abandoned because they were too late, or would have been
    /// ([`GapReason::TooLate`](crate::media::GapReason::TooLate)).
    pub skipped: u64,
    /// Frames that were abandoned for any other reason but `TooLate` and `BeforeJoining`.
    pub lost: u64,
    /// Frames that were sent before this listener joined, and cannot be fetched any more.
    pub before_joining: u64,
    /// How often the subscription was repeated on a healthy session.
    pub resubscribed: u64,
}

/// One published track with its counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTrackStats {
    /// The application's handle.
    pub track: TrackId,
    /// The track's name.
    pub name: String,
    /// The kind of media.
    pub kind: MediaKind,
    /// The counters.
    #[serde(flatten)]
    pub counters: PublishedCounters,
}

/// One subscribed track with its counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedTrackStats {
    /// The application's handle.
    pub track: TrackId,
    /// The publisher's name in the room.
    pub participant: String,
    /// The track's name.
    pub name: String,
    /// The kind of media.
    pub kind: MediaKind,
    /// The counters.
    #[serde(flatten)]
    pub counters: SubscribedCounters,
}
