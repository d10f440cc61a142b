//! Connecting: attempts to get a session, their outcomes, and the answers of providers.

mod attempts;
mod purpose;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Supervisor;
use crate::api::credential::Credential;
use crate::api::error::{Cause, CauseKind, ErrorCode};
use crate::api::id::{QueryId, SessionId};
use crate::api::output::Output;
use crate::api::state_name::StateName;
use crate::connect::CredentialStatus;
use crate::context::cx;
use crate::session::{Leg, Phase, Role, Stage};

use crate::supervisor::state::Life;

pub(crate) use attempts::{ConnectAttempts, Progress};
pub(crate) use purpose::{Incident, Purpose};

impl Supervisor {
    /// Starts the attempts to set the call up.
    pub(super) fn set_up(&mut self) {
        let list = self.refresh_directory().unwrap_or_default();
        self.life = Life::Running;
        self.attempts =
            Some(ConnectAttempts::start(Purpose::SetUp, list, &mut self.resources, cx!(self)));
        self.announce();
    }

    pub(super) fn connected(&mut self, id: SessionId) {
        let plan = self.plan_rendezvous();
        self.search.connected(id, plan.as_ref(), &mut self.legs, cx!(self));
        let rtt = self.monitor.rtt();
        let waits = self.attempts.as_mut().is_some_and(|attempts| {
            attempts.wait_for_home(id, rtt, &mut self.legs, &mut self.resources, cx!(self))
        });
        if !waits {
            self.use_candidate(id);
        }
    }

    /// A session that one of the attempts reached is joined. The session before is closed, unless
    /// it still carries the call.
    fn use_candidate(&mut self, id: SessionId) {
        let is_it = |leg: &&Leg| leg.role == Role::Candidate && !leg.awaits_credential();
        let Some(relay) = self.legs.get(id).filter(is_it).map(|leg| leg.relay.clone()) else {
            return;
        };
        let role = if self.is_live() { Role::Successor } else { Role::Active };
        if role == Role::Active {
            self.close_active();
        }
        if let Some(attempts) = &mut self.attempts {
            attempts.won(id, role, &mut self.legs, cx!(self));
        }
        match role {
            Role::Active => self.begin_joining(&relay),
            Role::Successor | Role::Candidate | Role::Probe | Role::Draining { .. } => {
                self.attach_tracks();
            }
        }
    }

    pub(super) fn dial_failed(&mut self, id: SessionId, cause: Cause) {
        // A session that is up cannot fail as a dial.
        let Some(leg) = self.legs.get(id).filter(|leg| leg.until().is_some() && !leg.is_reached())
        else {
            return;
        };
        match leg.role {
            Role::Probe => self.probe_failed(id, &cause),
            Role::Candidate => self.attempt_failed(id, cause),
            Role::Active | Role::Successor | Role::Draining { .. } => {}
        }
    }

    pub(super) fn attempt_failed(&mut self, id: SessionId, cause: Cause) {
        let Some(leg) = self.legs.get(id).filter(|leg| !leg.awaits_credential()) else { return };
        let (relay, credential_version) = (leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(&cause, &relay, credential_version);
        if let Some(attempts) = &mut self.attempts {
            attempts.failed(id, cause, &mut self.legs, cx!(self));
        }
        self.after_failure(final_code);
    }

    pub(super) fn after_failure(&mut self, final_code: Option<ErrorCode>) {
        if let Some(code) = final_code {
            self.fail(code);
            return;
        }
        let Some(attempts) = &mut self.attempts else { return };
        attempts.plan_next(&mut self.legs, &mut self.resources, cx!(self));
        let progress = attempts.progress(&self.legs);
        self.act_on(progress);
    }

    /// Acts on the progress of the attempts.
    pub(super) fn act_on(&mut self, progress: Progress) {
        match progress {
            Progress::Running => {}
            Progress::UseFallback(id) => self.use_candidate(id),
            Progress::Exhausted => self.attempts_exhausted(),
        }
    }

    /// Uses the session that waits for the home relay; `true` if there is one.
    pub(super) fn accept_fallback(&mut self) -> bool {
        let fallback = attempts::fallback(&self.legs).map(|leg| leg.id);
        fallback.inspect(|id| self.use_candidate(*id)).is_some()
    }

    /// Advances both ways to recover: the old session migrates, and the attempts race it.
    pub(super) fn advance_attempts(&mut self) {
        let incident = self.attempts.as_ref().and_then(ConnectAttempts::incident_id);
        if let Some((session, Stage::Suspect)) = self.legs.attached_mut() {
            session.advance_path(incident, cx!(self));
        }
        if let Some(attempts) = &mut self.attempts {
            let progress = attempts.advance(&mut self.legs, &mut self.resources, cx!(self));
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
        if self.announced == StateName::Connecting
            && let Some(attempts) = &mut self.attempts
        {
            attempts.begin(&mut self.legs, &mut self.resources, cx!(self));
        }
    }

    pub(super) fn credential_answered(&mut self, query: QueryId, credential: Credential) {
        if let Some(relay) = self.resources.credentials.answered(query, credential, self.now) {
            self.credential_arrived(&relay);
        }
    }

    fn credential_arrived(&mut self, relay: &str) {
        for leg in self.legs.waiting_for(relay) {
            leg.dial_with_arrived(&self.resources, cx!(self));
        }
        if let Some(leg) = self.legs.active()
            && leg.relay == relay
            && let Phase::Open(session, Stage::Up { .. }) = &leg.phase
            && let Some(renewal) = &session.renewal
            && let CredentialStatus::Held(_, _, expires) = self.resources.credentials.held(relay)
            && renewal.is_served_by(expires, self.now)
            && self.attempts.is_none()
        {
            self.replace_session(CauseKind::CredentialRenewed);
        }
    }

    pub(super) fn credential_failed(&mut self, query: QueryId, cause: &Cause) {
        let Some(relay) = self.resources.credentials.failed(query) else { return };
        let probe = self.legs.waiting_for(&relay).find(|leg| leg.role == Role::Probe);
        if let Some(id) = probe.map(|leg| leg.id) {
            self.legs.remove(id);
        }
        if let Some(attempts) = &mut self.attempts
            && attempts.credential_failed(&relay, cause, &mut self.legs, cx!(self))
        {
            self.after_failure(cause.kind.final_code());
        }
    }
}
