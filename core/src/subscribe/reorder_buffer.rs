//! The reorder buffer: a listener's frames of a track beyond a hole, and the next frame in order.
//! Every frame before the next one is decided; held frames are beyond it, within the retention.

use alloc::collections::BTreeMap;

use crate::api::media::{FrameNumber, Location, Object, Retention};

/// Restores the order of a track's frames.
///
/// Frames are identified by their numbers: which session, epoch or FETCH brought them does not
/// matter. Numbers show a hole; for its repair, a hole is described by Locations.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReorderBuffer {
    /// The next frame in order. All frames before it are decided: delivered, or abandoned. `None`
    /// before the first.
    next: Option<FrameNumber>,
    /// The first location that is not decided.
    from: Location,
    /// Frames that arrived beyond the next one.
    held: BTreeMap<FrameNumber, Object>,
    held_bytes: u64,
    /// The number after the last frame, once the publisher has announced it.
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

/// What the buffer does with a frame that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The frame is the next one in order.
    Next(Object),
    /// The frame is held until those before it are decided.
    Held,
    /// The frame had arrived before, or had been abandoned.
    Repeated,
    /// There is no room for the frame. The publisher still retains it.
    NoRoom(Object),
}

/// Frames that are missing in front of a frame that arrived, or of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// The first missing frame.
    pub(crate) number: FrameNumber,
    /// How many frames are missing.
    pub(crate) frames: u64,
    /// The first location that may hold a missing frame.
    pub(crate) first: Location,
    /// The last location that may hold one.
    pub(crate) last: Location,
}

impl Hole {
    /// The number after the last missing frame: of the frame that waits, or of the end.
    pub(crate) fn end(&self) -> FrameNumber {
        let sequence = self.number.sequence.saturating_add(self.frames);
        FrameNumber::new(self.number.incarnation, sequence)
    }

    /// Whether there are locations for the missing frames. There are none if a publisher counts
    /// frames that it does not send.
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

    /// The next frame is `number`; all frames before it are decided.
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
            self.advance_past(&object);
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

    /// Takes the next frame out, if it is held.
    pub(crate) fn take(&mut self) -> Option<Object> {
        let next = self.next?;
        let object = self.held.remove(&next)?;
        self.held_bytes -= object.frame.payload.len() as u64;
        self.advance_past(&object);
        Some(object)
    }

    /// The publisher announced that frame `end` and all after it do not exist.
    pub(crate) fn end_at(&mut self, end: FrameNumber) {
        self.end = Some(end);
    }

    /// Whether the publisher has announced the end.
    pub(crate) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the end is reached: nothing more can arrive.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.next.is_some_and(|next| next >= end))
    }

    /// The number of the frame, or of the end, in front of which frames are missing.
    fn hole_end(&self) -> Option<FrameNumber> {
        let next = self.next?;
        let first = self.held.first_key_value().map(|(number, _)| *number);
        first.or(self.end).filter(|number| *number > next)
    }

    /// The missing frames in front of the first held one or of the end, within one incarnation.
    pub(crate) fn hole(&self) -> Option<Hole> {
        let (number, end) = (self.next?, self.hole_end()?);
        if end.incarnation != number.incarnation {
            return None;
        }
        let last = self.first_held().map_or(Location::LAST, |held| held.location.previous());
        let frames = end.sequence - number.sequence;
        Some(Hole { number, frames, first: self.from, last })
    }

    /// Continues with the next incarnation, if the next held frame or the end belongs to it: the
    /// former process's remaining frames are lost with it. Returns the position of the first one.
    pub(crate) fn cross_to_next_incarnation(&mut self) -> Option<Position> {
        let (left, end) = (self.position()?, self.hole_end()?);
        if end.incarnation == left.next.incarnation {
            return None;
        }
        self.start(FrameNumber::new(end.incarnation, 0), first_location(end.incarnation));
        Some(left)
    }

    /// Abandons the missing frames in front of the first held one or of the end.
    pub(crate) fn skip_hole(&mut self) {
        if let Some(end) = self.hole_end() {
            let from = self.first_held().map_or(self.from, |held| held.location);
            self.start(end, from);
        }
    }

    /// Abandons every undecided frame before `number`, and evicts those that were held. Returns how
    /// many frames of that incarnation these were, held ones included.
    pub(crate) fn skip_to(&mut self, number: FrameNumber, location: Location) -> u64 {
        let Some(next) = self.next else {
            self.start(number, location);
            return 0;
        };
        let retained = self.held.split_off(&number);
        let evicted = core::mem::replace(&mut self.held, retained);
        self.held_bytes -=
            evicted.values().map(|object| object.frame.payload.len() as u64).sum::<u64>();
        self.start(number, location);
        if next.incarnation == number.incarnation {
            number.sequence.saturating_sub(next.sequence)
        } else {
            number.sequence
        }
    }

    fn advance_past(&mut self, object: &Object) {
        self.next = Some(object.number.next());
        self.from = object.location.next();
    }
}

/// The first location of an incarnation: its groups rise from its first epoch on.
pub(crate) const fn first_location(incarnation: u64) -> Location {
    Location::new(incarnation, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::media::Frame;
    use alloc::vec::Vec;

    const ROOM: Retention = Retention { frames: 4, ..Retention::live() };

    /// Ten frames a group; the first group is one above the incarnation's number.
    fn object(incarnation: u64, sequence: u64) -> Object {
        Object {
            location: Location::new(incarnation + 1 + sequence / 10, sequence % 10),
            number: FrameNumber::new(incarnation, sequence),
            frame: Frame::new(0, &b"12345678"[..]),
        }
    }

    fn buffer() -> ReorderBuffer {
        let mut buffer = ReorderBuffer::default();
        buffer.start(FrameNumber::new(1, 0), first_location(1));
        buffer
    }

    /// Offers a frame, and takes out the frames that are in order now.
    fn offer_and_take(buffer: &mut ReorderBuffer, incarnation: u64, sequence: u64) -> Vec<u64> {
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
    fn a_reached_end_has_no_hole_in_front() {
        let mut buffer = buffer();
        assert_eq!(offer_and_take(&mut buffer, 1, 0), [0]);
        buffer.end_at(FrameNumber::new(1, 3));
        assert_eq!(buffer.hole().map(|hole| hole.frames), Some(2));
        buffer.end_at(FrameNumber::new(1, 1));
        assert_eq!((buffer.hole(), buffer.is_over()), (None, true));
    }

    #[test]
    fn delivered_frames_free_their_room_to_the_last_byte() {
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
    fn frames_leave_once_and_in_order_however_they_arrive() {
        let mut buffer = buffer();
        assert_eq!(offer_and_take(&mut buffer, 1, 0), [0]);
        assert!(offer_and_take(&mut buffer, 1, 0).is_empty());
        assert!(offer_and_take(&mut buffer, 1, 3).is_empty());
        assert_eq!(buffer.offer(object(1, 3), &ROOM), Offer::Repeated);
        assert!(offer_and_take(&mut buffer, 1, 2).is_empty());
        assert_eq!(offer_and_take(&mut buffer, 1, 1), [1, 2, 3]);
        assert_eq!((buffer.held(), buffer.held_bytes), (0, 0));
    }

    #[test]
    fn a_hole_names_the_locations_of_its_missing_frames() {
        let mut buffer = buffer();
        offer_and_take(&mut buffer, 1, 0);
        assert_eq!(buffer.hole(), None);
        offer_and_take(&mut buffer, 1, 10);
        let hole = Hole {
            number: FrameNumber::new(1, 1),
            frames: 9,
            first: Location::new(2, 1),
            last: Location::new(2, u64::MAX),
        };
        assert_eq!(buffer.hole(), Some(hole));
        offer_and_take(&mut buffer, 1, 8);
        let last = Location::new(2, 7);
        assert_eq!(buffer.hole(), Some(Hole { frames: 7, last, ..hole }));
        buffer.skip_hole();
        assert_eq!(
            offer_and_take(&mut buffer, 1, 7),
            [8],
            "abandoned frames are not wanted any more"
        );
        assert_eq!(buffer.hole().map(|hole| hole.frames), Some(1));
    }

    #[test]
    fn the_room_is_bounded_in_frames_and_in_bytes() {
        let mut buffer = buffer();
        for sequence in 1..=4 {
            assert_eq!(buffer.offer(object(1, sequence), &ROOM), Offer::Held);
        }
        assert_eq!(buffer.offer(object(1, 5), &ROOM), Offer::NoRoom(object(1, 5)));
        assert_eq!(offer_and_take(&mut buffer, 1, 0), [0, 1, 2, 3, 4]);
        let room = Retention { bytes: 16, ..ROOM };
        assert_eq!(buffer.offer(object(1, 7), &room), Offer::Held);
        assert_eq!(buffer.offer(object(1, 8), &room), Offer::Held);
        assert_eq!(buffer.offer(object(1, 9), &room), Offer::NoRoom(object(1, 9)));
    }

    #[test]
    fn the_end_is_reached_when_nothing_before_it_is_missing() {
        let mut buffer = buffer();
        offer_and_take(&mut buffer, 1, 0);
        buffer.end_at(FrameNumber::new(1, 3));
        assert!(!buffer.is_over());
        let hole = buffer.hole().expect("the last two are missing");
        assert_eq!((hole.frames, hole.last), (2, Location::LAST));
        assert_eq!(offer_and_take(&mut buffer, 1, 1), [1]);
        buffer.skip_hole();
        assert!(buffer.is_over());
    }

    #[test]
    fn a_new_incarnation_follows_the_frames_held_of_the_former() {
        let mut buffer = buffer();
        offer_and_take(&mut buffer, 1, 0);
        offer_and_take(&mut buffer, 1, 2);
        offer_and_take(&mut buffer, 7, 1);
        assert_eq!(
            buffer.cross_to_next_incarnation(),
            None,
            "the former incarnation's frames leave first"
        );
        buffer.skip_hole();
        assert_eq!(buffer.take(), Some(object(1, 2)));
        assert_eq!(buffer.hole(), None);
        let left = Position { next: FrameNumber::new(1, 3), from: Location::new(2, 3) };
        assert_eq!(buffer.cross_to_next_incarnation(), Some(left));
        let hole = buffer.hole().expect("the first frame of the new one is missing");
        assert_eq!((hole.number, hole.frames), (FrameNumber::new(7, 0), 1));
        assert_eq!((hole.first, hole.last), (Location::new(7, 0), Location::new(8, 0)));
        assert_eq!(offer_and_take(&mut buffer, 7, 0), [0, 1]);
        assert_eq!(
            buffer.offer(object(1, 3), &ROOM),
            Offer::Repeated,
            "no return to the former incarnation"
        );
    }

    #[test]
    fn skipping_evicts_older_frames() {
        let mut buffer = buffer();
        offer_and_take(&mut buffer, 1, 2);
        offer_and_take(&mut buffer, 1, 5);
        let skipped = |buffer: &mut ReorderBuffer, sequence| {
            let to = object(1, sequence);
            buffer.skip_to(to.number, to.location)
        };
        assert_eq!(skipped(&mut buffer, 4), 4);
        assert_eq!((buffer.held(), buffer.held_bytes), (1, 8));
        assert_eq!(offer_and_take(&mut buffer, 1, 4), [4, 5]);
        let restarted = object(9, 3);
        assert_eq!(buffer.skip_to(restarted.number, restarted.location), 3);
    }
}
