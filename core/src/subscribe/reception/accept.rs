//! Arrival: objects from the subscription and from FETCH. Each frame number is accepted once, and a
//! former process of the publisher only after proof that it is alive.

use super::incarnations::FormerProcess;
use super::{REORDERING, Reception};
use crate::api::media::{Delivery, FetchEnd, FrameNumber, GapReason, Location, Object};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::subscribe::lateness::Lateness;
use crate::subscribe::reorder_buffer::{Offer, Position, ReorderBuffer, first_location};

impl Reception {
    /// An object arrived on a subscription; `true` if it was new. `elsewhere`: whether the track
    /// flows on another session, too. Then each frame arrives twice.
    pub(crate) fn object(&mut self, object: Object, elsewhere: bool, cx: &mut Context<'_>) -> bool {
        if !self.is_of_present_process(object.number) && !self.is_new_process(&object, cx) {
            self.counters.repeated += 1;
            return false;
        }
        let silence = self.stall_detector.received(cx.now);
        self.emit_resumed(silence, cx);
        // A publisher whose own path was cut kept its subscription here, and sent nothing on it.
        self.continuous &= cx.now - self.last_arrival <= REORDERING;
        self.last_arrival = cx.now;
        let captured_at = object.frame.captured_at;
        let repeated = self.counters.repeated;
        let new = self.accept(object, cx);
        if elsewhere {
            self.counters.duplicated += self.counters.repeated - repeated;
            self.counters.repeated = repeated;
        }
        self.lateness.arrived(cx.now, captured_at);
        new
    }

    /// An object arrived by FETCH. Its objects arrive in order: the publisher no longer retains
    /// missing frames before this one.
    pub(crate) fn fetched(&mut self, object: Object, cx: &mut Context<'_>) {
        self.repair.progress(cx.now);
        let number = object.number;
        if !self.is_of_present_process(number) {
            self.counters.repeated += 1;
            return;
        }
        if self.is_too_late(&object, cx.now) {
            // So are all frames before it, whether the publisher retains them or not.
            self.accept(object, cx);
            return;
        }
        self.start_before(number, object.location);
        while let Some(left) = self.buffer.position().filter(|left| left.next < number) {
            let next = left.next;
            if self.buffer.first_held().is_some_and(|held| held.number <= number) {
                self.abandon_hole(self.evicted_reason(), cx);
            } else if next.incarnation != number.incarnation {
                self.retire_process(left);
                self.begin(number.incarnation);
            } else {
                let frames = self.buffer.skip_to(number, object.location);
                self.note_gap(next, frames, self.evicted_reason(), cx.now);
            }
        }
        let repaired = self.buffer.next() == Some(number);
        self.counters.repaired += u64::from(repaired);
        self.accept(object, cx);
    }

    /// A FETCH ended; `true` if the track must be subscribed again: the subscription brings nothing
    /// although the publisher sends, or its objects were rejected wrongly.
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
                let was_query = fetch.request.hole.is_none();
                let silence = self.stall_detector.answered(cx.now, was_query && fetch.objects > 0);
                self.emit_resumed(silence, cx);
                if let Some(incarnation) = self.incarnations.suspected() {
                    // Its objects were rejected as a former process's, and must arrive again.
                    self.switch_to_process(incarnation, cx);
                    return true;
                }
                let hole = self.buffer.hole().map(|hole| hole.number);
                if hole.is_some() && hole == fetch.request.hole {
                    self.abandon_hole(self.evicted_reason(), cx);
                }
                self.stall_detector.is_subscription_dead()
            }
            FetchEnd::Unsupported => {
                let joined_midway = self.joined_midway;
                let reason =
                    if joined_midway { GapReason::BeforeJoining } else { GapReason::Unsupported };
                self.abandon_hole(reason, cx);
                false
            }
            FetchEnd::Failed => {
                self.unanswered(healthy, cx);
                false
            }
        }
    }

    /// Whether a number is of the publisher's present process, or of a later one as far as the
    /// incarnation shows.
    pub(super) fn is_of_present_process(&self, number: FrameNumber) -> bool {
        let lower = self.buffer.next().is_some_and(|next| number.incarnation < next.incarnation);
        !lower && !self.incarnations.is_past(number.incarnation)
    }

    /// Switches to the process of `object` if that proves to be alive; `true` if it does.
    fn is_new_process(&mut self, object: &Object, cx: &mut Context<'_>) -> bool {
        let alive = self.incarnations.proves_alive(object, cx.now);
        if alive {
            self.switch_to_process(object.number.incarnation, cx);
        }
        alive
    }

    fn switch_to_process(&mut self, incarnation: u64, cx: &mut Context<'_>) {
        let before = self.incarnations.take_past(incarnation);
        // The rest of the other process's frames is lost with it.
        while before.is_none() && self.buffer.hole().is_some() {
            self.abandon_hole(GapReason::PublisherRestarted, cx);
        }
        if let Some(left) = self.buffer.position() {
            // If that process was not the later one after all, its held frames are never delivered.
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

    /// Continues with a process that was wrongly taken for a former one. The gap in front of its
    /// next frame counts only its own missing frames.
    fn return_to_process(&mut self, left: FormerProcess, cx: &mut Context<'_>) {
        self.emit_gap(cx);
        let none_delivered_since = left.delivered == self.counters.delivered;
        let missing = if none_delivered_since { left.missing } else { 0 };
        self.gaps.add(left.position.next, missing, GapReason::PublisherRestarted);
        self.buffer.start(left.position.next, left.position.from);
    }

    /// The process whose next frame is at `position` has ended, as far as is known.
    pub(super) fn retire_process(&mut self, position: Position) {
        let missing = self.gaps.frames().saturating_sub(self.frames_of_former);
        let delivered = self.counters.delivered;
        self.incarnations.retire(FormerProcess { position, missing, delivered });
        self.gaps.add(position.next, 0, GapReason::PublisherRestarted);
        self.frames_of_former = self.gaps.frames();
        // The next process has another clock.
        self.lateness = Lateness::default();
        self.last_captured = None;
    }

    fn begin(&mut self, incarnation: u64) {
        self.buffer.start(FrameNumber::new(incarnation, 0), first_location(incarnation));
    }

    /// Fixes the track's start at its first object; a lossless track also wants earlier frames.
    pub(super) fn start_before(&mut self, number: FrameNumber, location: Location) {
        if self.buffer.next().is_some() {
            return;
        }
        match self.delivery {
            Delivery::Lossless => {
                let first = FrameNumber::new(number.incarnation, 0);
                self.buffer.start(first, first_location(number.incarnation));
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
            // A live track prefers the newest frame to the missing ones.
            let object = object.clone();
            self.abandon_hole(GapReason::TooLate, cx);
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
                // A publisher that restarted is not late by its former process's clock.
                next.is_none_or(|next| next.incarnation == object.number.incarnation)
                    && self.buffer.is_wanted(object.number)
                    && self.lateness.of(now, object.frame.captured_at) > budget
            }
        }
    }

    /// Skips a frame that is too late, and all frames before it.
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
