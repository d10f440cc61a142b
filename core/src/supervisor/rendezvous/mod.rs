//! Rendezvous: probing other relays for missing participants, and moving to them (R13).

pub(super) mod search;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::id::SessionId;
use crate::api::time::Timestamp;
use crate::context::cx;
use crate::participants::{GLARE_WINDOW, RemoteParticipant};
use crate::session::Role;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::connecting::ConnectAttempts;
use search::{MissingPeer, PeersHere, RendezvousPlan};

pub(super) use search::Search;

/// The move of the call to a relay where it meets a peer.
#[derive(Clone, Debug)]
pub(crate) struct MovedFrom {
    /// The relay that the call left.
    relay: String,
    since: Timestamp,
}

impl Supervisor {
    /// The participants that we probe other relays for; `None` if there are none.
    pub(super) fn plan_rendezvous(&self) -> Option<RendezvousPlan> {
        // One thing at a time: probes and the dials of a planned change share the limit on races.
        if self.is_live() && self.attempts.is_some() {
            return None;
        }
        let leg = self.legs.active()?;
        let session = self.legs.current()?;
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
        let moved = leg.relay != home;
        let peers_here = PeersHere { ourselves, smallest, alone, moved };
        let mut likely = moved.then(|| home.into());
        let mut participants = Vec::new();
        for remote in self.participants.iter().filter(may_be_elsewhere) {
            let participant = remote.participant.clone();
            if remote.presence().is_glare() {
                likely = self.moved_from.as_ref().map(|moved_from| moved_from.relay.clone());
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
        if self.is_up() {
            let (legs, resources) = (&mut self.legs, &mut self.resources);
            self.search.advance(plan.as_ref(), legs, resources, cx!(self));
        }
    }

    /// Ends all probes: the session is lost, suspected or replaced, or the call ends.
    pub(super) fn stop_rendezvous(&mut self) {
        self.search.stop(&mut self.legs, cx!(self));
    }

    /// A probe failed, or its session ended. That costs the probe, not the call; but a refused
    /// credential is not presented again.
    pub(super) fn probe_failed(&mut self, id: SessionId, cause: &Cause) {
        if let Some(leg) = self.legs.remove(id)
            && cause.kind.is_refusal()
        {
            self.resources.credentials.forget(&leg.relay, leg.credential_version);
        }
    }

    /// A probe found the others on another relay: the call continues there.
    pub(super) fn move_to_peers(&mut self, probe: SessionId) {
        self.search.found(probe, &mut self.legs, cx!(self));
        self.earn_retry_budget();
        let Some(left) = self.legs.active().map(|leg| leg.relay.clone()) else { return };
        if self.attempts.is_none() {
            let incident = self.new_incident(Cause::new(CauseKind::PeerElsewhere));
            self.start_recovery(incident, &left, Duration::ZERO);
            if let Some(attempts) = &mut self.attempts {
                attempts.cancel(&mut self.legs, cx!(self));
            }
        }
        self.close_active();
        let until = self.now + self.config.ready_timeout;
        let window_ends = self.attempts.as_ref().map(ConnectAttempts::window_ends);
        let until = window_ends.map_or(until, |ends| until.min(ends));
        let Some(leg) = self.legs.get_mut(probe) else { return };
        leg.join(Role::Active, until, cx!(self));
        let relay = leg.relay.clone();
        // This move was no outage: with the new relay as home, no probe goes back for the others.
        self.resources.relays.set_home(&relay);
        self.begin_joining(&relay);
        self.moved_from = Some(MovedFrom { relay: left, since: self.now });
    }

    /// Glare: two participants that probe for each other may swap relays. The one with the smaller
    /// name then returns at once, unless it would leave somebody else here.
    pub(super) fn detect_glare(&mut self) {
        let moved_from = self.moved_from.as_ref().filter(|_| self.is_up());
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
