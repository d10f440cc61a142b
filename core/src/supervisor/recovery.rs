//! Recovery: a session is lost, suspected or replaced, and attempts for a new one begin.

use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::state_name::StateName;
use crate::connect::{ConnectAttempts, Incident};
use crate::context::cx;
use crate::session::Counters;
use crate::supervisor::state::State;

/// How long migration may revive a silent path before the first dial joins the race.
const HEAD_START: Duration = Duration::from_millis(250);

impl Supervisor {
    pub(super) fn session_closed(&mut self, session: SessionId, cause: Cause) {
        if self.is_fallback(session) {
            return self.attempt_failed(session, cause);
        }
        self.probe_closed(session, &cause);
        match &mut self.state {
            State::Joining { session: current, .. } | State::Live { session: current, .. }
                if current.id == session =>
            {
                self.lose_session(cause);
            }
            State::Suspect { session: old, .. } | State::Recovering { old: Some(old), .. }
                if old.id == session =>
            {
                self.lose_old_session(&cause);
            }
            State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Suspect { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_) => {}
        }
    }

    /// The session is gone. Unless the cause is final, an attempt that is due is made at once.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        let presented =
            self.state.session().map(|session| (session.relay.clone(), session.credential_version));
        let final_code = presented.and_then(|(relay, credential_version)| {
            self.final_code_for(&cause, &relay, credential_version)
        });
        self.stop_rendezvous();
        self.earn_retry_budget();
        let Some((session, attempts)) = self.state.take_session() else { return };
        self.requests_gone(session.id);
        let state = match attempts {
            None => {
                let incident = self.new_incident(cause);
                let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
                State::Recovering { attempts, old: None }
            }
            Some(mut attempts) => {
                attempts.session_lost(session.id, cause, &mut self.resources, cx!(self));
                match attempts.incident {
                    Some(_) => State::Recovering { attempts, old: None },
                    None => State::Connecting(attempts),
                }
            }
        };
        self.enter(state);
        match final_code {
            Some(code) => self.fail(code),
            None => self.advance_attempts(),
        }
    }

    pub(super) fn path_report(&mut self, session: SessionId, counters: Counters, rtt: Duration) {
        let now = self.now;
        if let Some(current) = self.session_with(session) {
            current.path_liveness.report(now, counters);
            current.migration.set_rtt(rtt);
            let silence = current.path_liveness.silence(now, rtt);
            self.monitor.set_rtt(rtt);
            if let Some(pre_call) = &mut self.pre_call {
                pre_call.rtt = rtt;
            }
            if let Some(kind) = silence {
                self.suspect(kind);
            }
        } else if let Some((old, attempts)) =
            self.state.old_session_mut().filter(|(old, _)| old.id == session)
        {
            old.path_liveness.report(now, counters);
            old.migration.set_rtt(rtt);
            if old.path_liveness.is_back() && !attempts.is_voluntary() {
                self.resume_session();
            }
        }
    }

    /// The path is silent. The session may still come back, by itself or by migration, but it does
    /// not carry the call now. Its tracks stay attached, because the session is not closed.
    pub(super) fn suspect(&mut self, kind: CauseKind) {
        self.stop_rendezvous();
        self.earn_retry_budget();
        let Some(mut session) = self.state.take_live() else {
            // A session that never carried the call is not worth waiting for.
            return self.abandon_session(Cause::new(kind));
        };
        session.path_liveness.suspect();
        session.migration.want_repeatedly();
        let incident = self.new_incident(Cause::new(kind));
        let attempts = self.start_recovery(incident, &session.relay, HEAD_START);
        let grace_ends = self.now + self.config.grace;
        self.enter(State::Suspect { session, attempts, grace_ends });
    }

    /// The grace is over: the outage is reported to the user.
    pub(super) fn end_grace(&mut self) {
        if self.state.name() != StateName::Suspect {
            return;
        }
        if let Some((session, attempts)) = self.state.take_old_session() {
            self.enter(State::Recovering { attempts, old: Some(session) });
        }
    }

    /// The old session was closed: it cannot come back, and attempts no longer wait for it.
    pub(super) fn lose_old_session(&mut self, cause: &Cause) {
        let presented = self
            .state
            .old_session_mut()
            .map(|(old, _)| (old.relay.clone(), old.credential_version));
        let final_code = presented.and_then(|(relay, credential_version)| {
            self.final_code_for(cause, &relay, credential_version)
        });
        self.end_grace();
        let State::Recovering { attempts, old } = &mut self.state else { return };
        let Some(old) = old.take() else { return };
        if final_code.is_none() {
            attempts.end_head_start();
        }
        self.requests_gone(old.id);
        if let Some(code) = final_code {
            self.fail(code);
        }
    }

    /// The call continues on the old session: its packets are back, or no replacement succeeded.
    pub(super) fn resume_session(&mut self) {
        let Some((mut session, mut attempts)) = self.state.take_old_session() else { return };
        attempts.cancel(cx!(self));
        session.migration.cancel();
        self.go_live(session, &attempts, 0);
        self.attach_tracks();
        self.fetch_responses.resume(&mut self.published, cx!(self));
    }

    /// Starts to replace a session that works. The old session is retained until the new one is up,
    /// and for good if no attempt succeeds.
    pub(super) fn replace_session(&mut self, reason: CauseKind) {
        self.stop_rendezvous();
        self.earn_retry_budget();
        let Some(session) = self.state.take_live() else { return };
        let incident = self.new_incident(Cause::new(reason));
        let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
        self.enter(State::Recovering { attempts, old: Some(session) });
    }

    /// Whether a session is being replaced that still works.
    pub(super) fn is_being_replaced(&self) -> bool {
        let State::Recovering { old: Some(old), attempts } = &self.state else { return false };
        attempts.is_voluntary() && old.path_liveness.silence(self.now, self.monitor.rtt()).is_none()
    }

    /// Queries for a new credential if the one that the relay was presented expires soon.
    pub(super) fn renew(&mut self) {
        if let State::Live { session, .. } = &mut self.state
            && let Some(renewal) = &mut session.renewal
            && renewal.is_due(self.now)
        {
            self.resources.credentials.query(&session.relay, cx!(self));
        }
    }

    /// Starts the attempts of an incident. They begin at `relay`, where the call was and the others
    /// most likely are, unless its sessions were not stable.
    pub(super) fn start_recovery(
        &mut self,
        incident: Incident,
        relay: &str,
        head_start: Duration,
    ) -> ConnectAttempts {
        if self.resources.retry_budget.attempts == 0 {
            self.resources.relays.set_home(relay);
        }
        // No attempt waits for the answer: it serves the attempts after it.
        self.refresh_directory();
        ConnectAttempts::start(Some(incident), head_start, &mut self.resources, cx!(self))
    }

    /// The session is about to be left: the time in which it carried media in both directions earns
    /// the retry budget back in proportion (R8). A session that is stable has earned all of it.
    pub(super) fn earn_retry_budget(&mut self) {
        let State::Live { session, stable_at: Some(stable_at) } = &self.state else { return };
        let policy = &self.config.policy;
        let missing = *stable_at - session.path_liveness.carried_until();
        let carried = policy.stable_after.saturating_sub(missing);
        self.resources.retry_budget.earn(carried, policy);
    }

    pub(super) fn new_incident(&mut self, cause: Cause) -> Incident {
        let id = IncidentId(self.mint.next());
        self.telemetry.incidents += 1;
        self.telemetry.incidents_open += 1;
        self.telemetry.consecutive_disconnects += 1;
        self.out.event(Event::IncidentStarted { incident: id, cause: cause.clone() });
        Incident { id, cause, since: self.now }
    }
}
