//! The states of a call.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The state of a call, by its public name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// The call waits for [`Input::Connect`](crate::Input::Connect).
    Idle,
    /// Attempts to reach a relay for the first time are made.
    Connecting,
    /// A session is up. The relay has yet to accept our namespace and namespace subscriptions, or a
    /// track has yet to become ready.
    Joining,
    /// The session carries the call.
    Live,
    /// The path is silent in one direction or both. Recovery runs; the user need not know yet.
    Suspect,
    /// The session was lost, was silent for longer than the grace, or is being replaced. Recovery
    /// runs.
    Recovering,
    /// The call is over because of an error.
    Failed,
    /// The call is over without an error: closed by the application, idle for too long, or a
    /// pre-call test that is complete.
    Closed,
}

impl StateName {
    /// Every state, in the order in which a call goes through them.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::Connecting,
        Self::Joining,
        Self::Live,
        Self::Suspect,
        Self::Recovering,
        Self::Failed,
        Self::Closed,
    ];

    /// Whether the call is over.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Failed | Self::Closed => true,
            Self::Idle
            | Self::Connecting
            | Self::Joining
            | Self::Live
            | Self::Suspect
            | Self::Recovering => false,
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Joining => "joining",
            Self::Live => "live",
            Self::Suspect => "suspect",
            Self::Recovering => "recovering",
            Self::Failed => "failed",
            Self::Closed => "closed",
        })
    }
}
