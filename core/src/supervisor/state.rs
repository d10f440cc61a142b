//! The state of a call, derived from its legs and its attempts.

use alloc::boxed::Box;

use super::Supervisor;
use crate::api::event::Event;
use crate::api::state_name::StateName;
use crate::api::stats::Summary;
use crate::session::Stage;
use crate::supervisor::connecting::ConnectAttempts;

/// Whether the call has begun, and whether it is over.
#[derive(Clone, Debug)]
pub(crate) enum Life {
    Idle,
    Running,
    Failed(Box<Summary>),
    Closed(Box<Summary>),
}

impl Supervisor {
    /// The state of the call: the only place that knows.
    pub(super) fn derived_state(&self) -> StateName {
        match self.life {
            Life::Idle => return StateName::Idle,
            Life::Failed(_) => return StateName::Failed,
            Life::Closed(_) => return StateName::Closed,
            Life::Running => {}
        }
        let incident = self.attempts.as_ref().and_then(ConnectAttempts::incident);
        match (self.legs.stage(), incident) {
            (Some(Stage::Joining { .. }), _) => StateName::Joining,
            (Some(Stage::Up { .. }), _) => StateName::Live,
            (Some(Stage::Suspect), Some(incident)) if self.now < incident.tell_at => {
                StateName::Suspect
            }
            (_, Some(_)) => StateName::Recovering,
            (_, None) => StateName::Connecting,
        }
    }

    /// Reports the state to the application if it has changed.
    pub(super) fn announce(&mut self) {
        let (from, to) = (self.announced, self.derived_state());
        self.announced = to;
        if from != to {
            self.out.event(Event::StateChanged { from, to });
        }
    }

    /// Whether a session is up, or is being joined: one that carries the application's requests.
    pub(super) fn is_up(&self) -> bool {
        self.legs.current().is_some()
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.legs.stage(), Some(Stage::Up { .. }))
    }
}
