//! Joining: from a session that is up to a call that is live, through the readiness gate (R1).

use super::Supervisor;
use crate::api::error::Cause;
use crate::api::event::Event;
use crate::api::output::Output;
use crate::api::stats::CallStatus;
use crate::connect::RetryBudget;
use crate::context::cx;
use crate::session::Stage;
use crate::supervisor::connecting::Purpose;

impl Supervisor {
    /// A session is up on `relay`: publish and subscribe on it. What it was asked as a probe is not
    /// asked again.
    pub(super) fn begin_joining(&mut self, relay: &str) {
        self.moved_from = None;
        if let Some(pre_call) = &mut self.pre_call {
            pre_call.reached(relay, self.now);
        }
        self.announce();
        self.note_absent_participants();
        self.attach_tracks();
    }

    pub(super) fn relay_has_agreed(&self) -> bool {
        self.legs.current().is_some_and(|session| session.requests.are_agreed())
    }

    /// The readiness gate (R1): the call is live once the relay has agreed and every track whose
    /// publisher is there is ready. An absent publisher is no fault of the session.
    pub(super) fn complete_joining(&mut self) {
        if let Some((session, Stage::Joining { .. })) = self.legs.attached()
            && session.requests.are_agreed()
            && session.requests.are_decided()
        {
            self.open_gate();
        }
        if self.legs.successor_lacks_nothing() {
            self.promote_successor();
        }
    }

    /// The call is live. A track that is not ready by now is reported, and the call continues.
    pub(super) fn open_gate(&mut self) {
        let Some((session, Stage::Joining { .. })) = self.legs.attached_mut() else { return };
        for track in &self.subscribed {
            if let Some(subscription) = session.requests.subscription_mut(track.id) {
                track.stop_waiting(subscription, cx!(self));
            }
        }
        self.resources.credentials.accepted();
        let made = self.attempts.as_ref().map_or(0, |attempts| attempts.made);
        self.go_live(made);
    }

    /// The active session carries the call, after `made` attempts: they end, and so does the
    /// incident.
    pub(super) fn go_live(&mut self, made: u32) {
        let attempts = self.attempts.take();
        match attempts.map_or(Purpose::SetUp, |attempts| attempts.purpose) {
            // Setting up the call is no recovery: the first incident has the whole retry budget.
            Purpose::SetUp => self.resources.retry_budget = RetryBudget::default(),
            Purpose::Replace => {}
            Purpose::Recover(incident) => {
                let duration = self.now - incident.since;
                self.telemetry.incidents_open -= 1;
                self.telemetry.incidents_recovered += 1;
                self.telemetry.last_recovery = Some(duration);
                self.telemetry.time_to_recover.add(duration);
                let incident = incident.id;
                self.out.event(Event::Recovered { incident, duration, attempts: made });
            }
        }
        let stable_at = Some(self.now + self.config.policy.stable_after);
        self.legs.set_stage(Stage::Up { stable_at });
        // Time without a session does not count as time without media.
        self.last_media = self.now;
        self.record.reached(self.record.status.max(CallStatus::Ringing), self.now - self.started);
        self.monitor.start(self.now, self.config.quality_interval);
        self.announce();
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
        if let Some(session) = self.legs.current() {
            self.out.push(Output::CloseSession { session: session.id });
            self.lose_session(cause);
        }
    }
}
