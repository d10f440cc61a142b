//! Hand-over: a session that works is replaced as planned. The new session is joined while the old
//! one carries the call, takes over once it lacks nothing, and the old one is fed until the
//! listeners have followed. There is no incident, and no gap.

use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::SessionId;
use crate::context::cx;
use crate::session::{Phase, Role, Stage};
use crate::supervisor::connecting::{ConnectAttempts, Purpose};

/// For how long a session that is being left is fed at least. A listener needs half a round trip to
/// hear of the new namespace, then one round trip of its own and one of the publisher's.
const SHORTEST_DRAIN: Duration = Duration::from_secs(3);
/// It is left after this, however long the round trip is.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Begins to replace the live session, unless that is under way.
    pub(super) fn replace_session(&mut self, cause: CauseKind) {
        let Some(leg) = self.legs.active().filter(|_| self.is_live()) else { return };
        if self.attempts.is_some() {
            return;
        }
        let relay = leg.relay.clone();
        self.stop_rendezvous();
        self.resources.relays.set_home(&relay);
        self.refresh_directory();
        self.telemetry.replacements += 1;
        self.telemetry.replacements_open += 1;
        self.out.event(Event::SessionReplacing { cause });
        let (purpose, resources) = (Purpose::Replace, &mut self.resources);
        self.attempts = Some(ConnectAttempts::start(purpose, Duration::ZERO, resources, cx!(self)));
    }

    /// The successor lacks nothing: it takes over, and the old session drains.
    pub(super) fn promote_successor(&mut self) {
        self.earn_retry_budget();
        let now = self.now;
        let drain = (self.monitor.rtt() * 6).clamp(SHORTEST_DRAIN, LONGEST_DRAIN);
        if let Some(old) = self.legs.active_mut() {
            old.role = Role::Draining { since: now, until: now + drain };
        }
        self.take_over();
        let stable_at = Some(now + self.config.policy.stable_after);
        self.legs.set_stage(Stage::Up { stable_at });
        if let Some(attempts) = self.attempts.take() {
            let (duration, made) = (now - attempts.started, attempts.made);
            self.telemetry.replacements_done += 1;
            self.telemetry.replacements_open -= 1;
            self.out.event(Event::SessionReplaced { duration, attempts: made });
        }
        self.resources.credentials.accepted();
        if let Some(leg) = self.legs.active() {
            self.resources.relays.set_home(&leg.relay);
        }
        self.attach_tracks();
    }

    /// The old session is lost before its successor lacks nothing: that one carries the call as
    /// soon as it has passed the readiness gate.
    pub(super) fn promote_in_need(&mut self) {
        if self.legs.successor().is_some() {
            if let Some(attempts) = &mut self.attempts {
                attempts.cancel(&mut self.legs, cx!(self));
            }
            self.take_over();
        }
    }

    /// The successor is the active leg from now on. Whom its relay does not know is not here.
    fn take_over(&mut self) {
        self.moved_from = None;
        if let Some(leg) = self.legs.with_mut(Role::Successor).next() {
            leg.role = Role::Active;
        }
        self.note_absent_participants();
    }

    /// The successor was lost before it took over: the planned change continues with another
    /// attempt, and the call is not affected.
    pub(super) fn successor_failed(&mut self, cause: Cause) {
        let Some(leg) = self.legs.successor() else { return };
        let (id, relay, credential_version) = (leg.id, leg.relay.clone(), leg.credential_version);
        let final_code = self.final_code_for(&cause, &relay, credential_version);
        self.remove_leg(id);
        if let Some(attempts) = &mut self.attempts {
            attempts.session_lost(id, cause, &mut self.resources, cx!(self));
        }
        match final_code {
            Some(code) => self.fail(code),
            None => self.advance_attempts(),
        }
    }

    /// Continues on the session that was to be replaced, if it works; `true` if it does.
    pub(super) fn keep_session(&mut self) -> bool {
        if !self.is_live() {
            return false;
        }
        let Some(mut attempts) = self.attempts.take() else { return false };
        attempts.cancel(&mut self.legs, cx!(self));
        if let Some(successor) = self.legs.successor().map(|leg| leg.id) {
            self.close_leg(successor);
        }
        if let Some((session, _)) = self.legs.attached_mut()
            && let Some(renewal) = &mut session.renewal
        {
            renewal.failed(self.now);
        }
        // The session worked all the time: the budget is restored.
        self.resources.planned_budget = attempts.budget_at_start;
        self.telemetry.replacements_failed += 1;
        self.telemetry.replacements_open -= 1;
        let cause = attempts.last_failure.unwrap_or(Cause::new(CauseKind::TimedOut));
        self.out.event(Event::SessionKept { cause });
        true
    }

    /// Closes the sessions that have drained.
    pub(super) fn end_drains(&mut self) {
        let now = self.now;
        let is_over = |role| matches!(role, Role::Draining { until, .. } if now >= until);
        while let Some(id) = self.legs.first_where(|leg| is_over(leg.role)) {
            self.close_leg(id);
        }
    }

    /// A leg is gone, and what its session was asked with it.
    pub(super) fn remove_leg(&mut self, id: SessionId) {
        let Some(leg) = self.legs.remove(id) else { return };
        if let Phase::Open(..) = leg.phase {
            self.fetch_responses.session_gone(id);
            for track in &mut self.subscribed {
                track.session_gone(id, self.legs.flows_elsewhere(track.id, id));
            }
        }
    }
}
