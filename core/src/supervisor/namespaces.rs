//! Our namespace on the relay, and the namespaces of the other participants.

use super::Supervisor;
use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::context::cx;
use crate::participants::{Namespaces, RemoteParticipant};
use crate::session::Legs;
use crate::supervisor::rendezvous::search;

impl Supervisor {
    pub(super) fn namespace_accepted(&mut self, session: SessionId, epoch: u64) {
        if let Some(current) = self.legs.current_mut().filter(|current| current.id == session) {
            current.namespace_accepted(epoch);
        }
    }

    pub(super) fn namespace_refused(&mut self, session: SessionId, epoch: u64) {
        if let Some(current) = self.legs.current_mut().filter(|current| current.id == session) {
            current.namespace_refused(epoch, cx!(self));
        }
    }

    pub(super) fn namespace_subscription_accepted(&mut self, id: NamespaceSubscriptionId) {
        search::accepted(&mut self.legs, id, self.now);
        if let Some((remote, namespaces)) = followed_by(&mut self.legs, &mut self.participants, id)
            && namespaces.accepted(id, self.now)
            && namespaces.newest().is_none()
        {
            remote.went_away(self.now);
        }
    }

    pub(super) fn namespace_subscription_ended(&mut self, id: NamespaceSubscriptionId) {
        if let Some((_, namespaces)) = followed_by(&mut self.legs, &mut self.participants, id) {
            namespaces.ended(id, cx!(self));
        }
    }

    /// A participant announced a namespace here, or on a relay that is probed.
    pub(super) fn namespace_added(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some(probe) = search::probe_with(&self.legs, id).map(|probe| probe.id) {
            self.move_to_peers(probe);
        }
        if let Some((remote, namespaces)) = followed_by(&mut self.legs, &mut self.participants, id)
        {
            namespaces.added(epoch);
            remote.appeared(cx!(self));
            self.note_answer();
            self.follow_epochs();
        }
    }

    pub(super) fn namespace_removed(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some((remote, namespaces)) = followed_by(&mut self.legs, &mut self.participants, id)
        {
            if namespaces.removed(epoch) && namespaces.newest().is_none() {
                remote.went_away(self.now);
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
        let Some(session) = self.legs.current_mut() else { return false };
        let (id, mut changed) = (session.id, false);
        for remote in &mut self.participants {
            let Some(namespaces) = session.requests.namespaces_of_mut(&remote.participant) else {
                continue;
            };
            let before = (remote.presence().is_expected(), namespaces.newest());
            if namespaces.advance(id, cx!(self)) && namespaces.newest().is_none() {
                remote.went_away(self.now);
            }
            remote.advance(cx!(self));
            changed |= (remote.presence().is_expected(), namespaces.newest()) != before;
        }
        changed
    }

    /// Points each subscribed track at the newest namespace of its participant.
    pub(super) fn follow_epochs(&mut self) {
        let Some(session) = self.legs.current_mut() else { return };
        let id = session.id;
        for track in self.subscribed.iter_mut().filter(|track| !track.is_over()) {
            let participant = track.participant();
            let remote = self.participants.iter().find(|remote| remote.participant == participant);
            let expected = remote.is_some_and(|remote| remote.presence().is_expected());
            let epoch = session.requests.namespaces_of(participant).and_then(Namespaces::newest);
            let subscription = session.requests.subscription_to(track.id);
            track.follow_epoch(subscription, id, (epoch, expected), cx!(self));
        }
    }
}

/// A participant, and what the session that holds our requests knows of it by that subscription.
fn followed_by<'a>(
    legs: &'a mut Legs,
    participants: &'a mut [RemoteParticipant],
    id: NamespaceSubscriptionId,
) -> Option<(&'a mut RemoteParticipant, &'a mut Namespaces)> {
    let namespaces = legs.attached_mut()?.0.requests.namespaces_by(id)?;
    let is_it = |remote: &&mut RemoteParticipant| remote.participant == namespaces.participant;
    let remote = participants.iter_mut().find(is_it)?;
    Some((remote, namespaces))
}
