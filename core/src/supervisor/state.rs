//! The states of a call. Each variant owns the data that is valid in it, and nothing else.

#![expect(clippy::result_large_err, reason = "a state that `take` hands back is not an error")]

use alloc::boxed::Box;
use core::mem;

use crate::api::state_name::StateName;
use crate::api::stats::Summary;
use crate::api::time::Timestamp;
use crate::connect::ConnectAttempts;
use crate::session::Session;

/// The state of a call.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Idle,
    /// The attempts have no incident: the call was never live.
    Connecting(ConnectAttempts),
    /// The attempts pause: if joining fails, they continue with the next one.
    Joining {
        session: Session,
        attempts: ConnectAttempts,
        deadline: Timestamp,
    },
    /// `stable_at`: when the retry budget becomes whole again; `None` once it is.
    Live {
        session: Session,
        stable_at: Option<Timestamp>,
    },
    /// If the session's packets come back before an attempt succeeds, the call continues on it.
    /// `grace_ends`: when the outage is reported to the user.
    Suspect {
        session: Session,
        attempts: ConnectAttempts,
        grace_ends: Timestamp,
    },
    /// `old`: the session before, if it was not closed. It may still come back, or still works
    /// while it is being replaced.
    Recovering {
        attempts: ConnectAttempts,
        old: Option<Session>,
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

    /// The session that carries the application's requests, if there is one.
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

    /// The same session, mutably.
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

    /// The session that holds our requests: that of [`State::session`], or the old one as long as
    /// it may come back.
    pub(crate) fn attached_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::Joining { session, .. }
            | Self::Live { session, .. }
            | Self::Suspect { session, .. }
            | Self::Recovering { old: Some(session), .. } => Some(session),
            Self::Idle
            | Self::Connecting(_)
            | Self::Recovering { old: None, .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// Moves out of the state what `pick` returns. The caller enters the next state with it; until
    /// then the state is idle. A state that `pick` returns as an error stays as it was.
    fn take<T>(&mut self, pick: impl FnOnce(Self) -> Result<T, Self>) -> Option<T> {
        match pick(mem::replace(self, Self::Idle)) {
            Ok(taken) => Some(taken),
            Err(state) => {
                *self = state;
                None
            }
        }
    }

    /// Takes the session of a live call.
    pub(crate) fn take_live(&mut self) -> Option<Session> {
        self.take(|state| match state {
            Self::Live { session, .. } => Ok(session),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// Takes the session that is being joined, and the attempts that led to it.
    pub(crate) fn take_joining(&mut self) -> Option<(Session, ConnectAttempts)> {
        self.take(|state| match state {
            Self::Joining { session, attempts, .. } => Ok((session, attempts)),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Live { .. }
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// Takes the session of [`State::session`], and its attempts if it is still being joined.
    pub(crate) fn take_session(&mut self) -> Option<(Session, Option<ConnectAttempts>)> {
        self.take(|state| match state {
            Self::Joining { session, attempts, .. } => Ok((session, Some(attempts))),
            Self::Live { session, .. } => Ok((session, None)),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Suspect { .. }
            | Self::Recovering { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// Takes the attempts that are being made, and the old session that may still come back.
    pub(crate) fn take_attempts(&mut self) -> Option<(ConnectAttempts, Option<Session>)> {
        self.take(|state| match state {
            Self::Connecting(attempts) => Ok((attempts, None)),
            Self::Suspect { session, attempts, .. } => Ok((attempts, Some(session))),
            Self::Recovering { old, attempts } => Ok((attempts, old)),
            other @ (Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// Takes the old session that may still come back, and the attempts that race it.
    pub(crate) fn take_old_session(&mut self) -> Option<(Session, ConnectAttempts)> {
        self.take(|state| match state {
            Self::Suspect { session, attempts, .. }
            | Self::Recovering { old: Some(session), attempts } => Ok((session, attempts)),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Recovering { old: None, .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// The attempts that are being made, if any are.
    pub(crate) fn attempts(&self) -> Option<&ConnectAttempts> {
        match self {
            Self::Connecting(attempts)
            | Self::Suspect { attempts, .. }
            | Self::Recovering { attempts, .. } => Some(attempts),
            Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// The same attempts, mutably.
    pub(crate) fn attempts_mut(&mut self) -> Option<&mut ConnectAttempts> {
        match self {
            Self::Connecting(attempts)
            | Self::Suspect { attempts, .. }
            | Self::Recovering { attempts, .. } => Some(attempts),
            Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }

    /// The old session that may still come back, and the attempts that race it.
    pub(crate) fn old_session_mut(&mut self) -> Option<(&mut Session, &mut ConnectAttempts)> {
        match self {
            Self::Suspect { session, attempts, .. }
            | Self::Recovering { old: Some(session), attempts } => Some((session, attempts)),
            Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Recovering { old: None, .. }
            | Self::Failed(_)
            | Self::Closed(_) => None,
        }
    }
}
