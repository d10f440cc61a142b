//! What a listener has of a track: everything up to a point, and what came beyond a hole after it.

use alloc::collections::BTreeMap;

use crate::api::media::{FrameNumber, Location, Object, Retention};

/// The order of a track's frames, restored.
///
/// Frames are told apart by their numbers, so that it does not matter which session, which epoch or
/// which FETCH brought them. A hole is seen by the numbers and named, for the repair, by Locations.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReorderBuffer {
    /// The next frame in order. All before it are decided: handed on, or given up. `None` before
    /// the first.
    next: Option<FrameNumber>,
    /// The first location that is not decided.
    from: Location,
    /// What came beyond the next frame.
    held: BTreeMap<FrameNumber, Object>,
    held_bytes: u64,
    /// The number after the last frame, once the publisher has said it.
    end: Option<FrameNumber>,
}

/// Where a listener stands with a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The next frame in order.
    pub(crate) next: FrameNumber,
    /// The first location that is not decided.
    pub(crate) from: Location,
}

/// What becomes of a frame that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It is the next one.
    Next(Object),
    /// It is kept until those before it are decided.
    Held,
    /// It had come before, or had been given up.
    Repeated,
    /// There is no room for it. The publisher still has it.
    NoRoom(Object),
}

/// Frames that are missing in front of one that came, or of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// The first frame that is missing.
    pub(crate) number: FrameNumber,
    /// How many are.
    pub(crate) frames: u64,
    /// The first location that may hold one of them.
    pub(crate) first: Location,
    /// The last location that may.
    pub(crate) last: Location,
}

impl Hole {
    /// The frame in front of which it is, or the end.
    pub(crate) fn behind(&self) -> FrameNumber {
        let sequence = self.number.sequence.saturating_add(self.frames);
        FrameNumber::new(self.number.incarnation, sequence)
    }

    /// Whether there are locations for what is missing. There are none if a publisher counts what it
    /// does not send.
    pub(crate) fn is_possible(&self) -> bool {
        self.first <= self.last
    }
}

impl ReorderBuffer {
    pub(crate) fn next(&self) -> Option<FrameNumber> {
        self.next
    }

    /// `None` before the first frame.
    pub(crate) fn position(&self) -> Option<Position> {
        self.next.map(|next| Position { next, from: self.from })
    }

    /// The first location that is not decided.
    pub(crate) fn undecided(&self) -> Location {
        self.from
    }

    pub(crate) fn held(&self) -> u64 {
        self.held.len() as u64
    }

    /// The first frame that waits behind a hole.
    pub(crate) fn first_held(&self) -> Option<&Object> {
        self.held.first_key_value().map(|(_, object)| object)
    }

    /// Everything before this is none of ours.
    pub(crate) fn start(&mut self, number: FrameNumber, from: Location) {
        self.next = Some(number);
        self.from = from;
    }

    /// Whether a frame is neither decided nor held.
    pub(crate) fn is_wanted(&self, number: FrameNumber) -> bool {
        self.next.is_none_or(|next| number >= next) && !self.held.contains_key(&number)
    }

    pub(crate) fn offer(&mut self, object: Object, room: &Retention) -> Offer {
        if !self.is_wanted(object.number) {
            return Offer::Repeated;
        }
        if self.next == Some(object.number) {
            self.pass(&object);
            return Offer::Next(object);
        }
        let bytes = object.frame.payload.len() as u64;
        if self.held() >= u64::from(room.frames) || self.held_bytes + bytes > room.bytes {
            return Offer::NoRoom(object);
        }
        self.held_bytes += bytes;
        self.held.insert(object.number, object);
        Offer::Held
    }

    /// The next frame, if it is held.
    pub(crate) fn take(&mut self) -> Option<Object> {
        let next = self.next?;
        let object = self.held.remove(&next)?;
        self.held_bytes -= object.frame.payload.len() as u64;
        self.pass(&object);
        Some(object)
    }

    /// The publisher has said how many frames there are.
    pub(crate) fn end_at(&mut self, end: FrameNumber) {
        self.end = Some(end);
    }

    /// Whether nothing more can come.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.next.is_some_and(|next| next >= end))
    }

    /// The number of the frame, or of the end, in front of which something is missing.
    fn behind_the_hole(&self) -> Option<FrameNumber> {
        let next = self.next?;
        let first = self.held.first_key_value().map(|(number, _)| *number);
        first.or(self.end).filter(|number| *number > next)
    }

    /// What is missing in front of what came; `None` if nothing is.
    pub(crate) fn hole(&self) -> Option<Hole> {
        let (number, behind) = (self.next?, self.behind_the_hole()?);
        if behind.incarnation != number.incarnation {
            return None;
        }
        let last = self.first_held().map_or(Location::LAST, |held| held.location.previous());
        let frames = behind.sequence - number.sequence;
        Some(Hole { number, frames, first: self.from, last })
    }

    /// Goes over to a publisher that started anew, if what came is of such a one: what it had left to
    /// say before is lost with its former process. Says from where on that is.
    pub(crate) fn cross(&mut self) -> Option<Position> {
        let (left, behind) = (self.position()?, self.behind_the_hole()?);
        if behind.incarnation == left.next.incarnation {
            return None;
        }
        self.start(FrameNumber::new(behind.incarnation, 0), first_of(behind.incarnation));
        Some(left)
    }

    /// Gives up what is missing in front of what came.
    pub(crate) fn skip_hole(&mut self) {
        if let Some(behind) = self.behind_the_hole() {
            let from = self.first_held().map_or(self.from, |held| held.location);
            self.start(behind, from);
        }
    }

    /// Gives up everything before a frame; how many frames that were, which had not come. What was
    /// held of it is let go, and counted with them.
    pub(crate) fn skip_to(&mut self, number: FrameNumber, location: Location) -> u64 {
        let Some(next) = self.next else {
            self.start(number, location);
            return 0;
        };
        let kept = self.held.split_off(&number);
        let let_go = core::mem::replace(&mut self.held, kept);
        self.held_bytes -=
            let_go.values().map(|object| object.frame.payload.len() as u64).sum::<u64>();
        self.start(number, location);
        if next.incarnation == number.incarnation {
            number.sequence.saturating_sub(next.sequence)
        } else {
            number.sequence
        }
    }

    fn pass(&mut self, object: &Object) {
        self.next = Some(object.number.next());
        self.from = object.location.next();
    }
}

/// Where an incarnation begins: its groups rise from its first epoch on.
pub(crate) const fn first_of(incarnation: u64) -> Location {
    Location::new(incarnation, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::media::Frame;
    use alloc::vec::Vec;

    const ROOM: Retention = Retention { frames: 4, ..Retention::live() };

    /// Ten frames a group; an incarnation begins with the group after it.
    fn object(incarnation: u64, sequence: u64) -> Object {
        Object {
            location: Location::new(incarnation + 1 + sequence / 10, sequence % 10),
            number: FrameNumber::new(incarnation, sequence),
            frame: Frame::new(0, &b"12345678"[..]),
        }
    }

    fn buffer() -> ReorderBuffer {
        let mut buffer = ReorderBuffer::default();
        buffer.start(FrameNumber::new(1, 0), first_of(1));
        buffer
    }

    /// What becomes available by a frame.
    fn come(buffer: &mut ReorderBuffer, incarnation: u64, sequence: u64) -> Vec<u64> {
        let mut out = Vec::new();
        if let Offer::Next(object) = buffer.offer(object(incarnation, sequence), &ROOM) {
            out.push(object.number.sequence);
        }
        while let Some(object) = buffer.take() {
            out.push(object.number.sequence);
        }
        out
    }

    #[test]
    fn nothing_is_missing_in_front_of_an_end_that_has_been_reached() {
        let mut buffer = buffer();
        assert_eq!(come(&mut buffer, 1, 0), [0]);
        buffer.end_at(FrameNumber::new(1, 3));
        assert_eq!(buffer.hole().map(|hole| hole.frames), Some(2));
        buffer.end_at(FrameNumber::new(1, 1));
        assert_eq!((buffer.hole(), buffer.is_over()), (None, true));
    }

    #[test]
    fn what_has_come_out_makes_room_to_the_last_byte() {
        let room = Retention { bytes: 1, ..ROOM };
        let byte = |sequence| {
            let frame = Frame::new(0, &b"1"[..]);
            Object { frame, ..object(1, sequence) }
        };
        let mut buffer = buffer();
        for sequence in [0, 2, 4] {
            assert_eq!(buffer.offer(byte(sequence + 1), &room), Offer::Held);
            assert_eq!(buffer.offer(byte(sequence), &room), Offer::Next(byte(sequence)));
            assert_eq!(buffer.take(), Some(byte(sequence + 1)));
        }
    }

    #[test]
    fn frames_come_out_once_and_in_order_whatever_the_order_in_which_they_come_in() {
        let mut buffer = buffer();
        assert_eq!(come(&mut buffer, 1, 0), [0]);
        assert!(come(&mut buffer, 1, 0).is_empty());
        assert!(come(&mut buffer, 1, 3).is_empty());
        assert_eq!(buffer.offer(object(1, 3), &ROOM), Offer::Repeated);
        assert!(come(&mut buffer, 1, 2).is_empty());
        assert_eq!(come(&mut buffer, 1, 1), [1, 2, 3]);
        assert_eq!((buffer.held(), buffer.held_bytes), (0, 0));
    }

    #[test]
    fn a_hole_is_named_by_the_locations_that_may_hold_what_is_missing() {
        let mut buffer = buffer();
        come(&mut buffer, 1, 0);
        assert_eq!(buffer.hole(), None);
        come(&mut buffer, 1, 10);
        let hole = Hole {
            number: FrameNumber::new(1, 1),
            frames: 9,
            first: Location::new(2, 1),
            last: Location::new(2, u64::MAX),
        };
        assert_eq!(buffer.hole(), Some(hole));
        come(&mut buffer, 1, 8);
        let last = Location::new(2, 7);
        assert_eq!(buffer.hole(), Some(Hole { frames: 7, last, ..hole }));
        buffer.skip_hole();
        assert_eq!(come(&mut buffer, 1, 7), [8], "what was given up is not wanted any more");
        assert_eq!(buffer.hole().map(|hole| hole.frames), Some(1));
    }

    #[test]
    fn the_room_is_bounded_in_frames_and_in_bytes() {
        let mut buffer = buffer();
        for sequence in 1..=4 {
            assert_eq!(buffer.offer(object(1, sequence), &ROOM), Offer::Held);
        }
        assert_eq!(buffer.offer(object(1, 5), &ROOM), Offer::NoRoom(object(1, 5)));
        assert_eq!(come(&mut buffer, 1, 0), [0, 1, 2, 3, 4]);
        let room = Retention { bytes: 16, ..ROOM };
        assert_eq!(buffer.offer(object(1, 7), &room), Offer::Held);
        assert_eq!(buffer.offer(object(1, 8), &room), Offer::Held);
        assert_eq!(buffer.offer(object(1, 9), &room), Offer::NoRoom(object(1, 9)));
    }

    #[test]
    fn the_end_is_reached_when_nothing_before_it_is_missing() {
        let mut buffer = buffer();
        come(&mut buffer, 1, 0);
        buffer.end_at(FrameNumber::new(1, 3));
        assert!(!buffer.is_over());
        let hole = buffer.hole().expect("the last two are missing");
        assert_eq!((hole.frames, hole.last), (2, Location::LAST));
        assert_eq!(come(&mut buffer, 1, 1), [1]);
        buffer.skip_hole();
        assert!(buffer.is_over());
    }

    #[test]
    fn a_publisher_that_starts_anew_takes_what_it_had_not_said_with_it() {
        let mut buffer = buffer();
        come(&mut buffer, 1, 0);
        come(&mut buffer, 1, 2);
        come(&mut buffer, 7, 1);
        assert_eq!(buffer.cross(), None, "first what came of the former");
        buffer.skip_hole();
        assert_eq!(buffer.take(), Some(object(1, 2)));
        assert_eq!(buffer.hole(), None);
        let left = Position { next: FrameNumber::new(1, 3), from: Location::new(2, 3) };
        assert_eq!(buffer.cross(), Some(left));
        let hole = buffer.hole().expect("its first frame is missing");
        assert_eq!((hole.number, hole.frames), (FrameNumber::new(7, 0), 1));
        assert_eq!((hole.first, hole.last), (Location::new(7, 0), Location::new(8, 0)));
        assert_eq!(come(&mut buffer, 7, 0), [0, 1]);
        assert_eq!(buffer.offer(object(1, 3), &ROOM), Offer::Repeated, "nobody goes back");
    }

    #[test]
    fn to_skip_lets_go_of_what_is_older() {
        let mut buffer = buffer();
        come(&mut buffer, 1, 2);
        come(&mut buffer, 1, 5);
        let skipped = |buffer: &mut ReorderBuffer, sequence| {
            let to = object(1, sequence);
            buffer.skip_to(to.number, to.location)
        };
        assert_eq!(skipped(&mut buffer, 4), 4);
        assert_eq!((buffer.held(), buffer.held_bytes), (1, 8));
        assert_eq!(come(&mut buffer, 1, 4), [4, 5]);
        let anew = object(9, 3);
        assert_eq!(buffer.skip_to(anew.number, anew.location), 3);
    }
}
