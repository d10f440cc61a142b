//! The life of a request to a relay: from unsent to accepted, with retries after failures.

use crate::api::time::Timestamp;
use crate::context::Context;

/// How often a request has failed in a row. Each failure lengthens the pause before the next try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures(u32);

impl Failures {
    /// Counts a failure; returns when to try again.
    pub(crate) fn next_try(&mut self, cx: &mut Context<'_>) -> Timestamp {
        self.0 = self.0.saturating_add(1);
        cx.retry_at(self.0)
    }

    pub(crate) fn count(self) -> u32 {
        self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0 = 0;
    }
}

/// A request that is sent once per session and repeated there, after a pause, if it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<Id>(State<Id>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State<Id> {
    /// Not sent on this session yet.
    Unsent,
    Sent {
        id: Id,
        failures: Failures,
    },
    Accepted(Id),
    Failed {
        retry_at: Timestamp,
        failures: Failures,
    },
}

impl<Id> Default for Request<Id> {
    fn default() -> Self {
        Self(State::Unsent)
    }
}

impl<Id: Copy + Eq> Request<Id> {
    pub(crate) fn is_unsent(&self) -> bool {
        self.0 == State::Unsent
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.0, State::Accepted(_))
    }

    /// The identifier that the request has on this session, if it has not failed there.
    pub(crate) fn id(&self) -> Option<Id> {
        match self.0 {
            State::Sent { id, .. } | State::Accepted(id) => Some(id),
            State::Unsent | State::Failed { .. } => None,
        }
    }

    /// When to repeat a failed request.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.0 {
            State::Failed { retry_at, .. } => Some(retry_at),
            State::Unsent | State::Sent { .. } | State::Accepted(_) => None,
        }
    }

    /// Whether it is time to repeat a failed request.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|at| now >= at)
    }

    pub(crate) fn sent(&mut self, id: Id) {
        self.0 = State::Sent { id, failures: self.failures() };
    }

    /// The relay accepted `id`; returns whether that request waited for an answer.
    pub(crate) fn accepted(&mut self, id: Id) -> bool {
        let answered = matches!(self.0, State::Sent { id: sent, .. } if sent == id);
        if answered {
            self.0 = State::Accepted(id);
        }
        answered
    }

    /// The relay refused `id`, or ended it after accepting it. An outdated `id` changes nothing.
    pub(crate) fn failed(&mut self, id: Id, cx: &mut Context<'_>) {
        if self.id() == Some(id) {
            let mut failures = self.failures();
            self.0 = State::Failed { retry_at: failures.next_try(cx), failures };
        }
    }

    /// The failures in a row before the present try. A request that was accepted begins anew.
    fn failures(&self) -> Failures {
        match self.0 {
            State::Sent { failures, .. } | State::Failed { failures, .. } => failures,
            State::Unsent | State::Accepted(_) => Failures::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::testing::TestBench;

    #[test]
    fn a_request_waits_longer_after_each_failure_until_accepted() {
        let (mut request, mut bench) = (Request::default(), TestBench::default());
        let mut pauses = [Timestamp::ZERO; 3];
        for (id, pause) in (0_u64..).zip(&mut pauses) {
            request.sent(id);
            request.failed(id, &mut bench.context());
            *pause = request.deadline().expect("a pause");
            assert!(request.is_due(*pause) && !request.is_due(Timestamp::ZERO));
        }
        let at = Timestamp::from_millis;
        assert!(at(50) <= pauses[0] && pauses[0] <= at(100), "{pauses:?}");
        assert!(at(200) <= pauses[2] && pauses[2] <= at(400), "{pauses:?}");
        request.sent(7);
        assert!(request.accepted(7) && request.is_accepted());
        request.failed(7, &mut bench.context());
        assert!(request.deadline().is_some_and(|pause| pause <= at(100)), "counted anew");
    }

    #[test]
    fn an_outdated_identifier_changes_nothing() {
        let (mut request, mut bench) = (Request::default(), TestBench::default());
        request.sent(2);
        assert!(!request.accepted(1));
        request.failed(1, &mut bench.context());
        assert_eq!((request.id(), request.deadline()), (Some(2), None));
    }
}
