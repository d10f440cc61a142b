//! A snapshot of a call while it lives, and what is left of it at its end.

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
