//! Our namespace on the relay, and the namespaces of the other participants.

use super::Supervisor;
use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::context::cx;
use crate::participants::{Namespaces, RemoteParticipant};
use crate::session::{Legs, Role};
use crate::supervisor::rendezvous::search;

impl Supervisor {
    pub(super) fn namespace_accepted(&mut self, session: SessionId, epoch: u64) {
        if let Some((session, _)) = self.legs.session_mut(session) {
            session.namespace_accepted(epoch);
        }
    }

    pub(super) fn namespace_refused(&mut self, session: SessionId, epoch: u64) {
        if let Some((session, _)) = self.legs.session_mut(session) {
            session.namespace_refused(epoch, cx!(self));
        }
    }

    pub(super) fn namespace_subscription_accepted(&mut self, id: NamespaceSubscriptionId) {
        search::accepted(&mut self.legs, id, self.now);
        if let Some(followed) = followed_by(&mut self.legs, &mut self.participants, id)
            && followed.namespaces.accepted(id, self.now)
            && followed.is_absent()
        {
            followed.remote.went_away(self.now);
        }
    }

    pub(super) fn namespace_subscription_ended(&mut self, id: NamespaceSubscriptionId) {
        if let Some(followed) = followed_by(&mut self.legs, &mut self.participants, id) {
            followed.namespaces.ended(id, cx!(self));
        }
    }

    /// A participant announced a namespace here, or on a relay that is probed.
    pub(super) fn namespace_added(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some(probe) = search::probe_with(&self.legs, id).map(|probe| probe.id) {
            self.move_to_peers(probe);
        }
        if let Some(followed) = followed_by(&mut self.legs, &mut self.participants, id) {
            followed.namespaces.added(epoch);
            followed.remote.appeared(cx!(self));
            self.note_answer();
            self.follow_epochs();
        }
    }

    pub(super) fn namespace_removed(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some(followed) = followed_by(&mut self.legs, &mut self.participants, id) {
            if followed.namespaces.removed(epoch) && followed.is_absent() {
                followed.remote.went_away(self.now);
            }
            self.detect_glare();
            self.follow_epochs();
        }
    }

    /// A session was asked for participants before it is joined: what it knows of them counts now.
    pub(super) fn note_absent_participants(&mut self) {
        let Some(session) = self.legs.current() else { return };
        for namespaces in session.requests.participants() {
            let is_it =
                |remote: &&mut RemoteParticipant| remote.participant == namespaces.participant;
            if namespaces.is_accepted()
                && namespaces.newest().is_none()
                && let Some(remote) = self.participants.iter_mut().find(is_it)
            {
                remote.went_away(self.now);
            }
        }
    }

    /// Does what is due for the other participants; `true` if the newest namespace of one has
    /// changed, or whether media is expected of it.
    pub(super) fn advance_participants(&mut self) -> bool {
        let mut changed = false;
        let active = self.legs.active().map(|leg| leg.id);
        for id in self.legs.attachable().into_iter().flatten() {
            let Some((session, _)) = self.legs.session_mut(id) else { continue };
            for remote in &mut self.participants {
                let Some(namespaces) = session.requests.namespaces_of_mut(&remote.participant)
                else {
                    continue;
                };
                let before = (remote.presence().is_expected(), namespaces.newest());
                let forgot = namespaces.advance(id, cx!(self)) && namespaces.newest().is_none();
                if active == Some(id) {
                    if forgot {
                        remote.went_away(self.now);
                    }
                    remote.advance(cx!(self));
                }
                changed |= (remote.presence().is_expected(), namespaces.newest()) != before;
            }
        }
        changed
    }

    /// Points each subscription at the newest namespace of its participant.
    pub(super) fn follow_epochs(&mut self) {
        for id in self.legs.attachable().into_iter().flatten() {
            for track in self.subscribed.iter_mut().filter(|track| !track.is_over()) {
                let Some((session, _)) = self.legs.session_mut(id) else { continue };
                let participant = track.participant();
                let is_it = |remote: &&RemoteParticipant| remote.participant == participant;
                let remote = self.participants.iter().find(is_it);
                let expected = remote.is_some_and(|remote| remote.presence().is_expected());
                let namespaces = session.requests.namespaces_of(participant);
                let epoch = namespaces.and_then(Namespaces::newest);
                session.requests.subscription_to(track.id);
                if let Some(mut source) = self.legs.source(track.id, id) {
                    track.follow_epoch(&mut source, (epoch, expected), cx!(self));
                }
            }
        }
    }
}

/// A participant, and what one session knows of it.
struct Followed<'a> {
    remote: &'a mut RemoteParticipant,
    namespaces: &'a mut Namespaces,
    role: Role,
}

impl Followed<'_> {
    /// Whether the participant is not where the call is.
    fn is_absent(&self) -> bool {
        self.role == Role::Active && self.namespaces.newest().is_none()
    }
}

/// The participant that a namespace subscription is for.
fn followed_by<'a>(
    legs: &'a mut Legs,
    participants: &'a mut [RemoteParticipant],
    id: NamespaceSubscriptionId,
) -> Option<Followed<'a>> {
    let role = legs.open().find(|(_, session, _)| session.requests.has_namespaces_by(id))?.0.role;
    let mut sessions = legs.sessions_mut();
    let namespaces = sessions.find_map(|(session, _)| session.requests.namespaces_by(id))?;
    let is_it = |remote: &&mut RemoteParticipant| remote.participant == namespaces.participant;
    let remote = participants.iter_mut().find(is_it)?;
    Some(Followed { remote, namespaces, role })
}
