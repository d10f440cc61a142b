//! The attempts to get a session: paced and bounded by the policy. Each is a leg that races to
//! carry the call; at most `racing` of them are there at once.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::api::error::Cause;
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::time::Timestamp;
use crate::connect::{ConnectResources, RetryBudget};
use crate::context::Context;
use crate::context::soonest::soonest;
use crate::session::{Leg, Legs, Phase, Role};
use crate::supervisor::connecting::purpose::{Incident, Purpose};

/// How often a planned change is retried on the session's own relay before other relays are tried.
const CHANGES_AT_ONE_RELAY: u32 = 3;

/// Bounds of the time for which a session on another relay waits for the home relay. Within them it
/// waits for 1.5 times as long as its own dial took, and at least for three round trips of the path
/// to home that was lost. Home needs two.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// One series of attempts, from the first dial to a joined session or to the end of the call.
#[derive(Clone, Debug)]
pub(crate) struct ConnectAttempts {
    pub(crate) purpose: Purpose,
    pub(crate) started: Timestamp,
    /// The retry budget as it was when this series began.
    pub(crate) budget_at_start: RetryBudget,
    /// Attempts of this series alone; the retry budget counts those of earlier series, too.
    pub(crate) made: u32,
    /// The causes of the first failed attempt and of the last one.
    pub(crate) first_failure: Option<Cause>,
    pub(crate) last_failure: Option<Cause>,
    window_ends: Timestamp,
    next_attempt: Option<Timestamp>,
    /// When the first attempt is due by the policy alone.
    without_head_start: Option<Timestamp>,
    /// Whether the next attempt is due, and waits until one in flight ends.
    waits_for_slot: bool,
    /// Whether this series had a session already: the next one is used on whichever relay it is.
    had_session: bool,
}

/// The progress of a series of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// An attempt is in flight or planned.
    Running,
    /// The attempts or the window are used up.
    Exhausted,
    /// That session is up, and no better one is expected.
    UseFallback(SessionId),
}

impl ConnectAttempts {
    /// `head_start`: how long the first dial waits, for the old path to recover by migration or for
    /// the relay list.
    pub(crate) fn start(
        purpose: Purpose,
        head_start: Duration,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Self {
        let policy = &cx.config.policy;
        let budget_at_start = match purpose {
            Purpose::SetUp | Purpose::Recover(_) => resources.retry_budget.clone(),
            Purpose::Replace => resources.planned_budget.clone(),
        };
        let mut attempts = Self {
            purpose,
            started: cx.now,
            budget_at_start,
            made: 0,
            first_failure: None,
            last_failure: None,
            window_ends: cx.now + policy.window,
            next_attempt: None,
            without_head_start: None,
            waits_for_slot: false,
            had_session: false,
        };
        attempts.schedule(resources, cx);
        attempts.without_head_start = attempts.next_attempt;
        attempts.next_attempt = attempts.next_attempt.map(|at| at.max(cx.now + head_start));
        attempts
    }

    /// The old path cannot recover any more: the first attempt does not wait for it.
    pub(crate) fn end_head_start(&mut self) {
        if self.made == 0 {
            self.next_attempt = self.without_head_start;
        }
    }

    /// The session that was to be replaced is lost, or silent: the call recovers from an incident
    /// now, and dials that are in flight stay.
    pub(crate) fn become_recovery(
        &mut self,
        incident: Incident,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        self.purpose = Purpose::Recover(incident);
        (self.started, self.made) = (cx.now, 0);
        self.budget_at_start = resources.retry_budget.clone();
        self.window_ends = cx.now + cx.config.policy.window;
        self.schedule(resources, cx);
        self.without_head_start = self.next_attempt;
    }

    pub(crate) fn incident(&self) -> Option<&Incident> {
        match &self.purpose {
            Purpose::Recover(incident) => Some(incident),
            Purpose::SetUp | Purpose::Replace => None,
        }
    }

    pub(crate) fn incident_id(&self) -> Option<IncidentId> {
        self.incident().map(|incident| incident.id)
    }

    /// Why the call is not connected: the cause of the incident, or of the first failed attempt.
    pub(crate) fn root_cause(&self) -> Option<Cause> {
        let incident = self.incident().map(|incident| incident.cause.clone());
        incident.or_else(|| self.first_failure.clone())
    }

    pub(crate) fn is_planned(&self) -> bool {
        matches!(self.purpose, Purpose::Replace)
    }

    fn budget<'a>(&self, resources: &'a mut ConnectResources) -> &'a mut RetryBudget {
        match self.purpose {
            Purpose::SetUp | Purpose::Recover(_) => &mut resources.retry_budget,
            Purpose::Replace => &mut resources.planned_budget,
        }
    }

    /// Which relay gets the next attempt, counted from the home relay. A planned change is no
    /// reason to leave a relay, unless that cannot be reached.
    fn relay_index(&self, resources: &ConnectResources) -> u32 {
        match self.purpose {
            Purpose::SetUp | Purpose::Recover(_) => resources.retry_budget.attempts,
            Purpose::Replace => self.made.saturating_sub(CHANGES_AT_ONE_RELAY),
        }
    }

    pub(crate) fn window_ends(&self) -> Timestamp {
        self.window_ends
    }

    /// The provider has no credential: the candidates that waited for it fail. Returns whether any
    /// did.
    pub(crate) fn credential_failed(
        &mut self,
        relay: &str,
        cause: &Cause,
        legs: &mut Legs,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut any = false;
        while let Some(leg) = legs.find(Role::Candidate, |leg| leg.waits_for(relay)) {
            let id = leg.id;
            self.failed(id, cause.clone(), legs, cx);
            any = true;
        }
        any
    }

    /// When an attempt, a timeout or the window's end is due; at once if nothing is left to try.
    pub(crate) fn deadline(&self, legs: &Legs) -> Timestamp {
        if self.progress(legs) != Progress::Running {
            return self.started;
        }
        let candidates = legs.first_until(Role::Candidate);
        let next = soonest([self.next_attempt, candidates]);
        next.map_or(self.window_ends, |at| at.min(self.window_ends))
    }

    /// Times out late dials and makes the attempt that is due.
    pub(crate) fn advance(
        &mut self,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Progress {
        let now = cx.now;
        let is_late = |leg: &Leg| leg.until().is_some_and(|until| until <= now);
        if let Some(fallback) = fallback(legs).filter(|leg| is_late(leg)) {
            return Progress::UseFallback(fallback.id);
        }
        while let Some(late) = legs.find(Role::Candidate, is_late) {
            late.close(cx);
            let (id, kind) = (late.id, late.timeout_cause());
            self.failed(id, Cause::new(kind), legs, cx);
            self.plan_next(legs, resources, cx);
        }
        if cx.now >= self.window_ends {
            return Progress::Exhausted;
        }
        if self.next_attempt.is_some_and(|at| at <= cx.now) {
            self.attempt(legs, resources, cx);
        }
        self.progress(legs)
    }

    /// Makes the first attempt: the answer about relays that it waited for has arrived.
    pub(crate) fn begin(
        &mut self,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        if self.made == 0 {
            self.attempt_now(legs, resources, cx);
        }
    }

    /// Makes the planned attempt now, unless one is in flight: repeated calls add no attempts.
    pub(crate) fn attempt_now(
        &mut self,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        if legs.with(Role::Candidate).next().is_none() && self.next_attempt.is_some() {
            self.attempt(legs, resources, cx);
        }
    }

    /// A candidate failed. An outdated `id` changes nothing.
    pub(crate) fn failed(
        &mut self,
        id: SessionId,
        cause: Cause,
        legs: &mut Legs,
        cx: &mut Context<'_>,
    ) {
        if legs.get(id).is_some_and(|leg| leg.role == Role::Candidate) {
            legs.remove(id);
            cx.telemetry.attempts_in_flight -= 1;
            cx.telemetry.attempts_failed += 1;
            self.note_failure(id, cause, cx);
        }
    }

    /// Makes or plans the attempt that follows a failed one.
    pub(crate) fn plan_next(
        &mut self,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        if fallback(legs).is_some() {
            return;
        }
        if self.waits_for_slot && cx.now < self.window_ends {
            self.attempt(legs, resources, cx);
        } else if self.next_attempt.is_none() {
            self.schedule(resources, cx);
        }
    }

    /// A session that an attempt had led to was lost before it had joined: the series continues.
    pub(crate) fn session_lost(
        &mut self,
        session: SessionId,
        cause: Cause,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        self.had_session = true;
        self.note_failure(session, cause, cx);
        self.schedule(resources, cx);
    }

    /// A dial succeeded. If it reached another relay, the home relay gets a moment to answer, once:
    /// the others are most likely on it, and to learn that later costs them and us seconds. Home is
    /// dialled anew, because a fresh dial has seen nothing of the outage. `rtt` is that of the path
    /// that was lost. Returns whether the session waits.
    pub(crate) fn wait_for_home(
        &mut self,
        id: SessionId,
        rtt: Duration,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(leg) = legs.get_mut(id).filter(|leg| leg.role == Role::Candidate) else {
            return false;
        };
        let since = match leg.phase {
            Phase::Dialing { awaits_credential: false, since, .. } => since,
            Phase::Reached { .. } => return true,
            Phase::Dialing { .. } | Phase::Open(..) => return false,
        };
        let home = resources.relays.home(cx.config);
        // Sessions come up and drop: the home relay is not worth a wait.
        let had_session =
            mem::replace(&mut self.had_session, true) || self.budget_at_start.attempts > 0;
        if had_session || cx.config.policy.racing == 1 || leg.relay == home {
            return false;
        }
        let took = cx.now - since;
        let wait = (took * 3 / 2).max(rtt.saturating_mul(3)).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let until = (cx.now + wait).min(self.window_ends);
        leg.phase = Phase::Reached { until, participants: Vec::new() };
        let home = String::from(home);
        self.cancel_where(|leg| leg.id != id && leg.relay != home, legs, cx);
        let policy = &cx.config.policy;
        if self.budget(resources).attempts < policy.attempts
            && legs.with(Role::Candidate).count() < usize::from(policy.racing)
        {
            self.attempt_at(home, legs, resources, cx);
        }
        self.next_attempt = None;
        self.waits_for_slot = false;
        self.progress(legs) == Progress::Running
    }

    /// The race is won: the session of `winner` is joined in `role`, and other candidates are
    /// closed.
    pub(crate) fn won(
        &mut self,
        winner: SessionId,
        role: Role,
        legs: &mut Legs,
        cx: &mut Context<'_>,
    ) {
        let until = (cx.now + cx.config.ready_timeout).min(self.window_ends);
        let Some(leg) = legs.get_mut(winner) else { return };
        leg.join(role, until, cx);
        cx.telemetry.attempts_in_flight -= 1;
        cx.telemetry.attempts_succeeded += 1;
        let incident = self.incident_id();
        cx.out.event(Event::AttemptSucceeded { incident, session: winner });
        self.cancel(legs, cx);
    }

    /// Closes every candidate and plans no further attempt.
    pub(crate) fn cancel(&mut self, legs: &mut Legs, cx: &mut Context<'_>) {
        self.next_attempt = None;
        self.waits_for_slot = false;
        self.cancel_where(|_| true, legs, cx);
    }

    fn cancel_where(
        &mut self,
        is_one: impl Fn(&Leg) -> bool,
        legs: &mut Legs,
        cx: &mut Context<'_>,
    ) {
        let closed = legs.close_where(Role::Candidate, is_one, cx);
        cx.telemetry.attempts_in_flight -= closed;
        cx.telemetry.attempts_cancelled += closed;
    }

    pub(crate) fn progress(&self, legs: &Legs) -> Progress {
        let mut candidates = legs.with(Role::Candidate);
        match (candidates.next(), candidates.next()) {
            (Some(leg), None) if leg.is_reached() => Progress::UseFallback(leg.id),
            (None, _) if self.next_attempt.is_none() => Progress::Exhausted,
            _ => Progress::Running,
        }
    }

    fn note_failure(&mut self, session: SessionId, cause: Cause, cx: &mut Context<'_>) {
        let incident = self.incident_id();
        cx.out.event(Event::AttemptFailed { incident, session, cause: cause.clone() });
        // A final cause was not final if another attempt followed: the credential was refreshed.
        let was_final = |first: &Cause| first.kind.final_code().is_some();
        if self.first_failure.as_ref().is_none_or(was_final) {
            self.first_failure = Some(cause.clone());
        }
        self.last_failure = Some(cause);
    }

    /// Plans the next attempt, unless the budget is used up or the window would be over by then.
    fn schedule(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        let is_set_up = matches!(self.purpose, Purpose::SetUp);
        let budget = self.budget(resources);
        let at_once = budget.is_whole() && (policy.immediate_first || is_set_up);
        let at = if at_once { cx.now } else { cx.now + budget.pause(policy, cx.rng) };
        let allowed = budget.attempts < policy.attempts && at < self.window_ends;
        self.next_attempt = allowed.then_some(at);
    }

    fn attempt(&mut self, legs: &mut Legs, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        if legs.with(Role::Candidate).count() >= usize::from(policy.racing) {
            // Each dial gets its full timeout: on a long path, a handshake takes several pauses.
            self.next_attempt = legs.first_until(Role::Candidate);
            self.waits_for_slot = true;
            return;
        }
        self.waits_for_slot = false;
        let relay = resources.relays.relay(self.relay_index(resources), cx.config);
        let relay = String::from(relay);
        self.attempt_at(relay, legs, resources, cx);
        self.next_attempt = None;
        if policy.racing > 1 {
            self.schedule(resources, cx);
        }
    }

    fn attempt_at(
        &mut self,
        relay: String,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        let budget = self.budget(resources);
        budget.attempts += 1;
        let attempt = budget.attempts;
        self.made += 1;
        cx.telemetry.attempts += 1;
        cx.telemetry.attempts_in_flight += 1;
        let leg = legs.add(Leg::new(relay.clone(), Role::Candidate, cx));
        cx.out.event(Event::AttemptStarted {
            incident: self.incident_id(),
            attempt,
            of: cx.config.policy.attempts,
            session: leg.id,
            relay,
        });
        leg.dial(resources, cx);
    }
}

/// The candidate that is up on another relay, and waits for the home relay.
pub(crate) fn fallback(legs: &Legs) -> Option<&Leg> {
    legs.find(Role::Candidate, Leg::is_reached)
}
