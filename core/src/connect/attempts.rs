//! The attempts to get a session: paced, bounded, racing as far as the policy allows.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::time::Timestamp;
use crate::api::time::earlier;
use crate::connect::dial::Dial;
use crate::connect::retry_budget::Budget;
use crate::context::Context;

/// So often is the renewal of a session tried again where it is, before it is tried elsewhere.
const STAYS: u32 = 3;

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
pub(crate) struct Campaign {
    /// What is being recovered from; `None` while the call is set up for the first time.
    pub(crate) incident: Option<Incident>,
    pub(crate) started: Timestamp,
    /// What there was to spend when it began.
    pub(crate) before: Budget,
    /// Attempts of this campaign, as opposed to those of the budget.
    pub(crate) attempts: u32,
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
    second_best: Option<SessionId>,
    /// Whether there was a session already: the next one is taken wherever it is.
    had_session: bool,
}

/// How a campaign stands after time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Something is in flight or will be.
    Running,
    /// Attempts or window are used up.
    Exhausted,
    /// That session is up, and nothing better comes.
    Settled(SessionId),
}

impl Campaign {
    /// `head_start`: how long the old path has to come back by migration before the first dial.
    pub(crate) fn start(
        incident: Option<Incident>,
        head_start: Duration,
        budget: &mut Budget,
        cx: &mut Context<'_>,
    ) -> Self {
        let policy = &cx.config.policy;
        let left = policy.window.saturating_sub(budget.spent);
        let mut campaign = Self {
            incident,
            started: cx.now,
            before: budget.clone(),
            attempts: 0,
            first_failure: None,
            last_failure: None,
            window_ends: cx.now + left,
            next_attempt: None,
            without_head_start: None,
            waits_for_slot: false,
            dials: Vec::new(),
            second_best: None,
            had_session: false,
        };
        campaign.schedule(budget, cx);
        campaign.without_head_start = campaign.next_attempt;
        campaign.next_attempt = campaign.next_attempt.map(|at| at.max(cx.now + head_start));
        campaign
    }

    /// The old path cannot come back any more: nobody waits for it.
    pub(crate) fn end_head_start(&mut self) {
        if self.attempts == 0 {
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
    fn turn(&self, budget: &Budget) -> u32 {
        match self.cause() {
            Some(CauseKind::CredentialRenewed) => self.attempts.saturating_sub(STAYS),
            _ => budget.attempts,
        }
    }

    pub(crate) fn window_ends(&self) -> Timestamp {
        self.window_ends
    }

    /// The dial of that name, if it is out.
    pub(crate) fn dialing(&self, session: SessionId) -> Option<&Dial> {
        self.dials.iter().find(|dial| dial.is_out(session))
    }

    /// The provider has a credential for `relay`: whoever waited for it goes.
    pub(crate) fn credential_came(&mut self, relay: &str, cx: &mut Context<'_>) {
        for dial in self.dials.iter_mut().filter(|dial| dial.waits_for(relay)) {
            dial.go(cx);
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
        if self.standing() != Standing::Running {
            return self.started;
        }
        let dials = self.dials.iter().map(|dial| dial.gives_up_at).min();
        earlier(earlier(self.next_attempt, dials), Some(self.window_ends))
            .unwrap_or(self.window_ends)
    }

    /// Gives up late dials and makes the attempt that is due.
    pub(crate) fn advance(&mut self, budget: &mut Budget, cx: &mut Context<'_>) -> Standing {
        if let Some(second_best) = self.second_best_by(cx.now) {
            return Standing::Settled(second_best);
        }
        while let Some(late) = self.dials.iter().position(|dial| dial.gives_up_at <= cx.now) {
            let session = self.dials[late].session;
            self.dials[late].close(cx);
            let kind = self.dials[late].lacked();
            self.failed(session, Cause::new(kind), cx);
            self.go_on(budget, cx);
        }
        if cx.now >= self.window_ends {
            return Standing::Exhausted;
        }
        if self.next_attempt.is_some_and(|at| at <= cx.now) {
            self.attempt(budget, cx);
        }
        self.standing()
    }

    /// The session that waits for home, if it has waited long enough by then.
    fn second_best_by(&self, now: Timestamp) -> Option<SessionId> {
        let over = |dial: &&Dial| Some(dial.session) == self.second_best && dial.gives_up_at <= now;
        self.dials.iter().find(over).map(|dial| dial.session)
    }

    /// What the first attempt had to wait for is there.
    pub(crate) fn begin(&mut self, budget: &mut Budget, cx: &mut Context<'_>) {
        if self.attempts == 0 {
            self.hurry(budget, cx);
        }
    }

    /// Makes the planned attempt now, unless one is in flight: asking often makes no more of them.
    pub(crate) fn hurry(&mut self, budget: &mut Budget, cx: &mut Context<'_>) {
        if self.dials.is_empty() && self.next_attempt.is_some() {
            self.attempt(budget, cx);
        }
    }

    /// A dial failed. An outdated one changes nothing.
    pub(crate) fn failed(&mut self, session: SessionId, cause: Cause, cx: &mut Context<'_>) {
        let Some(index) = self.dials.iter().position(|dial| dial.session == session) else {
            return;
        };
        self.dials.remove(index);
        self.second_best.take_if(|second_best| *second_best == session);
        cx.telemetry.attempts_in_flight -= 1;
        cx.telemetry.attempts_failed += 1;
        self.note_failure(session, cause, cx);
    }

    /// Makes or plans the attempt that follows a failed one.
    pub(crate) fn go_on(&mut self, budget: &mut Budget, cx: &mut Context<'_>) {
        if self.second_best.is_some() {
            return;
        }
        if self.waits_for_slot && cx.now < self.window_ends {
            self.attempt(budget, cx);
        } else if self.next_attempt.is_none() {
            self.schedule(budget, cx);
        }
    }

    /// The session that an attempt had led to was lost before it had joined.
    pub(crate) fn resume(
        &mut self,
        session: SessionId,
        cause: Cause,
        budget: &mut Budget,
        cx: &mut Context<'_>,
    ) {
        self.had_session = true;
        self.note_failure(session, cause, cx);
        self.schedule(budget, cx);
    }

    /// A dial succeeded. If it is elsewhere, home has a moment to answer, too, once: the others are most likely to be
    /// there, and to find out later costs them and us seconds. It is dialled anew, by a dial that has seen nothing of
    /// the outage. `rtt` is that of the path that was lost. Whether there is anything to wait for.
    pub(crate) fn waits_for_home(
        &mut self,
        session: SessionId,
        rtt: Duration,
        budget: &mut Budget,
        cx: &mut Context<'_>,
    ) -> bool {
        let home = String::from(cx.directory.home(cx.config));
        let Some(index) = self.dials.iter().position(|dial| dial.is_out(session)) else {
            return false;
        };
        if self.second_best == Some(session) {
            return true;
        }
        // Where sessions come up and drop, home is not the place to be.
        let had_session = mem::replace(&mut self.had_session, true) || self.before.attempts > 0;
        if had_session || cx.config.policy.racing == 1 || self.dials[index].relay == home {
            return false;
        }
        let took = cx.now - self.dials[index].since;
        let wait = (took * 3 / 2).max(rtt.saturating_mul(3)).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.dials[index].gives_up_at = (cx.now + wait).min(self.window_ends);
        self.second_best = Some(session);
        self.give_up_where(|dial| dial.session != session && dial.relay != home, cx);
        let policy = &cx.config.policy;
        if budget.attempts < policy.attempts && self.dials.len() < usize::from(policy.racing) {
            self.attempt_at(home, budget, cx);
        }
        self.next_attempt = None;
        self.waits_for_slot = false;
        self.standing() == Standing::Running
    }

    /// The session that is up, and waits for home.
    pub(crate) fn second_best(&self) -> Option<SessionId> {
        self.second_best
    }

    /// A session is to be taken: the race is over, and the others are closed.
    pub(crate) fn won(&mut self, session: SessionId, cx: &mut Context<'_>) -> Option<Dial> {
        let index = self.dials.iter().position(|dial| dial.is_out(session))?;
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
        self.second_best = None;
        self.give_up_where(|_| true, cx);
    }

    fn give_up_where(&mut self, is_one: impl Fn(&Dial) -> bool, cx: &mut Context<'_>) {
        for dial in self.dials.extract_if(.., |dial| is_one(dial)) {
            cx.telemetry.attempts_in_flight -= 1;
            cx.telemetry.attempts_cancelled += 1;
            dial.close(cx);
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.second_best {
            Some(session) if self.dials.len() == 1 => Standing::Settled(session),
            None if self.dials.is_empty() && self.next_attempt.is_none() => Standing::Exhausted,
            Some(_) | None => Standing::Running,
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
    fn schedule(&mut self, budget: &mut Budget, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        let at_once = budget.attempts == 0 && (policy.immediate_first || self.incident.is_none());
        let at = if at_once { cx.now } else { cx.now + budget.pause(policy, cx.rng) };
        let allowed = budget.attempts < policy.attempts && at < self.window_ends;
        self.next_attempt = allowed.then_some(at);
    }

    fn attempt(&mut self, budget: &mut Budget, cx: &mut Context<'_>) {
        let policy = &cx.config.policy;
        if self.dials.len() >= usize::from(policy.racing) {
            // Each attempt has its time: on a long path, handshakes take several pauses.
            self.next_attempt = self.dials.iter().map(|dial| dial.gives_up_at).min();
            self.waits_for_slot = true;
            return;
        }
        self.waits_for_slot = false;
        let relay = String::from(cx.directory.relay(self.turn(budget), cx.config));
        self.attempt_at(relay, budget, cx);
        self.next_attempt = None;
        if policy.racing > 1 {
            self.schedule(budget, cx);
        }
    }

    fn attempt_at(&mut self, relay: String, budget: &mut Budget, cx: &mut Context<'_>) {
        budget.attempts += 1;
        self.attempts += 1;
        cx.telemetry.attempts += 1;
        cx.telemetry.attempts_in_flight += 1;
        let dial = Dial::new(relay.clone(), cx);
        cx.out.event(Event::AttemptStarted {
            incident: self.incident_id(),
            attempt: budget.attempts,
            of: cx.config.policy.attempts,
            session: dial.session,
            relay,
        });
        self.dials.push(dial.start(cx));
    }
}
