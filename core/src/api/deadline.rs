//! When the core next wants a tick, and why.

use serde::{Deserialize, Serialize};

use crate::api::time::Timestamp;

/// Why the core wants [`Input::Tick`](crate::Input::Tick).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// An attempt to reach a relay is due, or one times out.
    Attempt,
    /// Joining a session times out.
    Join,
    /// A probe of the path, its migration, a request to the relay, a frame of a FETCH response, a
    /// change of presence or a credential renewal is due.
    Session,
    /// The grace of a silent path is over: the loss is reported to the user.
    Grace,
    /// One try to be answered is over.
    Ringing,
    /// No media has passed either way for [`Config::idle_timeout`](crate::Config::idle_timeout).
    Idle,
    /// The quality of the call is due to be rated.
    Quality,
    /// The session has been up long enough to count as stable.
    Stable,
    /// Missing frames of a track are due to be requested or abandoned, or its publisher is due to
    /// be queried.
    Track,
    /// The next step of the pre-call test is due.
    PreCall,
    /// Participants are missing, and a probe of another relay is due.
    Rendezvous,
}

/// When the core next wants [`Input::Tick`](crate::Input::Tick), and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The time, always later than `now` of the last
    /// [`Supervisor::handle`](crate::Supervisor::handle).
    pub at: Timestamp,
    /// The reason.
    pub reason: WakeReason,
}
