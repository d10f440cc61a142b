//! Connecting: attempts to get a session, their outcomes, and the answers of providers.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Supervisor;
use crate::api::credential::Credential;
use crate::api::error::{Cause, CauseKind, ErrorCode};
use crate::api::id::{QueryId, SessionId};
use crate::api::output::Output;
use crate::connect::{ConnectAttempts, CredentialStatus, Progress};
use crate::context::cx;
use crate::supervisor::state::State;

impl Supervisor {
    /// Starts the attempts to set the call up.
    pub(super) fn set_up(&mut self) {
        let list = self.refresh_directory().unwrap_or_default();
        let attempts = ConnectAttempts::start(None, list, &mut self.resources, cx!(self));
        self.enter(State::Connecting(attempts));
    }

    pub(super) fn connected(&mut self, session: SessionId) {
        let plan = self.plan_rendezvous();
        if let Some(current) = self.state.session_mut() {
            current.rendezvous.connected(session, plan.as_ref(), cx!(self));
        }
        let rtt = self.monitor.rtt();
        let waits = self.state.attempts_mut().is_some_and(|attempts| {
            attempts.wait_for_home(session, rtt, &mut self.resources, cx!(self))
        });
        if !waits {
            self.use_session(session);
        }
    }

    /// The call continues on a session that one of its attempts reached.
    fn use_session(&mut self, session: SessionId) {
        if self.state.attempts().and_then(|attempts| attempts.dialing(session)).is_none() {
            return;
        }
        let Some((mut attempts, old)) = self.state.take_attempts() else { return };
        if let Some(old) = old {
            self.out.push(Output::CloseSession { session: old.id });
            self.requests_gone(old.id);
        }
        if let Some(dial) = attempts.take_winner(session, cx!(self)) {
            self.join(dial, attempts, Vec::new());
        }
    }

    pub(super) fn dial_failed(&mut self, session: SessionId, cause: Cause) {
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.dial_failed(session)
        {
            self.probe_failed(&dial, &cause);
        }
        // A dial that became the fallback session cannot fail as a dial.
        if !self.is_fallback(session) {
            self.attempt_failed(session, cause);
        }
    }

    pub(super) fn attempt_failed(&mut self, session: SessionId, cause: Cause) {
        let dial = self.state.attempts().and_then(|attempts| attempts.dialing(session));
        let Some((relay, credential_version)) =
            dial.map(|dial| (dial.relay.clone(), dial.credential_version))
        else {
            return;
        };
        let final_code = self.final_code_for(&cause, &relay, credential_version);
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.failed(session, cause, cx!(self));
        }
        self.after_failure(final_code);
    }

    pub(super) fn after_failure(&mut self, final_code: Option<ErrorCode>) {
        if let Some(code) = final_code {
            self.fail(code);
            return;
        }
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.plan_next(&mut self.resources, cx!(self));
        }
        if let Some(progress) = self.state.attempts().map(ConnectAttempts::progress) {
            self.act_on(progress);
        }
    }

    /// Acts on the progress of the attempts.
    pub(super) fn act_on(&mut self, progress: Progress) {
        match progress {
            Progress::Running => {}
            Progress::UseFallback(session) => self.use_session(session),
            Progress::Exhausted => self.attempts_exhausted(),
        }
    }

    /// Uses the session that waits for the home relay; `true` if there is one.
    pub(super) fn accept_fallback(&mut self) -> bool {
        let fallback = self.state.attempts().and_then(ConnectAttempts::fallback);
        fallback.inspect(|session| self.use_session(*session)).is_some()
    }

    pub(super) fn is_fallback(&self, session: SessionId) -> bool {
        self.state.attempts().and_then(ConnectAttempts::fallback) == Some(session)
    }

    /// Advances both ways to recover: the old session migrates, and the attempts race it.
    pub(super) fn advance_attempts(&mut self) {
        if let Some((session, attempts)) = self.state.old_session_mut() {
            session.advance_path(attempts.incident_id(), cx!(self));
        }
        if let Some(attempts) = self.state.attempts_mut() {
            let progress = attempts.advance(&mut self.resources, cx!(self));
            self.act_on(progress);
        }
    }

    /// Queries the provider for relays if no list is valid; how long to wait if there is none.
    pub(super) fn refresh_directory(&mut self) -> Option<Duration> {
        self.resources.relays.refresh(cx!(self))
    }

    /// The provider answered, with an empty list if it failed. A first attempt that waited for the
    /// list is made now.
    pub(super) fn directory_answered(&mut self, query: QueryId, relays: Vec<String>) {
        let has_relays = !relays.is_empty();
        if !self.resources.relays.answered(query, relays, cx!(self)) {
            return;
        }
        if has_relays {
            let relays = self.resources.relays.relays(&self.config).to_vec();
            self.out.push(Output::RememberDirectory { relays });
        }
        if let State::Connecting(attempts) = &mut self.state {
            attempts.begin(&mut self.resources, cx!(self));
        }
    }

    pub(super) fn credential_answered(&mut self, query: QueryId, credential: Credential) {
        if let Some(relay) = self.resources.credentials.answered(query, credential, self.now) {
            self.credential_arrived(&relay);
        }
    }

    fn credential_arrived(&mut self, relay: &str) {
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.credential_arrived(relay, &self.resources, cx!(self));
        }
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.waiting_for(relay)
        {
            dial.send_pending(&self.resources, cx!(self));
        }
        if let State::Live { session, .. } = &self.state
            && session.relay == relay
            && let Some(renewal) = &session.renewal
            && let CredentialStatus::Held(_, _, expires) = self.resources.credentials.held(relay)
            && renewal.is_served_by(expires, self.now)
        {
            // A renewal stays on its relay, even if home is another one.
            self.resources.relays.set_home(relay);
            self.replace_session(CauseKind::CredentialRenewed);
        }
    }

    pub(super) fn credential_failed(&mut self, query: QueryId, cause: &Cause) {
        let Some(relay) = self.resources.credentials.failed(query) else { return };
        if let Some(current) = self.state.session_mut()
            && let Some(session) = current.rendezvous.waiting_for(&relay).map(|dial| dial.session)
        {
            current.rendezvous.dial_failed(session);
        }
        if let Some(attempts) = self.state.attempts_mut()
            && attempts.credential_failed(&relay, cause, cx!(self))
        {
            self.after_failure(cause.kind.final_code());
        }
    }
}
