//! A remote participant: its name and its presence. It outlives every session; each session has its
//! own view of the participant's namespaces.

use alloc::string::String;
use core::time::Duration;

use crate::api::event::Event;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::participants::namespaces::Namespaces;
use crate::participants::presence::{Presence, PresenceChange};

/// A participant whose namespaces we follow.
#[derive(Clone, Debug)]
pub(crate) struct RemoteParticipant {
    pub(crate) participant: String,
    /// A recovery of our own session does not change it.
    presence: Presence,
}

impl RemoteParticipant {
    pub(crate) fn new(participant: String) -> Self {
        Self { participant, presence: Presence::default() }
    }

    pub(crate) fn presence(&self) -> Presence {
        self.presence
    }

    /// Whether the participant may be on another relay. One that was here until a moment ago most
    /// likely reconnects here; one that was not seen here is on another relay, or still on its way.
    pub(crate) fn may_be_elsewhere(&self, here: Option<&Namespaces>) -> bool {
        self.presence.may_be_elsewhere()
            || !here.is_some_and(Namespaces::was_seen) && self.presence.is_away()
    }

    pub(crate) fn deadline(&self, rejoin: Duration) -> Option<Timestamp> {
        self.presence.deadline(rejoin)
    }

    /// Reports what is due. Two deadlines may have passed at once.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        while let Some(change) = self.presence.advance(cx.now, cx.config.rejoin_timeout) {
            self.emit(change, cx);
        }
    }

    /// The session knows no namespace of the participant.
    pub(crate) fn went_away(&mut self, now: Timestamp) {
        self.presence.went_away(now);
    }

    /// The participant announced a namespace.
    pub(crate) fn appeared(&mut self, cx: &mut Context<'_>) {
        if let Some(change) = self.presence.appeared() {
            self.emit(change, cx);
        }
    }

    /// If the participant went away only now, it most likely went to meet us where we were.
    pub(crate) fn glare_suspected(&mut self) {
        self.presence.glare_suspected();
    }

    fn emit(&self, change: PresenceChange, cx: &mut Context<'_>) {
        let participant = self.participant.clone();
        let event = match change {
            PresenceChange::Joined { rejoined } => {
                Event::ParticipantJoined { participant, rejoined }
            }
            PresenceChange::Away => Event::ParticipantAway { participant },
            PresenceChange::Left => Event::ParticipantLeft { participant },
            PresenceChange::NotYet => return,
        };
        cx.out.event(event);
    }
}
