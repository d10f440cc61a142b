//! The snapshot of a call while it lives, and its summary when it is over.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::CallError;
use crate::api::pre_call::PreCallReport;
use crate::api::quality::Quality;
use crate::api::state_name::StateName;
use crate::api::stats::call_record::CallRecord;
use crate::api::stats::counters::{PublishedTrackStats, SubscribedTrackStats};
use crate::api::stats::telemetry::Telemetry;

/// A snapshot of a call: its state, counters and quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The state.
    pub state: StateName,
    /// Counters of the call.
    pub telemetry: Telemetry,
    /// The quality of the session and of each kind of media that could be rated.
    pub quality: Vec<Quality>,
    /// The published tracks.
    pub published: Vec<PublishedTrackStats>,
    /// The subscribed tracks.
    pub subscribed: Vec<SubscribedTrackStats>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The application closed the call, or the pre-call test is complete.
    Completed,
    /// The call closed itself after [`Config::idle_timeout`](crate::Config::idle_timeout) without
    /// media.
    Idle,
    /// The call could not continue.
    Failed(CallError),
}

/// The summary of a call that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How the call ended.
    pub outcome: Outcome,
    /// From [`Input::Connect`](crate::Input::Connect) to the end.
    pub duration: Duration,
    /// The participants and the times of the call.
    pub record: CallRecord,
    /// The last snapshot.
    pub stats: Stats,
    /// The report, if the call was a pre-call test.
    pub pre_call: Option<PreCallReport>,
}
