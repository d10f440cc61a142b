//! Joining: from a session that is up to a call that is live, through the readiness gate (R1).

use alloc::vec::Vec;

use super::Supervisor;
use crate::api::error::Cause;
use crate::api::event::Event;
use crate::api::output::Output;
use crate::api::stats::CallStatus;
use crate::connect::{ConnectAttempts, Dial, RetryBudget};
use crate::context::cx;
use crate::participants::NamespaceSubscription;
use crate::session::Session;
use crate::supervisor::state::State;

impl Supervisor {
    /// A session is up: publish and subscribe on it. The namespace subscriptions that it already
    /// has (from a probe) are adopted, not sent again.
    pub(super) fn join(
        &mut self,
        dial: Dial,
        attempts: ConnectAttempts,
        subscriptions: Vec<NamespaceSubscription>,
    ) {
        if let Some(pre_call) = &mut self.pre_call {
            pre_call.reached(&dial.relay, self.now);
        }
        let session = Session::new(dial, self.now, &self.config);
        let deadline = (self.now + self.config.ready_timeout).min(attempts.window_ends());
        self.enter(State::Joining { session, attempts, deadline });
        self.adopt(subscriptions);
        self.attach_tracks();
    }

    /// The session takes over the namespace subscriptions of the probe that led to it.
    fn adopt(&mut self, subscriptions: Vec<NamespaceSubscription>) {
        for NamespaceSubscription { namespace_subscription, participant, accepted } in subscriptions
        {
            if let Some(session) = self.state.session_mut() {
                session.adopt(namespace_subscription, participant);
            }
            if accepted {
                self.namespace_subscription_accepted(namespace_subscription);
            }
        }
    }

    pub(super) fn relay_has_agreed(&self) -> bool {
        self.state.session().is_some_and(|session| session.requests.are_agreed())
    }

    /// The readiness gate (R1): the call is live once the relay has agreed and every track whose
    /// publisher is there is ready. An absent publisher is no fault of the session.
    pub(super) fn complete_joining(&mut self) {
        if let State::Joining { session, .. } = &self.state
            && session.requests.are_agreed()
            && session.requests.are_decided()
        {
            self.open_gate();
        }
    }

    /// The call is live. A track that is not ready by now is reported, and the call continues.
    pub(super) fn open_gate(&mut self) {
        let Some((mut session, attempts)) = self.state.take_joining() else { return };
        for track in &self.subscribed {
            if let Some(subscription) = session.requests.subscription_mut(track.id) {
                track.stop_waiting(subscription, cx!(self));
            }
        }
        self.resources.credentials.accepted();
        self.go_live(session, &attempts, attempts.made);
    }

    pub(super) fn go_live(&mut self, session: Session, attempts: &ConnectAttempts, made: u32) {
        if attempts.incident.is_none() {
            // Setting up the call is no recovery: the first incident has the whole retry budget.
            self.resources.retry_budget = RetryBudget::default();
        }
        if let Some(incident) = &attempts.incident {
            let duration = self.now - incident.since;
            self.telemetry.incidents_open -= 1;
            self.telemetry.incidents_recovered += 1;
            self.telemetry.last_recovery = Some(duration);
            self.telemetry.time_to_recover.add(duration);
            self.out.event(Event::Recovered { incident: incident.id, duration, attempts: made });
        }
        let stable_at = Some(self.now + self.config.policy.stable_after);
        // Time without a session does not count as time without media.
        self.last_media = self.now;
        self.record.reached(self.record.status.max(CallStatus::Ringing), self.now - self.started);
        self.monitor.start(self.now, self.config.quality_interval);
        self.enter(State::Live { session, stable_at });
        if let Some(pre_call) = &mut self.pre_call {
            pre_call.ready(self.now);
        }
        self.ringing.start(self.now, self.config.answer_timeout);
        self.note_answer();
    }

    /// Marks the call as active if a participant that we listen to was seen, or there is none.
    pub(super) fn note_answer(&mut self) {
        let seen = self.participants.iter().any(|remote| remote.presence().was_seen());
        if seen || self.participants.is_empty() {
            self.ringing.stop();
            if self.record.active_after.is_none() {
                self.record.reached(CallStatus::Active, self.now - self.started);
            }
        }
    }

    /// The session cannot be used: it is closed, and counts as lost.
    pub(super) fn abandon_session(&mut self, cause: Cause) {
        if let Some(session) = self.state.session() {
            self.out.push(Output::CloseSession { session: session.id });
            self.lose_session(cause);
        }
    }
}
