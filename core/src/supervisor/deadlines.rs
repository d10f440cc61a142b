//! Deadlines: which one is next, and what happens when one is due.

use super::Supervisor;
use crate::api::deadline::WakeReason;
use crate::api::error::{Cause, CauseKind};
use crate::api::stats::Outcome;
use crate::api::time::Timestamp;
use crate::connect::RetryBudget;
use crate::context::cx;
use crate::context::soonest::{Soonest, soonest};
use crate::session::{CredentialRenewal, Session};
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

/// How many rounds of due deadlines one input may fire. The bound is far above what can happen: a
/// mistake costs ticks instead of an endless loop.
const MOST_AT_ONCE: usize = 32;

impl Supervisor {
    /// The next deadline, and its reason.
    pub(super) fn next_wake(&self) -> Option<(Timestamp, WakeReason)> {
        let State::Live { session, .. } = &self.state else { return self.next_deadline };
        let path = (session.path_deadline(), WakeReason::Session);
        match self.next_deadline {
            Some(next) if next.0 < path.0 => Some(next),
            Some(_) | None => Some(path),
        }
    }

    /// The next deadline, without that of a live session's path.
    pub(super) fn compute_next_deadline(&self) -> Option<(Timestamp, WakeReason)> {
        let of_state = self.deadline_of_state()?;
        let pre_call = self.pre_call.as_ref().map(|pre_call| pre_call.deadline(self.is_live()));
        let track = self.subscribed.iter().filter_map(SubscribedTrack::reception_deadline).min();
        of_state.or(WakeReason::PreCall, pre_call).or(WakeReason::Track, track).get()
    }

    /// The deadlines of the state; `None` if the call is idle or over, and has none at all.
    fn deadline_of_state(&self) -> Option<Soonest> {
        let none = Soonest::default();
        Some(match &self.state {
            State::Idle | State::Failed(_) | State::Closed(_) => return None,
            State::Connecting(attempts) => none.or(WakeReason::Attempt, attempts.deadline()),
            State::Joining { session, deadline, .. } => none
                .or(WakeReason::Join, *deadline)
                .or(WakeReason::Session, session.path_deadline())
                .or(WakeReason::Session, self.request_deadline(session))
                .or(WakeReason::Rendezvous, session.rendezvous.deadline()),
            State::Live { session, stable_at } => none
                .or(WakeReason::Stable, *stable_at)
                .or(WakeReason::Quality, self.monitor.deadline())
                .or(WakeReason::Session, self.request_deadline(session))
                .or(WakeReason::Ringing, self.ringing.deadline())
                .or(WakeReason::Idle, self.idle_at())
                .or(WakeReason::Rendezvous, session.rendezvous.deadline())
                .or(WakeReason::Session, session.renewal.as_ref().map(CredentialRenewal::deadline)),
            State::Suspect { session, attempts, grace_ends } => none
                .or(WakeReason::Attempt, attempts.deadline())
                .or(WakeReason::Session, session.path_deadline())
                .or(WakeReason::Grace, *grace_ends),
            State::Recovering { attempts, old } => none
                .or(WakeReason::Attempt, attempts.deadline())
                .or(WakeReason::Session, old.as_ref().map(Session::path_deadline)),
        })
    }

    /// The next deadline of requests to the relay: answers, retries, presence, and paced responses.
    fn request_deadline(&self, session: &Session) -> Option<Timestamp> {
        let rejoin = self.config.rejoin_timeout;
        let presence = self.participants.iter().filter_map(|remote| remote.deadline(rejoin)).min();
        soonest([session.requests.deadline(), presence, self.fetch_responses.deadline()])
    }

    /// When the call closes itself unless media is sent or received until then.
    fn idle_at(&self) -> Option<Timestamp> {
        self.config.idle_timeout.map(|idle| self.last_media + idle)
    }

    /// Fires all deadlines that are due, and those that become due by that.
    pub(super) fn fire_deadlines(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            if self.next_wake().is_none_or(|(at, _)| self.now < at) {
                return;
            }
            self.advance_all();
        }
    }

    // Seldom called: not inlined into the path of every input.
    #[inline(never)]
    fn advance_all(&mut self) {
        // Nearly every deadline of a live call is a probe of its path, with nothing else due.
        if let State::Live { session, .. } = &mut self.state
            && self.next_deadline.is_none_or(|(at, _)| self.now < at)
        {
            return session.advance_path(None, cx!(self));
        }
        self.advance_state();
        self.advance_receptions();
        self.complete_joining();
        self.advance_pre_call();
        self.reschedule();
    }

    /// Starts probes and repairs that are possible now, and computes the next deadline.
    pub(super) fn reschedule(&mut self) {
        self.advance_rendezvous();
        self.repair_tracks();
        self.next_deadline = self.compute_next_deadline();
    }

    fn advance_state(&mut self) {
        let now = self.now;
        match &mut self.state {
            State::Connecting(_) | State::Recovering { .. } => self.advance_attempts(),
            State::Suspect { grace_ends, .. } => {
                let over = now >= *grace_ends;
                self.advance_attempts();
                if over {
                    self.end_grace();
                }
            }
            State::Joining { deadline, .. } => {
                let over = now >= *deadline;
                self.advance_session();
                if over && self.relay_has_agreed() {
                    self.open_gate();
                } else if over {
                    self.abandon_session(Cause::new(CauseKind::NotReady));
                }
            }
            State::Live { session, stable_at, .. } => {
                if stable_at.is_some_and(|at| now >= at) {
                    *stable_at = None;
                    self.resources.retry_budget = RetryBudget::default();
                    self.telemetry.consecutive_disconnects = 0;
                    self.resources.relays.set_home(&session.relay);
                }
                self.advance_session();
                self.renew();
                self.rate_quality();
                if self.idle_at().is_some_and(|at| now >= at) {
                    self.end(Outcome::Idle);
                } else if self.ringing.advance(cx!(self)) {
                    self.nobody_answered();
                }
            }
            State::Idle | State::Failed(_) | State::Closed(_) => {}
        }
    }

    pub(super) fn advance_session(&mut self) {
        let Some(session) = self.state.session_mut() else {
            return;
        };
        session.advance_path(None, cx!(self));
        session.advance_namespace(&mut self.next_epoch, cx!(self));
        if self.advance_participants() {
            self.follow_epochs();
        }
        let Some(session) = self.state.session_mut() else { return };
        session.advance_publications(&mut self.published, cx!(self));
        self.fetch_responses.advance(&mut self.published, cx!(self));
        session.advance_subscriptions(&mut self.subscribed, cx!(self));
    }

    pub(super) fn rate_quality(&mut self) {
        if self.monitor.is_due(self.now, self.config.quality_interval) {
            let measured = self.subscribed.iter_mut().filter_map(SubscribedTrack::measure);
            self.monitor.rate(measured, cx!(self));
        }
    }
}
