//! The attempts to get a session: paced and bounded by the policy. At most `racing` dials are in
//! flight at once.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::time::Timestamp;
use crate::connect::dial::Dial;
use crate::connect::resources::ConnectResources;
use crate::connect::retry_budget::RetryBudget;
use crate::context::Context;
use crate::context::soonest::soonest;

/// How often the renewal of a session is retried on its own relay before other relays are tried.
const RENEWALS_AT_ONE_RELAY: u32 = 3;

/// Bounds of the time for which a session on another relay waits for the home relay. Within them it
/// waits for 1.5 times as long as its own dial took, and at least for three round trips of the path
/// to home that was lost. Home needs two.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The incident that a series of attempts recovers from.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: IncidentId,
    pub(crate) cause: Cause,
    pub(crate) since: Timestamp,
}

/// One series of attempts, from the first dial to a joined session or to the end of the call.
#[derive(Clone, Debug)]
pub(crate) struct ConnectAttempts {
    /// What the call recovers from; `None` while the call is set up for the first time.
    pub(crate) incident: Option<Incident>,
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
    dials: Vec<Dial>,
    /// The dial that has become a session on another relay and waits for the home relay. The wait
    /// ends at the dial's `deadline`.
    fallback: Option<SessionId>,
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
        incident: Option<Incident>,
        head_start: Duration,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Self {
        let policy = &cx.config.policy;
        let mut attempts = Self {
            incident,
            started: cx.now,
            budget_at_start: resources.retry_budget.clone(),
            made: 0,
            first_failure: None,
            last_failure: None,
            window_ends: cx.now + policy.window,
            next_attempt: None,
            without_head_start: None,
            waits_for_slot: false,
            dials: Vec::new(),
            fallback: None,
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

    pub(crate) fn incident_id(&self) -> Option<IncidentId> {
        self.incident.as_ref().map(|incident| incident.id)
    }

    fn cause(&self) -> Option<CauseKind> {
        self.incident.as_ref().map(|incident| incident.cause.kind)
    }

    /// Whether nothing was lost: the application or a renewal wants a fresh session.
    pub(crate) fn is_voluntary(&self) -> bool {
        matches!(self.cause(), Some(CauseKind::Requested | CauseKind::CredentialRenewed))
    }

    /// Which relay gets the next attempt, counted from the home relay. A renewal is no reason to
    /// leave a relay, unless that cannot be reached.
    fn relay_index(&self, retry_budget: &RetryBudget) -> u32 {
        match self.cause() {
            Some(CauseKind::CredentialRenewed) => self.made.saturating_sub(RENEWALS_AT_ONE_RELAY),
            _ => retry_budget.attempts,
        }
    }

    pub(crate) fn window_ends(&self) -> Timestamp {
        self.window_ends
    }

    /// The dial of `session`, if it has been sent.
    pub(crate) fn dialing(&self, session: SessionId) -> Option<&Dial> {
        self.dials.iter().find(|dial| dial.is_in_flight(session))
    }

    /// The provider answered with a credential for `relay`: the dials that waited for it are sent.
    pub(crate) fn credential_arrived(
        &mut self,
        relay: &str,
        resources: &ConnectResources,
        cx: &mut Context<'_>,
    ) {
        for dial in self.dials.iter_mut().filter(|dial| dial.waits_for(relay)) {
            dial.send_pending(resources, cx);
        }
    }

    /// The provider has no credential: the dials that waited for it fail. Returns whether any did.
    pub(crate) fn credential_failed(
        &mut self,
        relay: &str,
        cause: &Cause,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut any = false;
        while let Some(dial) = self.dials.iter().find(|dial| dial.waits_for(relay)) {
            let session = dial.session;
            self.failed(session, cause.clone(), cx);
            any = true;
        }
        any
    }

    #[cfg(debug_assertions)]
    pub(crate) fn in_flight(&self) -> usize {
        self.dials.len()
    }

    /// When an attempt, a timeout or the window's end is due; at once if nothing is left to try.
    pub(crate) fn deadline(&self) -> Timestamp {
        if self.progress() != Progress::Running {
            return self.started;
        }
        let dials = self.dials.iter().map(|dial| dial.deadline).min();
        soonest([self.next_attempt, dials]).map_or(self.window_ends, |at| at.min(self.window_ends))
    }

    /// Times out late dials and makes the attempt that is due.
    pub(crate) fn advance(
        &mut self,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Progress {
        if let Some(fallback) = self.fallback_by(cx.now) {
            return Progress::UseFallback(fallback);
        }
        while let Some(late) = self.dials.iter().position(|dial| dial.deadline <= cx.now) {
            let session = self.dials[late].session;
            self.dials[late].close(cx);
            let kind = self.dials[late].timeout_cause();
            self.failed(session, Cause::new(kind), cx);
            self.plan_next(resources, cx);
        }
        if cx.now >= self.window_ends {
            return Progress::Exhausted;
        }
        if self.next_attempt.is_some_and(|at| at <= cx.now) {
            self.attempt(resources, cx);
        }
        self.progress()
    }

    /// The session that waits for the home relay, if its wait is over at `now`.
    fn fallback_by(&self, now: Timestamp) -> Option<SessionId> {
        let over = |dial: &&Dial| Some(dial.session) == self.fallback && dial.deadline <= now;
        self.dials.iter().find(over).map(|dial| dial.session)
    }

    /// Makes the first attempt: the answer about relays that it waited for has arrived.
    pub(crate) fn begin(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if self.made == 0 {
            self.attempt_now(resources, cx);
        }
    }

    /// Makes the planned attempt now, unless one is in flight: repeated calls add no attempts.
    pub(crate) fn attempt_now(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if self.dials.is_empty() && self.next_attempt.is_some() {
            self.attempt(resources, cx);
        }
    }

    /// A dial failed. An outdated `session` changes nothing.
    pub(crate) fn failed(&mut self, session: SessionId, cause: Cause, cx: &mut Context<'_>) {
        let Some(index) = self.dials.iter().position(|dial| dial.session == session) else {
            return;
        };
        self.dials.remove(index);
        self.fallback.take_if(|fallback| *fallback == session);
        cx.telemetry.attempts_in_flight -= 1;
        cx.telemetry.attempts_failed += 1;
        self.note_failure(session, cause, cx);
    }

    /// Makes or plans the attempt that follows a failed one.
    pub(crate) fn plan_next(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if self.fallback.is_some() {
            return;
        }
        if self.waits_for_slot && cx.now < self.window_ends {
            self.attempt(resources, cx);
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
        session: SessionId,
        rtt: Duration,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> bool {
        let home = String::from(resources.relays.home(cx.config));
        let Some(index) = self.dials.iter().position(|dial| dial.is_in_flight(session)) else {
            return false;
        };
        if self.fallback == Some(session) {
            return true;
        }
        // Sessions come up and drop: the home relay is not worth a wait.
        let had_session =
            mem::replace(&mut self.had_session, true) || self.budget_at_start.attempts > 0;
        if had_session || cx.config.policy.racing == 1 || self.dials[index].relay == home {
            return false;
        }
        let took = cx.now - self.dials[index].since;
        let wait = (took * 3 / 2).max(rtt.saturating_mul(3)).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.dials[index].deadline = (cx.now + wait).min(self.window_ends);
        self.fallback = Some(session);
        self.cancel_where(|dial| dial.session != session && dial.relay != home, cx);
        let policy = &cx.config.policy;
        if resources.retry_budget.attempts < policy.attempts
            && self.dials.len() < usize::from(policy.racing)
        {
            self.attempt_at(home, resources, cx);
        }
        self.next_attempt = None;
        self.waits_for_slot = false;
        self.progress() == Progress::Running
    }

    /// The session that is up on another relay, and waits for the home relay.
    pub(crate) fn fallback(&self) -> Option<SessionId> {
        self.fallback
    }

    /// Takes the dial whose session the call uses: the race is over, and other dials are closed.
    pub(crate) fn take_winner(&mut self, session: SessionId, cx: &mut Context<'_>) -> Option<Dial> {
        let index = self.dials.iter().position(|dial| dial.is_in_flight(session))?;
        let dial = self.dials.remove(index);
        cx.telemetry.attempts_in_flight -= 1;
        cx.telemetry.attempts_succeeded += 1;
        cx.out.event(Event::AttemptSucceeded { incident: self.incident_id(), session });
        self.cancel(cx);
        Some(dial)
    }

    /// Closes every dial and plans no further attempt.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) {
        self.next_attempt = None;
        self.waits_for_slot = false;
        self.fallback = None;
        self.cancel_where(|_| true, cx);
    }

    fn cancel_where(&mut self, is_one: impl Fn(&Dial) -> bool, cx: &mut Context<'_>) {
        for dial in self.dials.extract_if(.., |dial| is_one(dial)) {
            cx.telemetry.attempts_in_flight -= 1;
            cx.telemetry.attempts_cancelled += 1;
            dial.close(cx);
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        match self.fallback {
            Some(session) if self.dials.len() == 1 => Progress::UseFallback(session),
            None if self.dials.is_empty() && self.next_attempt.is_none() => Progress::Exhausted,
            Some(_) | None => Progress::Running,
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
        let at_once = resources.retry_budget.is_whole()
            && (policy.immediate_first || self.incident.is_none());
        let at =
            if at_once { cx.now } else { cx.now + resources.retry_budget.pause(policy, cx.rng) };
        let allowed = resources.retry_budget.attempts < policy.attempts && at < self.window_ends;
        self.next_attempt = allowed.then_some(at);
    }

    fn attempt(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        if self.dials.len() >= usize::from(policy.racing) {
            // Each dial gets its full timeout: on a long path, a handshake takes several pauses.
            self.next_attempt = self.dials.iter().map(|dial| dial.deadline).min();
            self.waits_for_slot = true;
            return;
        }
        self.waits_for_slot = false;
        let relay = String::from(
            resources.relays.relay(self.relay_index(&resources.retry_budget), cx.config),
        );
        self.attempt_at(relay, resources, cx);
        self.next_attempt = None;
        if policy.racing > 1 {
            self.schedule(resources, cx);
        }
    }

    fn attempt_at(
        &mut self,
        relay: String,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        resources.retry_budget.attempts += 1;
        self.made += 1;
        cx.telemetry.attempts += 1;
        cx.telemetry.attempts_in_flight += 1;
        let dial = Dial::new(relay.clone(), cx);
        cx.out.event(Event::AttemptStarted {
            incident: self.incident_id(),
            attempt: resources.retry_budget.attempts,
            of: cx.config.policy.attempts,
            session: dial.session,
            relay,
        });
        self.dials.push(dial.start(resources, cx));
    }
}
