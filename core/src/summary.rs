//! What a call amounts to: counters while it lives, the summary when it ends.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::CallError;
use crate::histogram::Histogram;
use crate::id::TrackId;
use crate::media::MediaKind;
use crate::pre_call::PreCallReport;
use crate::quality::Quality;
use crate::record::CallRecord;
use crate::state::StateName;

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

/// Telemetry of the whole call (requirement R27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Attempts begun. Always the sum of the four that follow.
    pub attempts: u64,
    /// Attempts that became a session.
    pub attempts_succeeded: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Attempts given up because another one won, or the call ended.
    pub attempts_cancelled: u64,
    /// Attempts in flight.
    pub attempts_in_flight: u64,
    /// Incidents begun. Always the sum of the three that follow.
    pub incidents: u64,
    /// Incidents after which the call went on.
    pub incidents_recovered: u64,
    /// Incidents that ended the call, by error or by the application's wish.
    pub incidents_failed: u64,
    /// Incidents not over yet: 0 or 1.
    pub incidents_open: u64,
    /// Incidents since the last time that a session was up long enough to be called stable.
    pub consecutive_disconnects: u64,
    /// Moves of a live connection to a fresh local socket.
    pub migrations: u64,
    /// How long the last recovery took, from detection.
    pub last_recovery: Option<Duration>,
    /// How long recoveries took, from detection.
    pub time_to_recover: Histogram,
    /// How long a subscription took from its request to its first object, the last time.
    pub last_subscription_latency: Option<Duration>,
}

impl Telemetry {
    /// Which part of all incidents that are over was recovered from, in percent; `None` before the
    /// first (`reconnect_success_rate`).
    pub fn success_percent(&self) -> Option<u64> {
        let over = self.incidents_recovered + self.incidents_failed;
        (self.incidents_recovered * 100).checked_div(over)
    }
}

/// A snapshot of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The state.
    pub state: StateName,
    /// Counters of the call.
    pub telemetry: Telemetry,
    /// How good it is, as far as it could be rated.
    pub quality: Vec<Quality>,
    /// What we publish.
    pub published: Vec<PublishedTrackStats>,
    /// What we listen to.
    pub subscribed: Vec<SubscribedTrackStats>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The application closed it.
    Completed,
    /// It closed itself, because no media went either way for so long.
    Idle,
    /// It could not go on.
    Failed(CallError),
}

/// What is left of a call when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// From [`Input::Connect`](crate::Input::Connect) to the end.
    pub duration: Duration,
    /// Who took part, and when what happened.
    pub record: CallRecord,
    /// The counters as they were at the end.
    pub stats: Stats,
    /// What was found out, if it was the test before a call.
    pub pre_call: Option<PreCallReport>,
}
