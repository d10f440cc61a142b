//! The states of a call. Each variant owns what is valid in it and nothing else.

use alloc::boxed::Box;
use core::{fmt, mem};

use serde::{Deserialize, Serialize};

use crate::campaign::Campaign;
use crate::session::Session;
use crate::summary::Summary;
use crate::time::Timestamp;

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

/// The state of a call.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Idle,
    /// The campaign has no incident: the call was never up.
    Connecting(Campaign),
    /// The campaign waits: if joining fails, it goes on with its next attempt.
    Joining {
        session: Session,
        campaign: Campaign,
        deadline: Timestamp,
    },
    /// `stable_at`: when the budget becomes whole again; `None` once it is.
    Live {
        session: Session,
        stable_at: Option<Timestamp>,
    },
    /// Should the session's packets come back before an attempt succeeds, the call goes on with it.
    /// `tell_at`: when the grace is over.
    Suspect {
        session: Session,
        campaign: Campaign,
        tell_at: Timestamp,
    },
    /// `silent`: the old session, if it was not closed: it may still come back.
    Recovering {
        campaign: Campaign,
        silent: Option<Session>,
    },
    Failed(Box<Summary>),
    Closed(Box<Summary>),
}

impl State {
    pub(crate) fn name(&self) -> StateName {
        match self {
            Self::Idle => StateName::Idle,
            Self::Connecting(_) => StateName::Connecting,
            Self::Joining { .. } => StateName::Joining,
            Self::Live { .. } => StateName::Live,
            Self::Suspect { .. } => StateName::Suspect,
            Self::Recovering { .. } => StateName::Recovering,
            Self::Failed(_) => StateName::Failed,
            Self::Closed(_) => StateName::Closed,
        }
    }

    /// The session that carries what the application asks for, if there is one.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Self::Joining { session, .. } | Self::Live { session, .. } => Some(session),
            Self::Idle
            | Self::Connecting(_)
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// Likewise, to change it.
    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::Joining { session, .. } | Self::Live { session, .. } => Some(session),
            Self::Idle
            | Self::Connecting(_)
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// What a live call goes on with, for the state that is entered next; until then it is idle.
    pub(crate) fn take_live(&mut self) -> Option<Session> {
        match mem::replace(self, Self::Idle) {
            Self::Live { session, .. } => Some(session),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => {
                *self = other;
                None
            }
        }
    }

    /// The attempts that are being made, if any are.
    pub(crate) fn campaign(&self) -> Option<&Campaign> {
        match self {
            Self::Connecting(campaign)
            | Self::Suspect { campaign, .. }
            | Self::Recovering { campaign, .. } => Some(campaign),
            Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// Likewise, to change them.
    pub(crate) fn campaign_mut(&mut self) -> Option<&mut Campaign> {
        match self {
            Self::Connecting(campaign)
            | Self::Suspect { campaign, .. }
            | Self::Recovering { campaign, .. } => Some(campaign),
            Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// The old session that may still come back, and the attempts that race it.
    pub(crate) fn silent_mut(&mut self) -> Option<(&mut Session, &mut Campaign)> {
        match self {
            Self::Suspect { session, campaign, .. }
            | Self::Recovering { silent: Some(session), campaign } => Some((session, campaign)),
            Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Recovering { silent: None, .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }
}
