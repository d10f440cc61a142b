//! Deadlines: which one is next, and what happens when one is due.

use super::Supervisor;
use crate::api::deadline::WakeReason;
use crate::api::error::{Cause, CauseKind};
use crate::api::output::Output;
use crate::api::state_name::StateName;
use crate::api::stats::Outcome;
use crate::api::time::Timestamp;
use crate::connect::RetryBudget;
use crate::context::cx;
use crate::context::soonest::{Soonest, soonest};
use crate::session::{CredentialRenewal, Leg, Role, Session, Stage};
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::Life;

/// How many rounds of due deadlines one input may fire. The bound is far above what can happen: a
/// mistake costs ticks instead of an endless loop.
const MOST_AT_ONCE: usize = 32;

impl Supervisor {
    /// The next deadline, and its reason.
    pub(super) fn next_wake(&self) -> Option<(Timestamp, WakeReason)> {
        match (self.path_deadline, self.next_deadline) {
            (Some(path), Some(next)) if next.0 < path => Some(next),
            (Some(path), _) => Some((path, WakeReason::Session)),
            (None, next) => next,
        }
    }

    /// When the path of a live session is probed next.
    pub(super) fn live_path_deadline(&self) -> Option<Timestamp> {
        match self.legs.attached() {
            Some((session, Stage::Up { .. })) => Some(session.path_deadline()),
            _ => None,
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
        if !matches!(self.life, Life::Running) {
            return None;
        }
        let attempts = || self.attempts.as_ref().map(|attempts| attempts.deadline(&self.legs));
        let none = Soonest::default();
        let Some((session, stage)) = self.legs.attached() else {
            return Some(
                none.or(WakeReason::Attempt, attempts()).or(WakeReason::Session, self.beside()),
            );
        };
        let of_active = match stage {
            Stage::Joining { until } => none
                .or(WakeReason::Join, until)
                .or(WakeReason::Session, session.path_deadline())
                .or(WakeReason::Session, self.request_deadline(session))
                .or(WakeReason::Rendezvous, self.search.deadline(&self.legs)),
            Stage::Up { stable_at } => none
                .or(WakeReason::Stable, stable_at)
                .or(WakeReason::Quality, self.monitor.deadline())
                .or(WakeReason::Session, self.request_deadline(session))
                .or(WakeReason::Ringing, self.ringing.deadline())
                .or(WakeReason::Idle, self.idle_at())
                .or(WakeReason::Rendezvous, self.search.deadline(&self.legs))
                .or(WakeReason::Session, self.renewal_deadline(session))
                .or(WakeReason::Attempt, self.planned_deadline()),
            Stage::Suspect => none
                .or(WakeReason::Attempt, attempts())
                .or(WakeReason::Session, session.path_deadline())
                .or(WakeReason::Grace, self.grace_ends()),
        };
        Some(of_active.or(WakeReason::Session, self.beside()))
    }

    /// The next deadline of a planned change. While its session is joined, no attempt is made.
    fn planned_deadline(&self) -> Option<Timestamp> {
        let attempts = self.attempts.as_ref().filter(|_| self.legs.successor().is_none())?;
        Some(attempts.deadline(&self.legs))
    }

    /// The next deadline of the legs beside the active one.
    fn beside(&self) -> Option<Timestamp> {
        let of = |leg: &Leg, session: &Session, stage| {
            let path = Some(session.path_deadline());
            match (leg.role, stage) {
                (Role::Successor, Stage::Joining { until }) => {
                    soonest([path, session.requests.deadline(), Some(until)])
                }
                (Role::Draining { until, .. }, _) => soonest([path, Some(until)]),
                _ => None,
            }
        };
        self.legs.open().filter_map(|(leg, session, stage)| of(leg, session, stage)).min()
    }

    /// When another credential is queried for the active session. A planned change that is under
    /// way serves it, too.
    fn renewal_deadline(&self, session: &Session) -> Option<Timestamp> {
        let renewal = session.renewal.as_ref().filter(|_| self.attempts.is_none());
        renewal.map(CredentialRenewal::deadline)
    }

    /// When the outage is reported to the user, if it is not yet.
    fn grace_ends(&self) -> Option<Timestamp> {
        let incident = self.attempts.as_ref()?.incident()?;
        (self.announced == StateName::Suspect).then_some(incident.tell_at)
    }

    /// The next deadline of requests to the relay: answers, retries, presence, and paced responses.
    fn request_deadline(&self, session: &Session) -> Option<Timestamp> {
        let rejoin = self.config.rejoin_timeout;
        let presence = self.participants.iter().filter_map(|remote| remote.deadline(rejoin)).min();
        let responses = self.fetch_responses.deadline(|session| self.legs.is_fed(session));
        soonest([session.requests.deadline(), presence, responses])
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
        if let Some((session, Stage::Up { .. })) = self.legs.attached_mut()
            && self.next_deadline.is_none_or(|(at, _)| self.now < at)
        {
            session.advance_path(None, cx!(self));
            self.path_deadline = Some(session.path_deadline());
            return;
        }
        self.advance_state();
        self.advance_receptions();
        self.complete_joining();
        self.advance_pre_call();
        self.reschedule();
    }

    /// A deadline is known that may be earlier than all others.
    pub(super) fn lower_deadline(&mut self, reason: WakeReason, at: Option<Timestamp>) {
        if let Some(at) = at
            && self.next_deadline.is_none_or(|(known, _)| at < known)
        {
            self.next_deadline = Some((at, reason));
        }
    }

    /// Starts probes and repairs that are possible now, and computes the next deadline.
    pub(super) fn reschedule(&mut self) {
        self.advance_rendezvous();
        self.repair_tracks();
        self.next_deadline = self.compute_next_deadline();
        self.path_deadline = self.live_path_deadline();
    }

    fn advance_state(&mut self) {
        if !matches!(self.life, Life::Running) {
            return;
        }
        let now = self.now;
        self.end_drains();
        self.advance_beside();
        match self.legs.stage() {
            None => self.advance_attempts(),
            Some(Stage::Suspect) => {
                self.advance_attempts();
                // The grace may be over.
                self.announce();
            }
            Some(Stage::Joining { until }) => {
                self.advance_session();
                if now >= until && self.relay_has_agreed() {
                    self.open_gate();
                } else if now >= until {
                    self.abandon_session(Cause::new(CauseKind::NotReady));
                }
            }
            Some(Stage::Up { stable_at }) => {
                if stable_at.is_some_and(|at| now >= at) {
                    self.become_stable();
                }
                self.advance_session();
                self.advance_planned();
                self.renew();
                self.rate_quality();
                if self.idle_at().is_some_and(|at| now >= at) {
                    self.end(Outcome::Idle);
                } else if self.ringing.advance(cx!(self)) {
                    self.nobody_answered();
                }
            }
        }
    }

    /// The session has carried the call for long enough: the retry budget is whole again, and its
    /// relay is where the call belongs.
    fn become_stable(&mut self) {
        self.legs.set_stage(Stage::Up { stable_at: None });
        self.resources.retry_budget = RetryBudget::default();
        // A planned change that is under way stays within the budget that it began with.
        match &mut self.attempts {
            Some(planned) => planned.budget_at_start = RetryBudget::default(),
            None => self.resources.planned_budget = RetryBudget::default(),
        }
        self.telemetry.consecutive_disconnects = 0;
        if let Some(leg) = self.legs.active() {
            self.resources.relays.set_home(&leg.relay);
        }
    }

    /// Makes the attempts of a planned change. A successor that does not become ready in time
    /// fails.
    fn advance_planned(&mut self) {
        let successor = self.legs.open().find(|(leg, ..)| leg.role == Role::Successor);
        match successor.map(|(leg, _, stage)| (leg.id, stage)) {
            Some((id, Stage::Joining { until })) if self.now >= until => {
                self.out.push(Output::CloseSession { session: id });
                self.successor_failed(Cause::new(CauseKind::NotReady));
            }
            Some(_) => {}
            None => self.advance_attempts(),
        }
    }

    /// Probes the paths of the legs beside the active one.
    fn advance_beside(&mut self) {
        let active = self.legs.active().map(|leg| leg.id);
        for (session, _) in self.legs.sessions_mut() {
            if Some(session.id) != active {
                session.advance_path(None, cx!(self));
            }
        }
    }

    pub(super) fn advance_session(&mut self) {
        if let Some(session) = self.legs.current_mut() {
            session.advance_path(None, cx!(self));
        }
        for id in self.legs.attachable().into_iter().flatten() {
            if let Some((session, _)) = self.legs.session_mut(id) {
                session.advance_namespace(&mut self.next_epoch, cx!(self));
            }
        }
        if self.advance_participants() {
            self.follow_epochs();
        }
        for id in self.legs.attachable().into_iter().flatten() {
            if let Some((session, _)) = self.legs.session_mut(id) {
                session.advance_publications(&mut self.published, cx!(self));
            }
        }
        let is_fed = |session| self.legs.is_fed(session);
        self.fetch_responses.advance(&mut self.published, is_fed, cx!(self));
        for id in self.legs.attachable().into_iter().flatten() {
            for track in &mut self.subscribed {
                if let Some(mut source) = self.legs.source(track.id, id) {
                    track.advance(&mut source, cx!(self));
                }
            }
        }
    }

    pub(super) fn rate_quality(&mut self) {
        if self.monitor.is_due(self.now, self.config.quality_interval) {
            let measured = self.subscribed.iter_mut().filter_map(SubscribedTrack::measure);
            self.monitor.rate(measured, cx!(self));
        }
    }
}
