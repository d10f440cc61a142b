//! A session is lost, silent or replaced: from the first sign to the attempts that follow.

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

/// How long a silent path has to come back by migration before the first fresh dial joins the race.
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
            State::Suspect { session: old, .. } | State::Recovering { silent: Some(old), .. }
                if old.id == session =>
            {
                self.lose_suspect_session(&cause);
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

    /// The session is gone. Unless its cause is final, the first redial goes out at once.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        let shown =
            self.state.session().map(|session| (session.relay.clone(), session.credential_version));
        let final_code = shown.and_then(|(relay, credential_version)| {
            self.verdict(&cause, &relay, credential_version)
        });
        self.stop_rendezvous();
        let Some((session, attempts)) = self.state.take_session() else { return };
        let state = match attempts {
            None => {
                let incident = self.new_incident(cause);
                let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
                State::Recovering { attempts, silent: None }
            }
            Some(mut attempts) => {
                attempts.resume(session.id, cause, &mut self.resources, cx!(self));
                match attempts.incident {
                    Some(_) => State::Recovering { attempts, silent: None },
                    None => State::Connecting(attempts),
                }
            }
        };
        self.enter(state);
        self.detach_tracks();
        match final_code {
            Some(code) => self.fail(code),
            None => self.advance_attempts(),
        }
    }

    pub(super) fn path_report(&mut self, session: SessionId, counters: Counters, rtt: Duration) {
        let now = self.now;
        if let Some(current) = self.session_with(session) {
            current.path_liveness.report(now, counters);
            current.migration.rtt(rtt);
            let silence = current.path_liveness.silence(now, rtt);
            self.monitor.path(rtt);
            if let Some(test) = &mut self.pre_call {
                test.rtt = rtt;
            }
            if let Some(kind) = silence {
                self.suspect(kind);
            }
        } else if let Some((old, attempts)) =
            self.state.silent_mut().filter(|(old, _)| old.id == session)
        {
            old.path_liveness.report(now, counters);
            old.migration.rtt(rtt);
            if old.path_liveness.is_back() && !attempts.is_voluntary() {
                self.resume_session();
            }
        }
    }

    /// The path is silent. The session may still come back, by itself or by migration, but it does
    /// not carry the call now. Its tracks stay attached, because nothing was said to the relay.
    pub(super) fn suspect(&mut self, kind: CauseKind) {
        self.stop_rendezvous();
        let Some(mut session) = self.state.take_live() else {
            // A session that has not carried the call yet has nothing to come back to.
            return self.abandon_session(Cause::new(kind));
        };
        session.path_liveness.suspect();
        session.migration.want_repeatedly();
        let incident = self.new_incident(Cause::new(kind));
        let attempts = self.start_recovery(incident, &session.relay, HEAD_START);
        let tell_at = self.now + self.config.grace;
        self.enter(State::Suspect { session, attempts, tell_at });
    }

    /// The grace is over: the user hears of it.
    pub(super) fn end_grace(&mut self) {
        if self.state.name() != StateName::Suspect {
            return;
        }
        if let Some((session, attempts)) = self.state.take_suspect() {
            self.enter(State::Recovering { attempts, silent: Some(session) });
        }
    }

    /// The session that may have come back was closed: there is nothing left to wait for.
    pub(super) fn lose_suspect_session(&mut self, cause: &Cause) {
        let shown =
            self.state.silent_mut().map(|(old, _)| (old.relay.clone(), old.credential_version));
        let final_code = shown.and_then(|(relay, credential_version)| {
            self.verdict(cause, &relay, credential_version)
        });
        self.end_grace();
        self.detach_tracks();
        if let State::Recovering { attempts, silent } = &mut self.state {
            *silent = None;
            match final_code {
                Some(code) => self.fail(code),
                None => attempts.end_head_start(),
            }
        }
    }

    /// The old session's packets are back before any attempt succeeded.
    pub(super) fn resume_session(&mut self) {
        let Some((mut session, mut attempts)) = self.state.take_suspect() else { return };
        attempts.cancel(cx!(self));
        session.migration.no_longer();
        self.go_live(session, &attempts, 0);
        self.attach_tracks();
        self.fetch_responses.resume(&mut self.published, cx!(self));
    }

    /// A fresh session is wanted, although nothing is wrong with this one. It is kept until the new one is
    /// there, and for good if none can be had.
    pub(super) fn replace_session(&mut self, why: CauseKind) {
        self.stop_rendezvous();
        let Some(session) = self.state.take_live() else { return };
        let incident = self.new_incident(Cause::new(why));
        let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
        self.enter(State::Recovering { attempts, silent: Some(session) });
    }

    /// Whether there is a session that nothing is wrong with, although another one is wanted.
    pub(super) fn is_being_replaced(&self) -> bool {
        let State::Recovering { silent: Some(old), attempts } = &self.state else { return false };
        attempts.is_voluntary() && old.path_liveness.silence(self.now, self.monitor.rtt()).is_none()
    }

    /// What the relay was shown expires soon: another one is asked for.
    pub(super) fn renew(&mut self) {
        if let State::Live { session, .. } = &mut self.state
            && let Some(renewal) = &mut session.renewal
            && renewal.is_due(self.now)
        {
            self.resources.credentials.query(&session.relay, cx!(self));
        }
    }

    /// `relay` is where the call was. That is where the others are, and where attempts begin, unless sessions there come
    /// up and drop.
    pub(super) fn start_recovery(
        &mut self,
        incident: Incident,
        relay: &str,
        head_start: Duration,
    ) -> ConnectAttempts {
        if self.resources.retry_budget.attempts == 0 {
            self.resources.relays.set_home(relay);
        }
        // Nobody waits for the answer: it serves the attempts that follow it.
        self.refresh_directory();
        ConnectAttempts::start(Some(incident), head_start, &mut self.resources, cx!(self))
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
