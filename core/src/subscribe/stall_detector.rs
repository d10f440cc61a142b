//! Stall detection: whether the publisher of a track that brings no frames still answers.

use core::time::Duration;

use crate::api::time::{Timestamp, doubled};

/// How long a track may be silent before its publisher is queried with FETCH, which the relay
/// forwards to the publisher. A muted publisher answers that there are no new frames. One that is
/// cut off does not answer. The relay does not report that before its own idle timeout.
const QUERY_AFTER: Duration = Duration::from_secs(1);
/// A publisher that answers without objects is queried less and less often, down to this.
const LONGEST_INTERVAL: Duration = Duration::from_secs(8);

/// Decides when to query a track's publisher, and whether the track is stalled.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallDetector {
    /// When to query next; `None` before the first frame and while a query is wanted.
    query_at: Option<Timestamp>,
    /// Whether a query shall be sent as soon as possible.
    query_wanted: bool,
    /// Answers without objects since the last frame on the subscription.
    empty_answers: u32,
    /// Answers since then with objects that the subscription did not bring.
    answered_with_objects: u32,
    /// Since when the publisher does not answer.
    stalled_since: Option<Timestamp>,
}

impl StallDetector {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.query_at
    }

    pub(crate) fn wants_query(&self) -> bool {
        self.query_wanted
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled_since.is_some()
    }

    /// Requests a query as soon as possible: there may be frames that did not arrive.
    pub(crate) fn want_query(&mut self) {
        self.query_wanted = true;
        self.query_at = None;
    }

    /// Frames are expected from `now` on: if none arrives, the publisher is queried.
    pub(crate) fn expect(&mut self, now: Timestamp) {
        self.query_wanted = false;
        self.query_at = Some(now + QUERY_AFTER);
    }

    /// A FETCH, which serves as a query, was sent.
    pub(crate) fn query_sent(&mut self) {
        self.query_wanted = false;
    }

    pub(crate) fn advance(&mut self, now: Timestamp) {
        if self.query_at.is_some_and(|at| now >= at) {
            self.want_query();
        }
    }

    /// An object arrived on the subscription. Returns how long the track was stalled, if it was.
    pub(crate) fn received(&mut self, now: Timestamp) -> Option<Duration> {
        self.expect(now);
        self.empty_answers = 0;
        self.answered_with_objects = 0;
        self.stalled_since.take().map(|since| now - since)
    }

    /// The publisher answered a FETCH. Returns how long the track was stalled, if it was.
    pub(crate) fn answered(&mut self, now: Timestamp, with_objects: bool) -> Option<Duration> {
        if with_objects {
            self.answered_with_objects = self.answered_with_objects.saturating_add(1);
            self.empty_answers = 0;
        } else {
            self.empty_answers = self.empty_answers.saturating_add(1);
        }
        if !self.query_wanted {
            self.query_at = Some(now + doubled(QUERY_AFTER, self.empty_answers, LONGEST_INTERVAL));
        }
        self.stalled_since.take().map(|since| now - since)
    }

    /// Whether the publisher repeatedly answers with objects that the subscription does not bring.
    pub(crate) fn is_subscription_dead(&self) -> bool {
        self.answered_with_objects >= 2
    }

    /// The publisher did not answer. `true` if the track was not stalled before.
    pub(crate) fn unanswered(&mut self, now: Timestamp) -> bool {
        self.want_query();
        let news = self.stalled_since.is_none();
        self.stalled_since.get_or_insert(now);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Once a query is wanted, there is no further deadline.
    #[test]
    fn a_query_is_wanted_one_second_after_the_last_frame() {
        let (at, mut stall_detector) = (Timestamp::from_millis, StallDetector::default());
        assert_eq!(stall_detector.deadline(), None);
        stall_detector.received(at(500));
        assert_eq!(stall_detector.deadline(), Some(at(1_500)));
        stall_detector.advance(at(1_499));
        assert!(!stall_detector.wants_query());
        stall_detector.advance(at(1_500));
        assert_eq!((stall_detector.wants_query(), stall_detector.deadline()), (true, None));
    }
}
