//! What goes out of a track: what is no longer held back, and what is missing before it.

use core::time::Duration;

use super::{Reception, Wait};
use crate::api::event::Event;
use crate::api::media::{Delivery, FrameNumber, Gap, GapReason, MediaKind, Object};
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;

/// How long what is missing may still be on its way on the same subscription: groups are streams of
/// their own, and one waits for its lost packet while the next goes on.
const REORDERING: Duration = Duration::from_millis(250);

impl Reception {
    /// Delivers what is no longer held back, and sees what is missing now.
    pub(super) fn proceed(&mut self, cx: &mut Context<'_>) {
        loop {
            while let Some(object) = self.buffer.take() {
                self.deliver(object, cx);
            }
            if let Some(left) = self.buffer.cross() {
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
        self.watch_hole(cx);
    }

    /// Begins to wait for what is missing, or ends waiting.
    fn watch_hole(&mut self, cx: &mut Context<'_>) {
        let hole = self.buffer.hole().map(|hole| (hole.number, hole.behind()));
        if let Some(wait) = self.wait
            && hole.is_none_or(|(_, behind)| behind > wait.behind)
        {
            self.wait = None;
            let frames = self.counters.repaired - wait.repaired;
            if frames > 0 {
                let (track, duration) = (self.track, cx.now - wait.since);
                cx.out.event(Event::TrackRepaired { track, frames, duration });
            }
        }
        let Some((missing, behind)) = hole else { return };
        let until = cx.now + self.patience(cx.now);
        match &mut self.wait {
            // What is being repaired has its time from one frame to the next. The present has not.
            Some(wait) if self.delivery == Delivery::Lossless && missing > wait.missing => {
                wait.missing = missing;
                wait.until = wait.until.max(until);
            }
            Some(_) => {}
            None => {
                let ask_at = self.continuous.then_some(cx.now + REORDERING);
                let (since, repaired) = (cx.now, self.counters.repaired);
                self.wait = Some(Wait { missing, behind, since, ask_at, until, repaired });
            }
        }
    }

    /// How long what came may wait for what is missing before it.
    fn patience(&self, now: Timestamp) -> Duration {
        match self.delivery {
            // Nobody can be asked, and it is not on its way.
            _ if !self.continuous && self.repair.is_unsupported() => Duration::ZERO,
            Delivery::Lossless => self.retention.age,
            Delivery::Live { .. } if !self.continuous && !self.is_worth_asking(now) => {
                Duration::ZERO
            }
            Delivery::Live { budget } => {
                let held = self.buffer.first_held();
                let late = held.map(|held| self.lateness.of(now, held.frame.captured_at));
                budget.saturating_sub(late.unwrap_or_default())
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
        let gap = self.announce_gap(cx);
        cx.out.push(Output::Deliver { track: self.track, object, gap });
    }

    /// Whether a video frame can be shown: after a gap the next keyframe is waited for, if there are
    /// any.
    fn is_decodable(&mut self, object: &Object, now: Timestamp) -> bool {
        if self.kind != MediaKind::Video || self.delivery == Delivery::Lossless {
            return true;
        }
        self.keyframe_gate.admits(object.frame.keyframe, now)
    }

    pub(super) fn evicted(&self) -> GapReason {
        if self.joined_midway { GapReason::BeforeJoining } else { GapReason::Evicted }
    }

    pub(super) fn give_up_hole(&mut self, reason: GapReason, cx: &mut Context<'_>) {
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

    pub(super) fn announce_gap(&mut self, cx: &mut Context<'_>) -> Option<Gap> {
        self.gaps_of_former = 0;
        let gap = self.gaps.take();
        if let Some(gap) = gap {
            cx.out.event(Event::Gap { track: self.track, gap });
        }
        gap
    }

    pub(super) fn unanswered(&mut self, healthy: bool, cx: &mut Context<'_>) {
        if !healthy {
            self.stall_detector.want();
        } else if self.stall_detector.unanswered(cx.now) {
            cx.out.event(Event::TrackStalled { track: self.track });
        }
    }

    pub(super) fn announce_resumed(&self, silence: Option<Duration>, cx: &mut Context<'_>) {
        if let Some(after) = silence {
            cx.out.event(Event::TrackResumed { track: self.track, after });
        }
    }
}
