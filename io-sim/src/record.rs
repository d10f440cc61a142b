//! What everybody saw.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdline_core::{Event, FrameNumber, Gap, StateName, Summary, Timestamp};

/// A frame that somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// What.
    pub payload: Bytes,
}

/// A frame that somebody heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Timestamp,
    /// Which frame it claims to be.
    pub number: FrameNumber,
    /// When it was captured, by the speaker's clock, in microseconds.
    pub captured_at: u64,
    /// What.
    pub payload: Bytes,
    /// What was told to be missing before it.
    pub gap: Option<Gap>,
}

/// A track as its listener heard it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackRecord {
    /// Whose.
    pub speaker: usize,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub heard: Vec<Heard>,
    /// Whether its stream ended because the speaker had said all.
    pub finished: bool,
}

/// One participant.
#[derive(Clone, Debug, Default)]
pub struct ParticipantRecord {
    /// What it said on each of its tracks.
    pub said: BTreeMap<String, Vec<Said>>,
    /// What it heard.
    pub tracks: Vec<TrackRecord>,
    /// What it was told.
    pub events: Vec<(Timestamp, Event)>,
    /// The state of its call when everybody had said everything.
    pub state: Option<StateName>,
    /// How its call ended.
    pub summary: Option<Summary>,
}

/// A run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Everybody.
    pub participants: Vec<ParticipantRecord>,
    /// FNV-1a over every output of every call, with its time: two runs of a plan have the same.
    pub digest: u64,
}
