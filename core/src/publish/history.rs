//! The history of a published track: its newest frames, within the bounds of its retention, for
//! listeners that missed them (R20).

use alloc::collections::VecDeque;

use crate::api::media::{Location, Object, Retention};
use crate::api::stats::Evicted;
use crate::api::time::Timestamp;

/// The newest frames of a track, oldest first, without a hole between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    retained: VecDeque<Retained>,
    bytes: u64,
    evicted: Evicted,
}

/// A retained frame, and when the application sent it.
#[derive(Clone, Debug)]
pub(crate) struct Retained {
    pub(crate) object: Object,
    pub(crate) accepted_at: Timestamp,
}

impl History {
    /// Retains a frame, by reference, and evicts the frames that exceed a bound.
    pub(crate) fn retain(&mut self, object: Object, now: Timestamp, retention: &Retention) {
        self.bytes += length(&object);
        self.retained.push_back(Retained { object, accepted_at: now });
        self.expire(now, retention);
        while self.retained.len() > usize::try_from(retention.frames).unwrap_or(usize::MAX) {
            self.pop();
            self.evicted.frames += 1;
        }
        while self.bytes > retention.bytes {
            self.pop();
            self.evicted.bytes += 1;
        }
    }

    /// Evicts the frames that are too old.
    pub(crate) fn expire(&mut self, now: Timestamp, retention: &Retention) {
        while self.retained.front().is_some_and(|oldest| now - oldest.accepted_at > retention.age) {
            self.pop();
            self.evicted.age += 1;
        }
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.retained.pop_front() {
            self.bytes -= length(&oldest.object);
        }
    }

    /// The frames from `first` to `last`, both included.
    pub(crate) fn range(
        &self,
        first: Location,
        last: Location,
    ) -> impl ExactSizeIterator<Item = &Retained> {
        let from = self.retained.partition_point(|retained| retained.object.location < first);
        let to = self.retained.partition_point(|retained| retained.object.location <= last);
        self.retained.range(from..to.max(from))
    }

    /// The frame of that sequence number, or the oldest retained one after it.
    pub(crate) fn at_or_after(&self, sequence: u64) -> Option<&Retained> {
        let oldest = self.retained.front()?.object.number.sequence;
        let index = usize::try_from(sequence.saturating_sub(oldest)).ok()?;
        self.retained.get(index)
    }

    pub(crate) fn len(&self) -> u64 {
        self.retained.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn evicted(&self) -> Evicted {
        self.evicted
    }
}

fn length(object: &Object) -> u64 {
    object.frame.payload.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::media::{Frame, FrameNumber};
    use alloc::vec;
    use alloc::vec::Vec;
    use core::time::Duration;

    fn object(sequence: u64, bytes: usize) -> Object {
        Object {
            location: Location::new(sequence / 10, sequence % 10),
            number: FrameNumber::new(1, sequence),
            frame: Frame::new(0, vec![0; bytes]),
        }
    }

    fn sequences<'a>(retained: impl Iterator<Item = &'a Retained>) -> Vec<u64> {
        retained.map(|retained| retained.object.number.sequence).collect()
    }

    fn all(history: &History) -> Vec<u64> {
        sequences(history.range(Location::new(0, 0), Location::LAST))
    }

    const BOUNDS: Retention = Retention { frames: 5, bytes: 100, age: Duration::from_secs(2) };

    #[test]
    fn the_oldest_frames_are_evicted_first_and_counted_by_reason() {
        let mut history = History::default();
        for sequence in 0..7 {
            history.retain(object(sequence, 10), Timestamp::ZERO, &BOUNDS);
        }
        assert_eq!(all(&history), [2, 3, 4, 5, 6]);
        history.retain(object(7, 80), Timestamp::ZERO, &BOUNDS);
        assert_eq!(all(&history), [5, 6, 7]);
        assert_eq!(history.bytes(), 100);
        history.retain(object(8, 1), Timestamp::from_millis(2_001), &BOUNDS);
        assert_eq!(all(&history), [8]);
        assert_eq!(history.evicted(), Evicted { frames: 3, bytes: 2, age: 3 });
    }

    #[test]
    fn a_frame_exactly_at_its_bounds_is_retained() {
        let mut history = History::default();
        history.retain(object(0, 50), Timestamp::ZERO, &BOUNDS);
        history.retain(object(1, 50), Timestamp::from_millis(2_000), &BOUNDS);
        assert_eq!(all(&history), [0, 1]);
        history.expire(Timestamp::from_millis(2_001), &BOUNDS);
        assert_eq!(all(&history), [1]);
        history.retain(object(2, 101), Timestamp::from_millis(2_001), &BOUNDS);
        assert_eq!((all(&history), history.bytes()), (vec![], 0));
        assert_eq!(history.evicted(), Evicted { frames: 0, bytes: 2, age: 1 });
    }

    #[test]
    fn a_range_includes_both_ends_and_no_evicted_frames() {
        let mut history = History::default();
        for sequence in 8..13 {
            history.retain(object(sequence, 1), Timestamp::ZERO, &BOUNDS);
        }
        let range = |first: (u64, u64), last: (u64, u64)| {
            let (first, last) = (Location::new(first.0, first.1), Location::new(last.0, last.1));
            sequences(history.range(first, last))
        };
        assert_eq!(range((0, 9), (1, 1)), [9, 10, 11]);
        assert_eq!(range((0, 0), (0, u64::MAX)), [8, 9]);
        assert_eq!(range((1, 2), (1, 2)), [12]);
        assert!(range((1, 3), (9, 9)).is_empty());
        assert!(range((1, 2), (0, 0)).is_empty());
        let from = |sequence| {
            history.at_or_after(sequence).map(|retained| retained.object.number.sequence)
        };
        assert_eq!((from(0), from(9), from(12), from(13)), (Some(8), Some(9), Some(12), None));
        assert_eq!(History::default().at_or_after(0).map(|_| ()), None);
    }
}
