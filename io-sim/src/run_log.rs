//! The log of a run: what every participant saw.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdline_core::id::TrackId;
use holdline_core::media::{FrameNumber, Gap};
use holdline_core::stats::Summary;
use holdline_core::{Event, StateName, Timestamp};

/// A frame that a participant sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFrame {
    /// When it was sent.
    pub at: Timestamp,
    /// Whether decoding can start with it.
    pub keyframe: bool,
    /// The payload.
    pub payload: Bytes,
}

/// A frame that was delivered to a subscriber's application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredFrame {
    /// When it was delivered.
    pub at: Timestamp,
    /// The frame number that it carries.
    pub number: FrameNumber,
    /// When it was captured, by the publisher's clock, in microseconds.
    pub captured_at: u64,
    /// Whether decoding can start with it.
    pub keyframe: bool,
    /// The payload.
    pub payload: Bytes,
    /// The gap that was reported before it.
    pub gap: Option<Gap>,
}

/// A track as its subscriber received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackLog {
    /// Its identifier in the subscriber's call.
    pub track: Option<TrackId>,
    /// The index of its publisher.
    pub publisher: usize,
    /// Its name.
    pub name: String,
    /// When the subscription began.
    pub since: Timestamp,
    /// Whether the application has unsubscribed.
    pub unsubscribed: bool,
    /// The frames that were delivered.
    pub delivered: Vec<DeliveredFrame>,
    /// Whether the track ended because its publisher finished it.
    pub finished: bool,
}

/// One call of a participant, from its start to its end. Most processes have one call.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    /// When the call started.
    pub since: Timestamp,
    /// The incarnation in the numbers of its frames: the first epoch of the call.
    pub incarnation: u64,
    /// The frames that it sent, by track name.
    pub sent: BTreeMap<String, Vec<SentFrame>>,
    /// The tracks that it subscribed to.
    pub tracks: Vec<TrackLog>,
    /// How many device errors and safety alerts the application reported to the call.
    pub reports: u64,
    /// The events that the call reported.
    pub events: Vec<(Timestamp, Event)>,
    /// The state of the call when all tracks were finished; `None` if the call had ended before.
    pub state: Option<StateName>,
    /// How the call ended; `None` if its process was killed.
    pub summary: Option<Summary>,
}

/// The log of one participant.
#[derive(Clone, Debug, Default)]
pub struct ParticipantLog {
    /// Its calls, in order.
    pub calls: Vec<CallLog>,
}

/// The log of a run.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// The participants.
    pub participants: Vec<ParticipantLog>,
    /// The transitions reached, as pairs of a state and an input's name; recorded by the model
    /// only.
    pub cells: BTreeSet<(StateName, &'static str)>,
    /// A hash over everything that happened, and when. Two runs of a plan in one build have the
    /// same.
    pub digest: u64,
}

impl ParticipantLog {
    /// The last call. Every participant has one.
    pub fn last(&self) -> &CallLog {
        self.calls.last().expect("every participant has a call")
    }

    /// The call whose frames carry this incarnation.
    pub fn call(&self, incarnation: u64) -> Option<&CallLog> {
        self.calls.iter().find(|call| call.incarnation == incarnation)
    }
}
