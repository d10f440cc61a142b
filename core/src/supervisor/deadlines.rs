//! What time brings: which deadline is next, and what is done when one is due.

use super::Supervisor;
use crate::api::deadline::WakeReason;
use crate::api::error::{Cause, CauseKind};
use crate::api::stats::Outcome;
use crate::api::time::Timestamp;
use crate::connect::RetryBudget;
use crate::context::cx;
use crate::context::soonest::Soonest;
use crate::publish::PublishedTrack;
use crate::session::{CredentialRenewal, Session};
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

/// How often deadlines may make others due at one moment. Far more than can happen: what would be
/// an endless loop by mistake costs a tick instead.
const MOST_AT_ONCE: usize = 32;

impl Supervisor {
    /// The next deadline, and whose it is.
    pub(super) fn next_wake(&self) -> Option<(Timestamp, WakeReason)> {
        let State::Live { session, .. } = &self.state else { return self.next_deadline };
        let path = Soonest::default().or(WakeReason::Session, session.path_deadline());
        self.next_deadline.map_or(path, |(at, reason)| path.or(reason, at)).get()
    }

    /// The same, but for the path of a live session.
    pub(super) fn compute_next_deadline(&self) -> Option<(Timestamp, WakeReason)> {
        let of_state = self.deadline_of_state()?;
        let pre_call = self.pre_call.as_ref().map(|test| test.deadline(self.is_live()));
        let track = self.subscribed.iter().filter_map(SubscribedTrack::reception_deadline).min();
        of_state.or(WakeReason::PreCall, pre_call).or(WakeReason::Track, track).get()
    }

    /// What the state waits for; `None` if it waits for nothing, and never will.
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
            State::Suspect { session, attempts, tell_at } => none
                .or(WakeReason::Attempt, attempts.deadline())
                .or(WakeReason::Session, session.path_deadline())
                .or(WakeReason::Grace, *tell_at),
            State::Recovering { attempts, silent } => none
                .or(WakeReason::Attempt, attempts.deadline())
                .or(WakeReason::Session, silent.as_ref().map(Session::path_deadline)),
        })
    }

    /// When something is to be asked of the relay again, or of a publisher, or said again.
    fn request_deadline(&self, session: &Session) -> Option<Timestamp> {
        let tracks = self.published.iter().filter_map(PublishedTrack::deadline);
        let subscriptions = self.subscribed.iter().filter_map(SubscribedTrack::deadline);
        let namespace_subscriptions = self
            .participants
            .iter()
            .filter_map(|remote| remote.deadline(self.config.rejoin_timeout));
        let fetch_responses = self.fetch_responses.deadline().into_iter();
        let all = tracks.chain(subscriptions).chain(namespace_subscriptions).chain(fetch_responses);
        all.chain(session.namespace_deadline()).min()
    }

    /// When the call closes itself if no media goes either way until then.
    fn idle_at(&self) -> Option<Timestamp> {
        self.config.idle_timeout.map(|idle| self.last_media + idle)
    }

    /// Does all that is due, and what that makes due in turn.
    pub(super) fn fire_deadlines(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            if self.next_wake().is_none_or(|(at, _)| self.now < at) {
                return;
            }
            self.advance_all();
        }
    }

    // Seldom called, and kept out of what every input goes through.
    #[inline(never)]
    fn advance_all(&mut self) {
        // Of a live call this is nearly every deadline: its path is to be looked at, and nothing else is due.
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

    /// Begins what has become possible, and works out what is due next.
    pub(super) fn reschedule(&mut self) {
        self.advance_rendezvous();
        self.repair_tracks();
        self.next_deadline = self.compute_next_deadline();
    }

    fn advance_state(&mut self) {
        let now = self.now;
        match &mut self.state {
            State::Connecting(_) | State::Recovering { .. } => self.advance_attempts(),
            State::Suspect { tell_at, .. } => {
                let over = now >= *tell_at;
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
        let id = session.id;
        session.advance(&mut self.next_epoch, cx!(self));
        let mut expected_otherwise = false;
        for remote in &mut self.participants {
            expected_otherwise |= remote.advance(id, cx!(self));
        }
        if expected_otherwise {
            self.follow_epochs();
        }
        for track in &mut self.published {
            track.advance(id, cx!(self));
        }
        self.fetch_responses.advance(&mut self.published, cx!(self));
        for track in &mut self.subscribed {
            track.advance(id, cx!(self));
        }
    }

    pub(super) fn rate_quality(&mut self) {
        if self.monitor.is_due(self.now, self.config.quality_interval) {
            let measured = self.subscribed.iter_mut().filter_map(SubscribedTrack::measure);
            self.monitor.rate(measured, cx!(self));
        }
    }
}
