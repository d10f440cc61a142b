//! When participants are missing here: who probes other relays for them, and who moves (R13).

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
    /// Who is missing here and may be on another relay, as far as it is we who look.
    pub(super) fn plan_rendezvous(&self) -> Option<RendezvousPlan> {
        let session = self.state.session()?;
        if self.resources.relays.relays(&self.config).len() < 2
            || !self.participants.iter().any(RemoteParticipant::may_be_elsewhere)
        {
            return None;
        }
        let home = self.resources.relays.home(&self.config);
        let here = self.participants.iter().filter(|remote| !remote.may_be_elsewhere());
        let here = here.filter(|remote| remote.presence().is_here_or_redials());
        let here = here.map(|remote| remote.participant.as_str());
        // A relay remembers who was cut off from it, or killed. They are no company.
        let here = here.filter(|participant| !self.is_cut_off(participant)).min();
        let ourselves = self.config.participant.as_str();
        let (smallest, alone) = (here.unwrap_or(ourselves).min(ourselves), here.is_none());
        let moved = session.relay != home;
        let peers_here = PeersHere { ourselves, smallest, alone, moved };
        let mut likely = moved.then(|| home.into());
        let mut participants = Vec::new();
        for remote in self.participants.iter().filter(|remote| remote.may_be_elsewhere()) {
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

    /// Whether a participant that the relay still believes in does not answer.
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

    /// Where the call is now, nobody looks for others any more.
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

    /// It costs a look, and not the call. But what was refused is shown no more.
    pub(super) fn probe_failed(&mut self, dial: &Dial, cause: &Cause) {
        if cause.kind.is_refusal() {
            self.resources.credentials.forget(&dial.relay, dial.credential_version);
        }
    }

    /// The others were found on another relay: the call goes on there.
    pub(super) fn move_to_peers(&mut self, dial: Dial, subscriptions: Vec<NamespaceSubscription>) {
        let Some((left, attempts)) = self.state.take_session() else { return };
        let attempts = attempts.unwrap_or_else(|| {
            let incident = self.new_incident(Cause::new(CauseKind::PeerElsewhere));
            let mut attempts = self.start_recovery(incident, &left.relay, Duration::ZERO);
            attempts.cancel(cx!(self));
            attempts
        });
        self.out.push(Output::CloseSession { session: left.id });
        // Who came to meet somebody has not been moved by an outage: it does not look back.
        self.resources.relays.set_home(&dial.relay);
        self.join(dial, attempts, subscriptions);
        if let State::Joining { session: new, .. } = &mut self.state {
            new.moved_from = Some(MovedFrom { relay: left.relay, since: self.now });
        }
    }

    /// Two that look for each other may change places. Of such two, the one with the smaller name goes
    /// back at once, unless somebody else is here whom it would leave.
    pub(super) fn detect_glare(&mut self) {
        let moved_from = self.state.session().and_then(|session| session.moved_from.as_ref());
        let just_come =
            moved_from.is_some_and(|moved_from| self.now < moved_from.since + GLARE_WINDOW);
        if !just_come || self.participants.iter().any(|remote| remote.presence().is_here()) {
            return;
        }
        for remote in &mut self.participants {
            if remote.participant > self.config.participant {
                remote.glare_suspected();
            }
        }
    }
}
