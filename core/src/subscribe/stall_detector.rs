//! Whether the publisher of a track is still there, when nothing comes of it.

use core::time::Duration;

use crate::api::time::{Timestamp, doubled};

/// How long a track that was heard may be silent before its publisher is asked. A muted one answers
/// that it has nothing to say; one that is cut off does not answer, and nobody else says so: the relay
/// believes in it until its own idle timeout, and FETCH reaches past the relay.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// A publisher that has nothing to say is queried less and less often, down to this.
const LONGEST_INTERVAL: Duration = Duration::from_secs(8);

/// The pulse of a track.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallDetector {
    /// When to ask next; `None` before the first frame and while it is to be asked.
    query_at: Option<Timestamp>,
    /// Whether it is to be asked.
    wanted: bool,
    /// How often it has answered since the last frame that it had nothing to say.
    quiet: u32,
    /// How often it has answered since then with something, which the subscription did not bring.
    answered_with_objects: u32,
    /// Since when it does not answer.
    stalled: Option<Timestamp>,
}

impl StallDetector {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.query_at
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// The publisher is to be asked as soon as possible: it may have said something meanwhile.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
        self.query_at = None;
    }

    /// It was heard before, and is listened to again: if nothing comes, its publisher is asked.
    pub(crate) fn expect(&mut self, now: Timestamp) {
        self.wanted = false;
        self.query_at = Some(now + SILENT_AFTER);
    }

    /// The publisher is being asked.
    pub(crate) fn asked(&mut self) {
        self.wanted = false;
    }

    pub(crate) fn advance(&mut self, now: Timestamp) {
        if self.query_at.is_some_and(|at| now >= at) {
            self.want();
        }
    }

    /// Something came; for how long nothing had, if it was stalled.
    pub(crate) fn heard(&mut self, now: Timestamp) -> Option<Duration> {
        self.expect(now);
        self.quiet = 0;
        self.answered_with_objects = 0;
        self.stalled.take().map(|since| now - since)
    }

    /// The publisher answered, with something or without; for how long it had not, if it was stalled.
    pub(crate) fn answered(&mut self, now: Timestamp, with_objects: bool) -> Option<Duration> {
        if with_objects {
            self.answered_with_objects = self.answered_with_objects.saturating_add(1);
            self.quiet = 0;
        } else {
            self.quiet = self.quiet.saturating_add(1);
        }
        if !self.wanted {
            self.query_at = Some(now + doubled(SILENT_AFTER, self.quiet, LONGEST_INTERVAL));
        }
        self.stalled.take().map(|since| now - since)
    }

    /// Whether it speaks, again and again, and the subscription brings nothing of it.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.answered_with_objects >= 2
    }

    /// The publisher did not answer; whether that is news.
    pub(crate) fn unanswered(&mut self, now: Timestamp) -> bool {
        self.want();
        let news = self.stalled.is_none();
        self.stalled.get_or_insert(now);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wants_attention_a_second_after_the_last_frame_until_the_publisher_is_to_be_asked() {
        let (at, mut stall_detector) = (Timestamp::from_millis, StallDetector::default());
        assert_eq!(stall_detector.deadline(), None);
        stall_detector.heard(at(500));
        assert_eq!(stall_detector.deadline(), Some(at(1_500)));
        stall_detector.advance(at(1_499));
        assert!(!stall_detector.is_wanted());
        stall_detector.advance(at(1_500));
        assert_eq!((stall_detector.is_wanted(), stall_detector.deadline()), (true, None));
    }
}
