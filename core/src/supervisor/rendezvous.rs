//! Rendezvous: probing other relays for missing participants, and moving to them (R13).

use alloc::vec::Vec;
use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::id::SessionId;
use crate::api::output::Output;
use crate::connect::Dial;
use crate::context::cx;
use crate::participants::{
    GLARE_WINDOW, MissingPeer, NamespaceSubscription, PeersHere, RemoteParticipant, RendezvousPlan,
};
use crate::session::MovedFrom;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

impl Supervisor {
    /// The participants that we probe other relays for; `None` if there are none.
    pub(super) fn plan_rendezvous(&self) -> Option<RendezvousPlan> {
        let session = self.state.session()?;
        let may_be_elsewhere = |remote: &&RemoteParticipant| {
            remote.may_be_elsewhere(session.requests.namespaces_of(&remote.participant))
        };
        if self.resources.relays.relays(&self.config).len() < 2
            || !self.participants.iter().any(|remote| may_be_elsewhere(&remote))
        {
            return None;
        }
        let home = self.resources.relays.home(&self.config);
        let here = self.participants.iter().filter(|remote| !may_be_elsewhere(remote));
        let here = here.filter(|remote| remote.presence().is_here_or_redials());
        let here = here.map(|remote| remote.participant.as_str());
        // A relay announces a participant for a while after it was cut off or killed: not here.
        let here = here.filter(|participant| !self.is_cut_off(participant)).min();
        let ourselves = self.config.participant.as_str();
        let (smallest, alone) = (here.unwrap_or(ourselves).min(ourselves), here.is_none());
        let moved = session.relay != home;
        let peers_here = PeersHere { ourselves, smallest, alone, moved };
        let mut likely = moved.then(|| home.into());
        let mut participants = Vec::new();
        for remote in self.participants.iter().filter(may_be_elsewhere) {
            let participant = remote.participant.clone();
            if remote.presence().is_glare() {
                likely = session.moved_from.as_ref().map(|moved_from| moved_from.relay.clone());
                participants.push(MissingPeer { participant, patience: Duration::ZERO });
            } else if let Some(patience) = peers_here.patience(&participant) {
                participants.push(MissingPeer { participant, patience });
            }
        }
        (!participants.is_empty()).then_some(RendezvousPlan { participants, likely })
    }

    /// Whether a participant that the relay still announces does not answer on any track.
    fn is_cut_off(&self, participant: &str) -> bool {
        let of = |track: &&SubscribedTrack| track.participant() == participant && !track.is_over();
        let mut answers = self.subscribed.iter().filter(of).filter_map(SubscribedTrack::answers);
        answers.next() == Some(false) && !answers.any(|answers| answers)
    }

    pub(super) fn advance_rendezvous(&mut self) {
        let plan = self.plan_rendezvous();
        if let Some(session) = self.state.session_mut() {
            session.rendezvous.advance(
                plan.as_ref(),
                &session.relay,
                &mut self.resources,
                cx!(self),
            );
        }
    }

    /// Ends all probes: the session is lost, suspected or replaced, or the call ends.
    pub(super) fn stop_rendezvous(&mut self) {
        if let Some(session) = self.state.session_mut() {
            session.rendezvous.stop(cx!(self));
        }
    }

    /// The session of a probe ended. That costs the probe, not the call.
    pub(super) fn probe_closed(&mut self, session: SessionId, cause: &Cause) {
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.session_closed(session)
        {
            self.probe_failed(&dial, cause);
        }
    }

    /// A probe failed. The call is not affected, but a refused credential is not presented again.
    pub(super) fn probe_failed(&mut self, dial: &Dial, cause: &Cause) {
        if cause.kind.is_refusal() {
            self.resources.credentials.forget(&dial.relay, dial.credential_version);
        }
    }

    /// The others were found on another relay: the call continues there.
    pub(super) fn move_to_peers(&mut self, dial: Dial, subscriptions: Vec<NamespaceSubscription>) {
        self.earn_retry_budget();
        let Some((left, attempts)) = self.state.take_session() else { return };
        let attempts = attempts.unwrap_or_else(|| {
            let incident = self.new_incident(Cause::new(CauseKind::PeerElsewhere));
            let mut attempts = self.start_recovery(incident, &left.relay, Duration::ZERO);
            attempts.cancel(cx!(self));
            attempts
        });
        self.out.push(Output::CloseSession { session: left.id });
        self.requests_gone(left.id);
        // This move was no outage: with the new relay as home, no probe goes back for the others.
        self.resources.relays.set_home(&dial.relay);
        self.join(dial, attempts, subscriptions);
        if let State::Joining { session: new, .. } = &mut self.state {
            new.moved_from = Some(MovedFrom { relay: left.relay, since: self.now });
        }
    }

    /// Glare: two participants that probe for each other may swap relays. The one with the smaller
    /// name then returns at once, unless it would leave somebody else here.
    pub(super) fn detect_glare(&mut self) {
        let moved_from = self.state.session().and_then(|session| session.moved_from.as_ref());
        let just_arrived =
            moved_from.is_some_and(|moved_from| self.now < moved_from.since + GLARE_WINDOW);
        if !just_arrived || self.participants.iter().any(|remote| remote.presence().is_here()) {
            return;
        }
        for remote in &mut self.participants {
            if remote.participant > self.config.participant {
                remote.glare_suspected();
            }
        }
    }
}
