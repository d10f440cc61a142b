//! What comes in of a track, and what of it reaches the application: in order, once, and complete or
//! at once, as the listener wants it (R22, R23).

mod accept;
mod deliver;
mod incarnations;
mod keyframe_gate;

use self::incarnations::Incarnations;
use self::keyframe_gate::KeyframeGate;
use crate::api::id::{FetchId, TrackId};
use crate::api::media::{Delivery, FrameNumber, GapReason, Location, MediaKind, Retention};
use crate::api::stats::SubscribedCounters;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::soonest::soonest;
use crate::subscribe::gaps::Gaps;
use crate::subscribe::lateness::Lateness;
use crate::subscribe::reorder_buffer::ReorderBuffer;
use crate::subscribe::repair::{Repair, Request, TrackSource};
use crate::subscribe::stall_detector::StallDetector;

/// A hole that keeps others waiting.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// The first frame that is missing, and the one that waits for it, or the end.
    missing: FrameNumber,
    behind: FrameNumber,
    since: Timestamp,
    /// When to ask for what is missing; `None` if that is due.
    ask_at: Option<Timestamp>,
    /// When to give it up.
    until: Timestamp,
    /// How many frames had been repaired when it began.
    repaired: u64,
}

/// The reception of one track.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    track: TrackId,
    kind: MediaKind,
    delivery: Delivery,
    retention: Retention,
    buffer: ReorderBuffer,
    incarnations: Incarnations,
    wait: Option<Wait>,
    repair: Repair,
    stall_detector: StallDetector,
    lateness: Lateness,
    gaps: Gaps,
    /// How many of the frames in `gaps` are of other processes than the present one.
    gaps_of_former: u64,
    /// When the last frame that was delivered had been captured, by its publisher's clock.
    last_captured: Option<u64>,
    /// Whether that frame came on the present subscription.
    continuous: bool,
    /// Whether what is missing is from before we came.
    joined_midway: bool,
    keyframe_gate: KeyframeGate,
    counters: SubscribedCounters,
}

impl Reception {
    pub(crate) fn new(
        track: TrackId,
        kind: MediaKind,
        delivery: Delivery,
        retention: Retention,
    ) -> Self {
        Self {
            track,
            kind,
            delivery,
            retention,
            buffer: ReorderBuffer::default(),
            incarnations: Incarnations::default(),
            wait: None,
            repair: Repair::default(),
            stall_detector: StallDetector::default(),
            lateness: Lateness::default(),
            gaps: Gaps::default(),
            gaps_of_former: 0,
            last_captured: None,
            continuous: false,
            joined_midway: false,
            keyframe_gate: KeyframeGate::default(),
            counters: SubscribedCounters::default(),
        }
    }

    pub(crate) fn counters(&self) -> SubscribedCounters {
        SubscribedCounters { held: self.buffer.held(), ..self.counters }
    }

    pub(crate) fn has_fetch(&self, fetch: FetchId) -> bool {
        self.repair.has(fetch)
    }

    /// Whether the publisher speaks, or answers when it is asked; `None` if it was never heard.
    pub(crate) fn answers(&self) -> Option<bool> {
        (self.counters.received > 0).then_some(!self.stall_detector.is_stalled())
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.repair.in_flight().is_some()
    }

    /// Whether the publisher has said all that it had to say, and all of it is decided.
    pub(crate) fn is_over(&self) -> bool {
        self.buffer.is_over()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let wait = self.wait.map(|wait| wait.ask_at.map_or(wait.until, |at| at.min(wait.until)));
        soonest([wait, self.repair.deadline(), self.stall_detector.deadline()])
    }

    /// Does what is due. `healthy`: whether the session is, so that silence is the publisher's.
    pub(crate) fn advance(&mut self, healthy: bool, cx: &mut Context<'_>) {
        if self.repair.advance(cx) {
            self.unanswered(healthy, cx);
        }
        self.stall_detector.advance(cx.now);
        let Some(wait) = &mut self.wait else { return };
        if wait.ask_at.is_some_and(|at| cx.now >= at) {
            wait.ask_at = None;
        }
        if cx.now >= wait.until {
            let reason = match self.delivery {
                Delivery::Live { .. } => GapReason::TooLate,
                Delivery::Lossless => GapReason::Unanswered,
            };
            self.give_up_hole(reason, cx);
        }
    }
}

/// What is missing is requested.
impl Reception {
    /// Asks for what is missing, if anything is and it is time; whether it did.
    pub(crate) fn ask(
        &mut self,
        source: impl FnOnce() -> TrackSource,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(request) = self.wanted(cx.now) else { return false };
        self.stall_detector.asked();
        self.repair.ask(request, source(), cx);
        true
    }

    fn wanted(&self, now: Timestamp) -> Option<Request> {
        if !self.repair.is_free() {
            return None;
        }
        let due = self.wait.is_some_and(|wait| wait.ask_at.is_none());
        if due
            && self.is_worth_asking(now)
            && let Some(hole) = self.buffer.hole()
        {
            return Some(Request { first: hole.first, last: hole.last, hole: Some(hole.number) });
        }
        let rest = Request { first: self.buffer.undecided(), last: Location::LAST, hole: None };
        self.stall_detector.is_wanted().then_some(rest)
    }

    /// Whether what is missing could still be delivered if it came.
    fn is_worth_asking(&self, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Lossless => true,
            Delivery::Live { budget } => {
                self.last_captured.is_some_and(|at| self.lateness.of(now, at) < budget)
            }
        }
    }
}

/// The subscription comes and goes.
impl Reception {
    /// It is ready: what was said meanwhile is asked for, or the present is expected.
    pub(crate) fn ready(&mut self, now: Timestamp) {
        match self.delivery {
            Delivery::Lossless => self.stall_detector.want(),
            Delivery::Live { .. } if self.buffer.next().is_some() => {
                self.stall_detector.expect(now)
            }
            Delivery::Live { .. } => {}
        }
    }

    pub(crate) fn resubscribed(&mut self) {
        self.counters.resubscribed += 1;
    }

    /// It is another one now: what is missing cannot be on its way any more.
    pub(crate) fn interrupted(&mut self) {
        self.continuous = false;
        self.incarnations.interrupted();
        if let Some(wait) = &mut self.wait {
            wait.ask_at = None;
        }
    }

    /// The session is gone.
    pub(crate) fn detach(&mut self) {
        self.repair.detach();
        self.interrupted();
    }

    /// The publisher is elsewhere now.
    pub(crate) fn moved(&mut self, cx: &mut Context<'_>) {
        self.repair.cancel(cx);
        self.interrupted();
    }

    /// The publisher has said that frame `end` does not exist, and none after it.
    pub(crate) fn end_at(&mut self, end: FrameNumber, cx: &mut Context<'_>) {
        if self.is_of_present_process(end) {
            self.start_before(end, Location::default());
            self.buffer.end_at(end);
            self.proceed(cx);
        } else {
            self.incarnations.suspect(end.incarnation, cx.now);
        }
    }

    /// Nobody listens any more: what is held back is let go.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>) {
        self.repair.cancel(cx);
        self.buffer = ReorderBuffer::default();
        self.announce_gap(cx);
    }

    /// The call is over: what came is delivered, whatever is missing before it.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        self.detach();
        while self.buffer.hole().is_some() {
            self.give_up_hole(GapReason::Unanswered, cx);
        }
        self.announce_gap(cx);
    }
}
