//! When the machine wants to be woken, and why.

use serde::{Deserialize, Serialize};

use crate::api::time::Timestamp;

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// An attempt is due, late, or out of time.
    Attempt,
    /// The session has not been joined in time.
    Join,
    /// The path is to be looked at, or a request to the relay made again.
    Session,
    /// A silent path has been suspected for long enough: the user hears of it.
    Grace,
    /// Nobody has answered in time.
    Ringing,
    /// No media has gone either way for long.
    Idle,
    /// The quality of the call is to be rated.
    Quality,
    /// The session has been up long enough to be called stable.
    Stable,
    /// What is missing of a track is to be asked for or given up, or its publisher to be asked.
    Track,
    /// The test before a call goes on.
    PreCall,
    /// The others are missing and are to be looked for on another relay.
    Rendezvous,
}

/// When the machine next wants [`Input::Tick`](crate::Input::Tick), and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When. Always later than the `now` of the last [`Supervisor::handle`](crate::Supervisor::handle).
    pub at: Timestamp,
    /// Why.
    pub reason: WakeReason,
}
