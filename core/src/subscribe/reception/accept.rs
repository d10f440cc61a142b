//! What comes in of a track: by its subscription, and by FETCH.

use super::Reception;
use super::incarnations::FormerProcess;
use crate::api::media::{Delivery, FetchEnd, FrameNumber, GapReason, Location, Object};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::subscribe::lateness::Lateness;
use crate::subscribe::reorder_buffer::{Offer, Position, ReorderBuffer, first_of};

impl Reception {
    /// An object came by subscription; whether it was new.
    pub(crate) fn object(&mut self, object: Object, cx: &mut Context<'_>) -> bool {
        if !self.is_of_present_process(object.number) && !self.is_new_process(&object, cx) {
            self.counters.repeated += 1;
            return false;
        }
        let silence = self.stall_detector.heard(cx.now);
        self.announce_resumed(silence, cx);
        let captured_at = object.frame.captured_at;
        let new = self.accept(object, cx);
        self.lateness.arrived(cx.now, captured_at);
        new
    }

    /// An object came by FETCH: the first that the publisher has of what was asked for, or the one
    /// after that. What is missing before it is gone.
    pub(crate) fn fetched(&mut self, object: Object, cx: &mut Context<'_>) {
        self.repair.progress(cx.now);
        let number = object.number;
        if !self.is_of_present_process(number) {
            self.counters.repeated += 1;
            return;
        }
        if self.is_too_late(&object, cx.now) {
            // And so is all before it, whether the publisher has it or not.
            self.accept(object, cx);
            return;
        }
        self.start_before(number, object.location);
        while let Some(left) = self.buffer.position().filter(|left| left.next < number) {
            let next = left.next;
            if self.buffer.first_held().is_some_and(|held| held.number <= number) {
                self.give_up_hole(self.evicted(), cx);
            } else if next.incarnation != number.incarnation {
                self.retire_process(left);
                self.begin(number.incarnation);
            } else {
                let frames = self.buffer.skip_to(number, object.location);
                self.note_gap(next, frames, self.evicted(), cx.now);
            }
        }
        let repaired = self.buffer.next() == Some(number);
        self.counters.repaired += u64::from(repaired);
        self.accept(object, cx);
    }

    /// A FETCH ended; whether the subscription is to be made anew, because it seems to bring nothing although its
    /// publisher speaks, or what it brought was not believed.
    pub(crate) fn fetch_ended(
        &mut self,
        end: FetchEnd,
        healthy: bool,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(fetch) = self.repair.in_flight() else { return false };
        self.repair.ended(end, cx);
        match end {
            FetchEnd::Complete => {
                let looked = fetch.request.hole.is_none();
                let silence = self.stall_detector.answered(cx.now, looked && fetch.objects > 0);
                self.announce_resumed(silence, cx);
                if let Some(incarnation) = self.incarnations.answered() {
                    // What it said was not believed, and has to come again.
                    self.switch_to_process(incarnation, cx);
                    return true;
                }
                let hole = self.buffer.hole().map(|hole| hole.number);
                if hole.is_some() && hole == fetch.request.hole {
                    self.give_up_hole(self.evicted(), cx);
                }
                self.stall_detector.is_elsewhere()
            }
            FetchEnd::Unsupported => {
                let joined_midway = self.joined_midway;
                let reason =
                    if joined_midway { GapReason::BeforeJoining } else { GapReason::Unsupported };
                self.give_up_hole(reason, cx);
                false
            }
            FetchEnd::Failed => {
                self.unanswered(healthy, cx);
                false
            }
        }
    }

    /// Whether a number is of the process that the publisher was last, or of one that began later, for all
    /// that its number says.
    pub(super) fn is_of_present_process(&self, number: FrameNumber) -> bool {
        let lower = self.buffer.next().is_some_and(|next| number.incarnation < next.incarnation);
        !lower && !self.incarnations.is_past(number.incarnation)
    }

    /// Goes over to a process that is there although its number says otherwise. Whether it is one.
    fn is_new_process(&mut self, object: &Object, cx: &mut Context<'_>) -> bool {
        let alive = self.incarnations.is_alive(object, cx.now);
        if alive {
            self.switch_to_process(object.number.incarnation, cx);
        }
        alive
    }

    fn switch_to_process(&mut self, incarnation: u64, cx: &mut Context<'_>) {
        let before = self.incarnations.is_back(incarnation);
        // What the other process had left to say is lost with it.
        while before.is_none() && self.buffer.hole().is_some() {
            self.give_up_hole(GapReason::PublisherRestarted, cx);
        }
        if let Some(left) = self.buffer.position() {
            // If it was not the later one, after all, nobody hears what came of it and waits.
            self.counters.lost = self.counters.lost.saturating_add(self.buffer.held());
            self.retire_process(left);
        }
        self.buffer = ReorderBuffer::default();
        match before {
            Some(left) => self.return_to_process(left, cx),
            None => self.begin(incarnation),
        }
        self.proceed(cx);
    }

    /// The process is there that was taken for a former one. In front of its next frame only what is missing of
    /// its own is counted.
    fn return_to_process(&mut self, left: FormerProcess, cx: &mut Context<'_>) {
        self.announce_gap(cx);
        let untold = left.delivered == self.counters.delivered;
        let missing = if untold { left.missing } else { 0 };
        self.gaps.add(left.position.next, missing, GapReason::PublisherRestarted);
        self.buffer.start(left.position.next, left.position.from);
    }

    /// The process that would have said this next is over.
    pub(super) fn retire_process(&mut self, position: Position) {
        let missing = self.gaps.frames().saturating_sub(self.gaps_of_former);
        let delivered = self.counters.delivered;
        self.incarnations.is_over(FormerProcess { position, missing, delivered });
        self.gaps.add(position.next, 0, GapReason::PublisherRestarted);
        self.gaps_of_former = self.gaps.frames();
        // The clock of the next one is another.
        self.lateness = Lateness::default();
        self.last_captured = None;
    }

    fn begin(&mut self, incarnation: u64) {
        self.buffer.start(FrameNumber::new(incarnation, 0), first_of(incarnation));
    }

    /// The first that is heard of the track: whoever wants all of it wants what was said before, too.
    pub(super) fn start_before(&mut self, number: FrameNumber, location: Location) {
        if self.buffer.next().is_some() {
            return;
        }
        match self.delivery {
            Delivery::Lossless => {
                let first = FrameNumber::new(number.incarnation, 0);
                self.buffer.start(first, first_of(number.incarnation));
                self.joined_midway = number > first;
            }
            Delivery::Live { .. } => self.buffer.start(number, location),
        }
    }

    fn accept(&mut self, object: Object, cx: &mut Context<'_>) -> bool {
        self.counters.received += 1;
        self.start_before(object.number, object.location);
        if self.is_too_late(&object, cx.now) {
            self.skip(&object, cx);
            return true;
        }
        let mut offer = self.buffer.offer(object, &self.retention);
        while let (Offer::NoRoom(object), Delivery::Live { .. }, Some(_)) =
            (&offer, self.delivery, self.buffer.first_held())
        {
            // The present does not wait for the past.
            let object = object.clone();
            self.give_up_hole(GapReason::TooLate, cx);
            offer = self.buffer.offer(object, &self.retention);
        }
        match offer {
            Offer::Next(object) => {
                self.deliver(object, cx);
                self.proceed(cx);
                true
            }
            Offer::Held => {
                self.proceed(cx);
                true
            }
            Offer::Repeated => {
                self.counters.repeated += 1;
                false
            }
            Offer::NoRoom(_) => {
                self.counters.refused += 1;
                false
            }
        }
    }

    fn is_too_late(&self, object: &Object, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Lossless => false,
            Delivery::Live { budget } => {
                let next = self.buffer.next();
                // Who begins is not late by the clock of the former one.
                next.is_none_or(|next| next.incarnation == object.number.incarnation)
                    && self.buffer.is_wanted(object.number)
                    && self.lateness.of(now, object.frame.captured_at) > budget
            }
        }
    }

    /// Lets a frame go that is too late, and all before it.
    fn skip(&mut self, object: &Object, cx: &mut Context<'_>) {
        let first = self.buffer.next().unwrap_or(object.number);
        if let Some(left) = self.buffer.position()
            && first.incarnation != object.number.incarnation
        {
            self.retire_process(left);
        }
        let frames = self.buffer.skip_to(object.number.next(), object.location.next());
        self.note_gap(first, frames, GapReason::TooLate, cx.now);
        self.proceed(cx);
    }
}
