//! Termination: how a call fails or closes. `end` is the only way into a final state.

use alloc::boxed::Box;

use super::Supervisor;
use crate::api::error::{CallError, Cause, CauseKind, ErrorCode};
use crate::api::event::Event;
use crate::api::state_name::StateName;
use crate::api::stats::{CallStatus, Outcome, Stats, Summary};
use crate::connect::CredentialVersion;
use crate::context::cx;
use crate::supervisor::state::Life;

impl Supervisor {
    pub(super) fn nobody_answered(&mut self) {
        let tries = self.config.answer_retries.saturating_add(1);
        self.fail_without_attempts(Cause::new(CauseKind::NobodyCame), tries);
    }

    /// Ends the call for a cause that no attempt to connect can remove.
    pub(super) fn fail_without_attempts(&mut self, root_cause: Cause, attempts: u32) {
        let (code, last_cause) = (root_cause.kind.setup_code(), None);
        let after = self.now - self.started;
        self.end(Outcome::Failed(CallError { code, root_cause, last_cause, attempts, after }));
    }

    /// The code that ends the call, if `cause` is final: another attempt cannot help. A refused
    /// credential is refreshed once before the refusal is final.
    pub(super) fn final_code_for(
        &mut self,
        cause: &Cause,
        relay: &str,
        credential_version: CredentialVersion,
    ) -> Option<ErrorCode> {
        if cause.kind.is_refusal()
            && self.config.directory.credentials
            && self.resources.credentials.refused(relay, credential_version)
        {
            return None;
        }
        cause.kind.final_code()
    }

    /// The attempts or the policy's window are used up.
    pub(super) fn attempts_exhausted(&mut self) {
        let Some(attempts) = &self.attempts else { return };
        let code = match (attempts.incident(), &attempts.first_failure) {
            (Some(_), _) => ErrorCode::RecoveryExhausted,
            (None, Some(cause)) => cause.kind.setup_code(),
            (None, None) => ErrorCode::RelayUnreachable,
        };
        self.fail(code);
    }

    /// The call fails, unless a working session was being replaced, or a session waits on a
    /// fallback relay: then the call continues on that one.
    pub(super) fn fail(&mut self, code: ErrorCode) {
        if self.keep_session() || self.accept_fallback() {
            return;
        }
        let Some(attempts) = &self.attempts else { return };
        let error = CallError {
            code,
            root_cause: attempts.root_cause().unwrap_or(Cause::new(CauseKind::TimedOut)),
            last_cause: attempts.last_failure.clone(),
            attempts: attempts.made,
            after: self.now - attempts.started,
        };
        self.end(Outcome::Failed(error));
    }

    /// Ends the call: closes its legs, attempts and tracks, and emits the last event.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.stop_rendezvous();
        if let Some(mut attempts) = self.attempts.take() {
            attempts.cancel(&mut self.legs, cx!(self));
        }
        self.legs.close_all(cx!(self));
        self.telemetry.incidents_failed += self.telemetry.incidents_open;
        self.telemetry.incidents_open = 0;
        self.telemetry.replacements_cancelled += self.telemetry.replacements_open;
        self.telemetry.replacements_open = 0;
        for track in &mut self.subscribed {
            track.close(cx!(self));
        }
        let (name, status, life): (_, _, fn(Box<Summary>) -> Life) = match outcome {
            Outcome::Completed | Outcome::Idle => {
                (StateName::Closed, CallStatus::Ended, Life::Closed)
            }
            Outcome::Failed(_) => (StateName::Failed, CallStatus::Failed, Life::Failed),
        };
        self.record.reached(status, self.now - self.started);
        let summary = Box::new(Summary {
            pre_call: self.pre_call_report(),
            outcome,
            duration: self.now - self.started,
            record: self.record(),
            stats: Stats { state: name, ..self.stats() },
        });
        self.life = life(summary.clone());
        self.announce();
        self.out.event(Event::Ended { summary });
    }
}
