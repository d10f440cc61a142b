//! The attempts to get a session: paced, bounded, racing as far as the policy allows.

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

/// So often is the renewal of a session tried again where it is, before it is tried elsewhere.
const RENEWALS_AT_ONE_RELAY: u32 = 3;

/// A session that comes up elsewhere first waits for home, within these bounds: for as long as it took itself and
/// half of it more, and for three round trips of the path that home was last reached by. Home needs two.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The incident that a campaign is to end.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: IncidentId,
    pub(crate) cause: Cause,
    pub(crate) since: Timestamp,
}

/// One series of attempts, from the first dial to a joined session or to the end of the call.
#[derive(Clone, Debug)]
pub(crate) struct ConnectAttempts {
    /// What is being recovered from; `None` while the call is set up for the first time.
    pub(crate) incident: Option<Incident>,
    pub(crate) started: Timestamp,
    /// What there was to spend when it began.
    pub(crate) before: RetryBudget,
    /// Attempts of this campaign, as opposed to those of the budget.
    pub(crate) made: u32,
    /// What the first failed attempt and the last one ended with.
    pub(crate) first_failure: Option<Cause>,
    pub(crate) last_failure: Option<Cause>,
    window_ends: Timestamp,
    next_attempt: Option<Timestamp>,
    /// When the first attempt is due by the policy alone.
    without_head_start: Option<Timestamp>,
    /// The next attempt is due, and waits for one in flight to end.
    waits_for_slot: bool,
    dials: Vec<Dial>,
    /// Of the dials, the one that has become a session elsewhere and waits for home. It gives that up where another
    /// one would give itself up.
    fallback: Option<SessionId>,
    /// Whether there was a session already: the next one is taken wherever it is.
    had_session: bool,
}

/// How a campaign stands after time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something is in flight or will be.
    Running,
    /// Attempts or window are used up.
    Exhausted,
    /// That session is up, and nothing better comes.
    UseFallback(SessionId),
}

impl ConnectAttempts {
    /// `head_start`: how long the old path has to come back by migration before the first dial.
    pub(crate) fn start(
        incident: Option<Incident>,
        head_start: Duration,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Self {
        let policy = &cx.config.policy;
        let left = policy.window.saturating_sub(resources.retry_budget.spent);
        let mut attempts = Self {
            incident,
            started: cx.now,
            before: resources.retry_budget.clone(),
            made: 0,
            first_failure: None,
            last_failure: None,
            window_ends: cx.now + left,
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

    /// The old path cannot come back any more: nobody waits for it.
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

    /// Whether nothing was lost: a fresh session is wanted.
    pub(crate) fn is_voluntary(&self) -> bool {
        matches!(self.cause(), Some(CauseKind::Requested | CauseKind::CredentialRenewed))
    }

    /// Whose turn it is. To renew a session is no reason to leave the relay, unless it cannot be reached.
    fn relay_index(&self, retry_budget: &RetryBudget) -> u32 {
        match self.cause() {
            Some(CauseKind::CredentialRenewed) => self.made.saturating_sub(RENEWALS_AT_ONE_RELAY),
            _ => retry_budget.attempts,
        }
    }

    pub(crate) fn window_ends(&self) -> Timestamp {
        self.window_ends
    }

    /// The dial of that name, if it is out.
    pub(crate) fn dialing(&self, session: SessionId) -> Option<&Dial> {
        self.dials.iter().find(|dial| dial.is_in_flight(session))
    }

    /// The provider has a credential for `relay`: whoever waited for it goes.
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

    /// The provider has none: whoever waited for it has failed; whether anybody did.
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

    /// When it wants attention; at once, if there is nothing left to be tried.
    pub(crate) fn deadline(&self) -> Timestamp {
        if self.progress() != Progress::Running {
            return self.started;
        }
        let dials = self.dials.iter().map(|dial| dial.deadline).min();
        soonest([self.next_attempt, dials]).map_or(self.window_ends, |at| at.min(self.window_ends))
    }

    /// Gives up late dials and makes the attempt that is due.
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

    /// The session that waits for home, if it has waited long enough by then.
    fn fallback_by(&self, now: Timestamp) -> Option<SessionId> {
        let over = |dial: &&Dial| Some(dial.session) == self.fallback && dial.deadline <= now;
        self.dials.iter().find(over).map(|dial| dial.session)
    }

    /// What the first attempt had to wait for is there.
    pub(crate) fn begin(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if self.made == 0 {
            self.attempt_now(resources, cx);
        }
    }

    /// Makes the planned attempt now, unless one is in flight: asking often makes no more of them.
    pub(crate) fn attempt_now(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if self.dials.is_empty() && self.next_attempt.is_some() {
            self.attempt(resources, cx);
        }
    }

    /// A dial failed. An outdated one changes nothing.
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

    /// The session that an attempt had led to was lost before it had joined.
    pub(crate) fn resume(
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

    /// A dial succeeded. If it is elsewhere, home has a moment to answer, too, once: the others are most likely to be
    /// there, and to find out later costs them and us seconds. It is dialled anew, by a dial that has seen nothing of
    /// the outage. `rtt` is that of the path that was lost. Whether there is anything to wait for.
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
        // Where sessions come up and drop, home is not the place to be.
        let had_session = mem::replace(&mut self.had_session, true) || self.before.attempts > 0;
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

    /// The session that is up, and waits for home.
    pub(crate) fn fallback(&self) -> Option<SessionId> {
        self.fallback
    }

    /// A session is to be taken: the race is over, and the others are closed.
    pub(crate) fn take_winner(&mut self, session: SessionId, cx: &mut Context<'_>) -> Option<Dial> {
        let index = self.dials.iter().position(|dial| dial.is_in_flight(session))?;
        let dial = self.dials.remove(index);
        cx.telemetry.attempts_in_flight -= 1;
        cx.telemetry.attempts_succeeded += 1;
        cx.out.event(Event::AttemptSucceeded { incident: self.incident_id(), session });
        self.cancel(cx);
        Some(dial)
    }

    /// Closes every dial and plans no further one.
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
        // What would have been final was not, if there is another one: the credential has been refreshed.
        let was_final = |first: &Cause| first.kind.final_code().is_some();
        if self.first_failure.as_ref().is_none_or(was_final) {
            self.first_failure = Some(cause.clone());
        }
        self.last_failure = Some(cause);
    }

    /// Plans the next attempt, unless the budget is used up or the window would be over by then.
    fn schedule(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        let at_once = resources.retry_budget.attempts == 0
            && (policy.immediate_first || self.incident.is_none());
        let at =
            if at_once { cx.now } else { cx.now + resources.retry_budget.pause(policy, cx.rng) };
        let allowed = resources.retry_budget.attempts < policy.attempts && at < self.window_ends;
        self.next_attempt = allowed.then_some(at);
    }

    fn attempt(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        if self.dials.len() >= usize::from(policy.racing) {
            // Each attempt has its time: on a long path, handshakes take several pauses.
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
