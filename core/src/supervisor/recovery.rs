//! Recovery: a session is lost, suspected or replaced, and attempts for a new one begin.

use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::output::Output;
use crate::connect::RetryBudget;
use crate::context::cx;
use crate::session::{Counters, Phase, Role, Stage};
use crate::supervisor::connecting::{ConnectAttempts, Incident, Purpose};
use crate::supervisor::dispatch::Effect;

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
            Role::Successor => self.successor_failed(cause),
            Role::Draining { .. } => self.remove_leg(id),
        }
    }

    /// The session is gone. Unless the cause is final, an attempt that is due is made at once.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        let Some(leg) = self.legs.active() else { return };
        let (id, relay, credential_version) = (leg.id, leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(&cause, &relay, credential_version);
        self.stop_rendezvous();
        self.earn_retry_budget();
        self.remove_leg(id);
        match &mut self.attempts {
            Some(attempts) if !attempts.is_planned() => {
                attempts.session_lost(id, cause, &mut self.resources, cx!(self));
            }
            Some(_) | None => {
                let incident = self.new_incident(cause);
                self.start_recovery(incident, &relay, Duration::ZERO);
            }
        }
        self.promote_in_need();
        self.announce();
        match final_code {
            // The verdict of one relay ends no call that another session is about to carry.
            _ if self.is_up() => {}
            Some(code) => self.fail(code),
            None => self.advance_attempts(),
        }
    }

    /// A report on a path that stays alive changes nothing else.
    pub(super) fn path_report(
        &mut self,
        id: SessionId,
        counters: Counters,
        rtt: Duration,
    ) -> Effect {
        let now = self.now;
        let Some((role, session, stage)) = self.legs.open_mut(id) else { return Effect::Steady };
        session.path_liveness.report(now, counters);
        session.migration.set_rtt(rtt);
        let silence = session.path_liveness.silence(now, rtt);
        let is_back = stage == Stage::Suspect && session.path_liveness.is_back();
        let path_deadline = session.path_deadline();
        if role == Role::Active && stage != Stage::Suspect {
            self.monitor.set_rtt(rtt);
            self.path_deadline = Some(path_deadline);
            if let Some(pre_call) = &mut self.pre_call {
                pre_call.rtt = rtt;
            }
        }
        match (role, silence) {
            (Role::Active, _) if is_back => self.resume_session(),
            (Role::Active, Some(kind)) if stage != Stage::Suspect => self.suspect(kind),
            // Neither is worth waiting for: another session carries the call.
            (Role::Successor, Some(kind)) => {
                self.out.push(Output::CloseSession { session: id });
                self.successor_failed(Cause::new(kind));
            }
            (Role::Draining { .. }, Some(_)) => self.close_leg(id),
            (Role::Active, None) if matches!(stage, Stage::Up { .. }) => return Effect::Steady,
            _ => {}
        }
        Effect::Changed
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
        if self.legs.successor().is_some() {
            // The other one has begun to take over, and is up.
            return self.abandon_session(Cause::new(kind));
        }
        let Some(leg) = self.legs.active_mut() else { return };
        let relay = leg.relay.clone();
        if let Phase::Open(session, stage) = &mut leg.phase {
            session.path_liveness.suspect();
            session.migration.want_repeatedly();
            *stage = Stage::Suspect;
        }
        let incident = self.new_incident(Cause::new(kind));
        self.start_recovery(incident, &relay, HEAD_START);
        self.announce();
    }

    /// The old session was closed: it cannot come back, and attempts no longer wait for it.
    pub(super) fn lose_old_session(&mut self, cause: &Cause) {
        let Some(leg) = self.legs.active() else { return };
        let (id, relay, credential_version) = (leg.id, leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(cause, &relay, credential_version);
        self.remove_leg(id);
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
            self.close_leg(id);
        }
    }

    pub(super) fn close_leg(&mut self, id: SessionId) {
        if let Some(leg) = self.legs.get(id) {
            leg.close(cx!(self));
            self.remove_leg(id);
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
        if let Some(id) = self.legs.active().map(|leg| leg.id) {
            self.fetch_responses.resume(id, self.now);
            self.begin_fetch_responses();
        }
    }

    /// Queries for a new credential if the one that the relay was presented expires soon.
    pub(super) fn renew(&mut self) {
        if self.attempts.is_none()
            && let Some(leg) = self.legs.active_mut()
            && let Phase::Open(session, Stage::Up { .. }) = &mut leg.phase
            && let Some(renewal) = &mut session.renewal
            && renewal.is_due(self.now)
        {
            self.resources.credentials.query(&leg.relay, cx!(self));
        }
    }

    /// Starts the attempts of an incident. They begin at `relay`, where the call was and the others
    /// most likely are, unless its sessions were not stable. The attempts of a planned change
    /// continue.
    pub(super) fn start_recovery(&mut self, incident: Incident, relay: &str, head_start: Duration) {
        if self.resources.retry_budget.attempts == 0 {
            self.resources.relays.set_home(relay);
        }
        // No attempt waits for the answer: it serves the attempts after it.
        self.refresh_directory();
        let resources = &mut self.resources;
        if let Some(planned) = &mut self.attempts {
            self.telemetry.replacements_cancelled += 1;
            self.telemetry.replacements_open -= 1;
            planned.become_recovery(incident, resources, cx!(self));
        } else {
            let purpose = Purpose::Recover(incident);
            self.attempts = Some(ConnectAttempts::start(purpose, head_start, resources, cx!(self)));
        }
    }

    /// The session is about to be left: the time in which it carried media in both directions earns
    /// the retry budget back in proportion (R8). A session that is stable has earned all of it.
    pub(super) fn earn_retry_budget(&mut self) {
        let Some((session, Stage::Up { stable_at })) = self.legs.attached() else { return };
        let Some(stable_at) = stable_at else {
            self.resources.planned_budget = RetryBudget::default();
            return;
        };
        let policy = &self.config.policy;
        let missing = stable_at - session.path_liveness.carried_until();
        let carried = policy.stable_after.saturating_sub(missing);
        self.resources.retry_budget.earn(carried, policy);
        self.resources.planned_budget.earn(carried, policy);
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
