//! Delivery: frames in order go to the application, each with the gap in front of it.

use core::time::Duration;

use super::{OpenHole, REORDERING, Reception};
use crate::api::event::Event;
use crate::api::media::{Delivery, FrameNumber, Gap, GapReason, MediaKind, Object};
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;

/// How long a live track without an outage waits for frames that are probably too late.
const STRAGGLERS: Duration = Duration::from_millis(60);

impl Reception {
    /// Delivers the held frames that are in order now, and updates the deadlines of the next hole.
    pub(super) fn proceed(&mut self, cx: &mut Context<'_>) {
        loop {
            while let Some(object) = self.buffer.take() {
                self.deliver(object, cx);
            }
            if let Some(left) = self.buffer.cross_to_next_incarnation() {
                self.retire_process(left);
                continue;
            }
            match self.buffer.hole() {
                Some(hole) if !hole.is_possible() => {
                    self.buffer.skip_hole();
                    self.note_gap(hole.number, hole.frames, GapReason::Evicted, cx.now);
                }
                Some(_) | None => break,
            }
        }
        self.update_open_hole(cx);
    }

    /// Sets the deadlines of the present hole, and ends those of one that has closed.
    fn update_open_hole(&mut self, cx: &mut Context<'_>) {
        let hole = self.buffer.hole().map(|hole| (hole.number, hole.end()));
        if let Some(open) = self.open_hole
            && hole.is_none_or(|(_, end)| end > open.end)
        {
            self.open_hole = None;
            let frames = self.counters.repaired - open.repaired;
            if frames > 0 {
                let (track, duration) = (self.track, cx.now - open.since);
                cx.out.event(Event::TrackRepaired { track, frames, duration });
            }
        }
        let Some((start, end)) = hole else { return };
        let abandon_at = cx.now + self.hole_timeout(cx.now);
        match &mut self.open_hole {
            // Each repaired frame of a lossless track renews the time. A live budget is fixed.
            Some(open) if self.delivery == Delivery::Lossless && start > open.start => {
                open.start = start;
                open.abandon_at = open.abandon_at.max(abandon_at);
            }
            Some(_) => {}
            None => {
                let repair_at = self.continuous.then_some(cx.now + REORDERING);
                let (since, repaired) = (cx.now, self.counters.repaired);
                self.open_hole =
                    Some(OpenHole { start, end, since, repair_at, abandon_at, repaired });
            }
        }
    }

    /// How long a held frame may wait for the missing ones in front of it.
    fn hole_timeout(&self, now: Timestamp) -> Duration {
        match self.delivery {
            // The frames are not on their way, and cannot be requested.
            _ if !self.continuous && self.repair.is_unsupported() => Duration::ZERO,
            Delivery::Lossless => self.retention.age,
            Delivery::Live { budget } => {
                let too_late = !self.is_worth_repairing(now);
                match self.last_captured {
                    // The present never waits for frames that are too late already.
                    _ if too_late && !self.continuous => Duration::ZERO,
                    // Where no outage explains them, that is an estimate: they have a moment.
                    Some(_) if too_late => STRAGGLERS,
                    Some(_) | None => {
                        let held = self.buffer.first_held();
                        let late = held.map(|held| self.lateness.of(now, held.frame.captured_at));
                        budget.saturating_sub(late.unwrap_or_default())
                    }
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, object: Object, cx: &mut Context<'_>) {
        if !self.is_decodable(&object, cx.now) {
            self.note_gap(object.number, 1, GapReason::TooLate, cx.now);
            return;
        }
        self.joined_midway = false;
        self.continuous = true;
        self.last_captured = Some(object.frame.captured_at);
        self.counters.delivered += 1;
        let gap = self.emit_gap(cx);
        cx.out.push(Output::Deliver { track: self.track, object, gap });
    }

    /// Whether a frame can be decoded: after a gap, live video waits for the next keyframe.
    fn is_decodable(&mut self, object: &Object, now: Timestamp) -> bool {
        if self.kind != MediaKind::Video || self.delivery == Delivery::Lossless {
            return true;
        }
        self.keyframe_gate.admits(object.frame.keyframe, now)
    }

    pub(super) fn evicted_reason(&self) -> GapReason {
        if self.joined_midway { GapReason::BeforeJoining } else { GapReason::Evicted }
    }

    pub(super) fn abandon_hole(&mut self, reason: GapReason, cx: &mut Context<'_>) {
        if let Some(hole) = self.buffer.hole() {
            self.buffer.skip_hole();
            self.note_gap(hole.number, hole.frames, reason, cx.now);
        }
        self.proceed(cx);
    }

    pub(super) fn note_gap(
        &mut self,
        at: FrameNumber,
        frames: u64,
        reason: GapReason,
        now: Timestamp,
    ) {
        let counter = match reason {
            GapReason::BeforeJoining => &mut self.counters.before_joining,
            GapReason::TooLate => &mut self.counters.skipped,
            GapReason::Evicted
            | GapReason::Unanswered
            | GapReason::Unsupported
            | GapReason::PublisherRestarted => &mut self.counters.lost,
        };
        *counter = counter.saturating_add(frames);
        self.gaps.add(at, frames, reason);
        self.keyframe_gate.close(now);
    }

    pub(super) fn emit_gap(&mut self, cx: &mut Context<'_>) -> Option<Gap> {
        self.frames_of_former = 0;
        let gap = self.gaps.take();
        if let Some(gap) = gap {
            cx.out.event(Event::Gap { track: self.track, gap });
        }
        gap
    }

    pub(super) fn unanswered(&mut self, healthy: bool, cx: &mut Context<'_>) {
        if !healthy {
            self.stall_detector.want_query();
        } else if self.stall_detector.unanswered(cx.now) {
            cx.out.event(Event::TrackStalled { track: self.track });
        }
    }

    pub(super) fn emit_resumed(&self, silence: Option<Duration>, cx: &mut Context<'_>) {
        if let Some(after) = silence {
            cx.out.event(Event::TrackResumed { track: self.track, after });
        }
    }
}
