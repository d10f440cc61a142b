//! Our namespace on the relay, and the namespaces of the other participants.

use super::Supervisor;
use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::context::cx;
use crate::participants::RemoteParticipant;

impl Supervisor {
    pub(super) fn namespace_accepted(&mut self, session: SessionId, epoch: u64) {
        if let Some(current) = self.session_with(session) {
            current.namespace_accepted(epoch);
        }
    }

    pub(super) fn namespace_refused(&mut self, session: SessionId, epoch: u64) {
        if let Some(current) = self.state.session_mut()
            && current.id == session
        {
            current.namespace_refused(epoch, cx!(self));
        }
    }

    pub(super) fn namespace_subscription_accepted(&mut self, id: NamespaceSubscriptionId) {
        if let Some(session) = self.state.session_mut() {
            session.rendezvous.accepted(id, self.now);
        }
        for remote in &mut self.participants {
            remote.accepted(id, self.now);
        }
    }

    pub(super) fn namespace_subscription_ended(&mut self, id: NamespaceSubscriptionId) {
        if let Some(remote) = self.participants.iter_mut().find(|remote| remote.has(id)) {
            remote.ended(id, cx!(self));
        }
    }

    /// A participant announced a namespace here, or on a relay that is probed.
    pub(super) fn namespace_added(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some(session) = self.state.session_mut()
            && let Some((dial, subscriptions)) = session.rendezvous.found(id, cx!(self))
        {
            self.move_to_peers(dial, subscriptions);
        }
        if let Some(remote) = self.participants.iter_mut().find(|remote| remote.has(id)) {
            remote.added(epoch, cx!(self));
            self.note_answer();
            self.follow_epochs();
        }
    }

    pub(super) fn namespace_removed(&mut self, id: NamespaceSubscriptionId, epoch: u64) {
        if let Some(remote) = self.participants.iter_mut().find(|remote| remote.has(id)) {
            remote.removed(epoch, self.now);
            self.detect_glare();
            self.follow_epochs();
        }
    }

    /// Points each subscribed track at the newest namespace of its participant.
    pub(super) fn follow_epochs(&mut self) {
        let Some(session) = self.state.session() else {
            return;
        };
        let session = session.id;
        for track in &mut self.subscribed {
            let remote = self.participants.iter().find(|f| f.participant == track.participant());
            let epoch = remote.and_then(RemoteParticipant::newest);
            let expected = remote.is_some_and(|f| f.presence().is_expected());
            track.follow_epoch(session, epoch, expected, cx!(self));
        }
    }
}
