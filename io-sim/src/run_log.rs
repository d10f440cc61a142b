//! What everybody saw.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdline_core::{Event, FrameNumber, Gap, StateName, Summary, Timestamp, TrackId};

/// A frame that somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFrame {
    /// When.
    pub at: Timestamp,
    /// Whether one can begin with it.
    pub keyframe: bool,
    /// What.
    pub payload: Bytes,
}

/// A frame that somebody heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredFrame {
    /// When.
    pub at: Timestamp,
    /// Which frame it claims to be.
    pub number: FrameNumber,
    /// When it was captured, by the speaker's clock, in microseconds.
    pub captured_at: u64,
    /// Whether one can begin with it.
    pub keyframe: bool,
    /// What.
    pub payload: Bytes,
    /// What was told to be missing before it.
    pub gap: Option<Gap>,
}

/// A track as its listener heard it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackLog {
    /// Its identifier in its listener's call.
    pub track: Option<TrackId>,
    /// Whose.
    pub publisher: usize,
    /// Its name.
    pub name: String,
    /// Since when it was listened to.
    pub since: Timestamp,
    /// Whether its listener has left it.
    pub unsubscribed: bool,
    /// What came of it.
    pub delivered: Vec<DeliveredFrame>,
    /// Whether its stream ended because the speaker had said all.
    pub finished: bool,
}

/// A participant's call, from its beginning to its end. Mostly a process has one.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    /// When it began.
    pub since: Timestamp,
    /// What tells its frames from those of its other lives.
    pub incarnation: u64,
    /// What it said on each of its tracks.
    pub sent: BTreeMap<String, Vec<SentFrame>>,
    /// What it heard.
    pub tracks: Vec<TrackLog>,
    /// How many errors of devices and alerts its application has told its call.
    pub reports: u64,
    /// What it was told.
    pub events: Vec<(Timestamp, Event)>,
    /// The state of its call when everybody had said everything; `None` if it was over before.
    pub state: Option<StateName>,
    /// How its call ended; `None` if its process was killed before.
    pub summary: Option<Summary>,
}

/// One participant.
#[derive(Clone, Debug, Default)]
pub struct ParticipantLog {
    /// Its calls, one after another.
    pub calls: Vec<CallLog>,
}

/// A run.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// Everybody.
    pub participants: Vec<ParticipantLog>,
    /// In which state of a call which input came, by its name; known of the model only.
    pub cells: BTreeSet<(StateName, &'static str)>,
    /// A hash over everything that happened, with its time: two runs of a plan in one build have the same.
    pub digest: u64,
}

impl ParticipantLog {
    /// The process that was there in the end. Everybody has one.
    pub fn last(&self) -> &CallLog {
        self.calls.last().expect("everybody has a life")
    }

    /// The process whose frames these are.
    pub fn call(&self, incarnation: u64) -> Option<&CallLog> {
        self.calls.iter().find(|call| call.incarnation == incarnation)
    }
}
