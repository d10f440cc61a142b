//! The public name of a state.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The public name of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Not asked to connect yet.
    Idle,
    /// Reaching a relay for the first time.
    Connecting,
    /// A session is up; what we publish and whom we follow is being agreed with the relay.
    Joining,
    /// The session carries the call.
    Live,
    /// The path is silent, or one way of it. Recovery is under way; the user need not know yet.
    Suspect,
    /// The session was lost, or silent for longer than the grace. Recovery is under way.
    Recovering,
    /// Over: it could not go on.
    Failed,
    /// Over: the application closed it.
    Closed,
}

impl StateName {
    /// Every state, in the order of a call's life.
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
