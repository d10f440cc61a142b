//! The states of a call. Each variant owns what is valid in it and nothing else.

use crate::api::state_name::StateName;
use alloc::boxed::Box;
use core::mem;

use crate::api::stats::Summary;
use crate::api::time::Timestamp;
use crate::connect::ConnectAttempts;
use crate::session::Session;

/// The state of a call.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Idle,
    /// The campaign has no incident: the call was never up.
    Connecting(ConnectAttempts),
    /// The campaign waits: if joining fails, it goes on with its next attempt.
    Joining {
        session: Session,
        attempts: ConnectAttempts,
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
        attempts: ConnectAttempts,
        tell_at: Timestamp,
    },
    /// `silent`: the old session, if it was not closed: it may still come back.
    Recovering {
        attempts: ConnectAttempts,
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

    /// Moves out of the state what `pick` wants: the caller enters the next state with it, and until
    /// then this one is idle. A state that `pick` hands back stays as it was.
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

    /// Takes the session that [`State::session`] shows, and its attempts if it is still being joined.
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
            Self::Recovering { silent, attempts } => Ok((attempts, silent)),
            other @ (Self::Idle
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Failed(_)
            | Self::Closed(_)) => Err(other),
        })
    }

    /// Takes the old session that may still come back, and the attempts that race it.
    pub(crate) fn take_suspect(&mut self) -> Option<(Session, ConnectAttempts)> {
        self.take(|state| match state {
            Self::Suspect { session, attempts, .. }
            | Self::Recovering { silent: Some(session), attempts } => Ok((session, attempts)),
            other @ (Self::Idle
            | Self::Connecting(_)
            | Self::Joining { .. }
            | Self::Live { .. }
            | Self::Recovering { silent: None, .. }
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

    /// Likewise, to change them.
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
    pub(crate) fn silent_mut(&mut self) -> Option<(&mut Session, &mut ConnectAttempts)> {
        match self {
            Self::Suspect { session, attempts, .. }
            | Self::Recovering { silent: Some(session), attempts } => Some((session, attempts)),
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
