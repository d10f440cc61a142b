//! Recovery: a session is lost, suspected or replaced, and attempts for a new one begin.

use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::output::Output;
use crate::context::cx;
use crate::session::{Counters, Phase, Role, Stage};
use crate::supervisor::connecting::{ConnectAttempts, Incident};

/// How long migration may revive a silent path before the first dial joins the race.
const HEAD_START: Duration = Duration::from_millis(250);

impl Supervisor {
    pub(super) fn session_closed(&mut self, id: SessionId, cause: Cause) {
        let Some(leg) = self.legs.get(id) else { return };
        match leg.role {
            Role::Candidate if leg.is_reached() => self.attempt_failed(id, cause),
            Role::Probe if leg.is_reached() => self.probe_failed(id, &cause),
            // A dial that is in flight fails with another input.
            Role::Candidate | Role::Probe => {}
            Role::Active if self.is_up() => self.lose_session(cause),
            Role::Active => self.lose_old_session(&cause),
        }
    }

    /// The session is gone. Unless the cause is final, an attempt that is due is made at once.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        let Some(leg) = self.legs.active() else { return };
        let (id, relay, credential_version) = (leg.id, leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(&cause, &relay, credential_version);
        self.stop_rendezvous();
        self.earn_retry_budget();
        self.legs.remove(id);
        self.requests_gone(id);
        match &mut self.attempts {
            None => {
                let incident = self.new_incident(cause);
                self.start_recovery(incident, &relay, Duration::ZERO);
            }
            Some(attempts) => attempts.session_lost(id, cause, &mut self.resources, cx!(self)),
        }
        self.announce();
        match final_code {
            Some(code) => self.fail(code),
            None => self.advance_attempts(),
        }
    }

    pub(super) fn path_report(&mut self, id: SessionId, counters: Counters, rtt: Duration) {
        let now = self.now;
        let Some((session, stage)) = self.legs.attached_mut().filter(|(open, _)| open.id == id)
        else {
            return;
        };
        session.path_liveness.report(now, counters);
        session.migration.set_rtt(rtt);
        match stage {
            Stage::Joining { .. } | Stage::Up { .. } => {
                let silence = session.path_liveness.silence(now, rtt);
                self.monitor.set_rtt(rtt);
                if let Some(pre_call) = &mut self.pre_call {
                    pre_call.rtt = rtt;
                }
                if let Some(kind) = silence {
                    self.suspect(kind);
                }
            }
            Stage::Suspect => {
                if session.path_liveness.is_back() {
                    self.resume_session();
                }
            }
            Stage::Replaced => {}
        }
    }

    /// The path is silent. The session may still come back, by itself or by migration, but it does
    /// not carry the call now. Its tracks stay attached, because the session is not closed.
    pub(super) fn suspect(&mut self, kind: CauseKind) {
        self.stop_rendezvous();
        self.earn_retry_budget();
        if !self.is_live() {
            // A session that never carried the call is not worth waiting for.
            return self.abandon_session(Cause::new(kind));
        }
        if let Some((session, _)) = self.legs.attached_mut() {
            session.path_liveness.suspect();
            session.migration.want_repeatedly();
        }
        self.leave_session(Cause::new(kind), Stage::Suspect, HEAD_START);
    }

    /// The live session is suspected or replaced: it stays, and attempts for another one begin.
    fn leave_session(&mut self, cause: Cause, stage: Stage, head_start: Duration) {
        let Some(relay) = self.legs.active().map(|leg| leg.relay.clone()) else { return };
        let incident = self.new_incident(cause);
        self.start_recovery(incident, &relay, head_start);
        self.legs.set_stage(stage);
        self.announce();
    }

    /// The old session was closed: it cannot come back, and attempts no longer wait for it.
    pub(super) fn lose_old_session(&mut self, cause: &Cause) {
        let Some(leg) = self.legs.active() else { return };
        let (id, relay, credential_version) = (leg.id, leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(cause, &relay, credential_version);
        self.legs.remove(id);
        self.requests_gone(id);
        self.announce();
        match final_code {
            Some(code) => self.fail(code),
            None => {
                if let Some(attempts) = &mut self.attempts {
                    attempts.end_head_start();
                }
            }
        }
    }

    /// The active session is closed: another one takes its place.
    pub(super) fn close_active(&mut self) {
        if let Some(id) = self.legs.active().map(|leg| leg.id) {
            self.out.push(Output::CloseSession { session: id });
            self.legs.remove(id);
            self.requests_gone(id);
        }
    }

    /// The call continues on the old session: its packets are back, or no replacement succeeded.
    pub(super) fn resume_session(&mut self) {
        if let Some(attempts) = &mut self.attempts {
            attempts.cancel(&mut self.legs, cx!(self));
        }
        if let Some((session, _)) = self.legs.attached_mut() {
            session.migration.cancel();
        }
        self.go_live(0);
        self.attach_tracks();
        self.fetch_responses.resume(&mut self.published, cx!(self));
    }

    /// Starts to replace a session that works. The old session is retained until the new one is up,
    /// and for good if no attempt succeeds.
    pub(super) fn replace_session(&mut self, reason: CauseKind) {
        self.stop_rendezvous();
        self.earn_retry_budget();
        if self.is_live() {
            self.leave_session(Cause::new(reason), Stage::Replaced, Duration::ZERO);
        }
    }

    /// Whether a session is being replaced that still works.
    pub(super) fn is_being_replaced(&self) -> bool {
        let Some((session, Stage::Replaced)) = self.legs.attached() else { return false };
        session.path_liveness.silence(self.now, self.monitor.rtt()).is_none()
    }

    /// Queries for a new credential if the one that the relay was presented expires soon.
    pub(super) fn renew(&mut self) {
        if let Some(leg) = self.legs.active_mut()
            && let Phase::Open(session, Stage::Up { .. }) = &mut leg.phase
            && let Some(renewal) = &mut session.renewal
            && renewal.is_due(self.now)
        {
            self.resources.credentials.query(&leg.relay, cx!(self));
        }
    }

    /// Starts the attempts of an incident. They begin at `relay`, where the call was and the others
    /// most likely are, unless its sessions were not stable.
    pub(super) fn start_recovery(&mut self, incident: Incident, relay: &str, head_start: Duration) {
        if self.resources.retry_budget.attempts == 0 {
            self.resources.relays.set_home(relay);
        }
        // No attempt waits for the answer: it serves the attempts after it.
        self.refresh_directory();
        let resources = &mut self.resources;
        let attempts = ConnectAttempts::start(Some(incident), head_start, resources, cx!(self));
        self.attempts = Some(attempts);
    }

    /// The session is about to be left: the time in which it carried media in both directions earns
    /// the retry budget back in proportion (R8). A session that is stable has earned all of it.
    pub(super) fn earn_retry_budget(&mut self) {
        let Some((session, Stage::Up { stable_at: Some(stable_at) })) = self.legs.attached() else {
            return;
        };
        let policy = &self.config.policy;
        let missing = stable_at - session.path_liveness.carried_until();
        let carried = policy.stable_after.saturating_sub(missing);
        self.resources.retry_budget.earn(carried, policy);
    }

    pub(super) fn new_incident(&mut self, cause: Cause) -> Incident {
        let id = IncidentId(self.mint.next());
        self.telemetry.incidents += 1;
        self.telemetry.incidents_open += 1;
        self.telemetry.consecutive_disconnects += 1;
        self.out.event(Event::IncidentStarted { incident: id, cause: cause.clone() });
        Incident { id, cause, since: self.now, tell_at: self.now + self.config.grace }
    }
}
