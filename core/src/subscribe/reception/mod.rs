//! The reception of one track: frames reach the application in order, once, and either complete or
//! within the live budget (R22, R23).
//!
//! A frame that does not arrive starts up to four clocks:
//!
//! - **hole**: frames that are missing in front of a frame that arrived, or of the end. Begins when
//!   a frame arrives beyond the next one in order; ends when its frames arrive or are abandoned.
//! - **wait** (reordering wait): the frames may still be on their way on another stream. Begins
//!   with a hole on a subscription that was neither interrupted nor silent for 250 ms; ends after
//!   250 ms, or when that is interrupted.
//! - **repair**: the FETCH for the frames. Begins after the wait, once the call is live and the
//!   track ready; ends with the response. 2 s without an object (after failures, up to 8 s) abandon
//!   the request, and it is repeated after a pause.
//! - **gap**: frames that will not be delivered. Begins when the hole is abandoned: after the
//!   retention's age (lossless), or when it would exceed the budget (live): at once if its frames
//!   are too late already. Ends when the next frame is delivered, which reports the gap before it.

mod accept;
mod deliver;
mod incarnations;
mod keyframe_gate;

use core::time::Duration;

use self::incarnations::Incarnations;
use self::keyframe_gate::KeyframeGate;
use crate::api::id::{FetchId, SessionId, TrackId};
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

/// The deadlines of a hole that holds back other frames.
#[derive(Clone, Copy, Debug)]
struct OpenHole {
    /// The first missing frame, and the number after the last one: the frame that waits, or the
    /// end.
    start: FrameNumber,
    end: FrameNumber,
    since: Timestamp,
    /// When the reordering wait ends; `None` once repair is due.
    repair_at: Option<Timestamp>,
    /// When to abandon the hole.
    abandon_at: Timestamp,
    /// How many frames of the track had been repaired when the hole opened.
    repaired: u64,
}

/// How long missing frames may still be on their way on the same subscription: each group is a
/// stream of its own, and one stream waits for its lost packet while the next one continues.
const REORDERING: Duration = Duration::from_millis(250);

/// The reception of one track.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    track: TrackId,
    kind: MediaKind,
    delivery: Delivery,
    retention: Retention,
    buffer: ReorderBuffer,
    incarnations: Incarnations,
    open_hole: Option<OpenHole>,
    repair: Repair,
    stall_detector: StallDetector,
    lateness: Lateness,
    gaps: Gaps,
    /// How many of the frames in `gaps` are of former processes of the publisher.
    frames_of_former: u64,
    /// When the last delivered frame was captured, by its publisher's clock.
    last_captured: Option<u64>,
    /// Whether a frame was delivered since the subscription was last interrupted, or silent for
    /// longer than reordering lasts. Only then can a missing frame still be on its way.
    continuous: bool,
    /// When an object last arrived on the subscription.
    last_arrival: Timestamp,
    /// Whether missing frames were sent before we subscribed: until the first frame is delivered.
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
            open_hole: None,
            repair: Repair::default(),
            stall_detector: StallDetector::default(),
            lateness: Lateness::default(),
            gaps: Gaps::default(),
            frames_of_former: 0,
            last_captured: None,
            continuous: false,
            last_arrival: Timestamp::ZERO,
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

    /// Whether the publisher sends objects or answers queries; `None` before its first object.
    pub(crate) fn answers(&self) -> Option<bool> {
        (self.counters.received > 0).then_some(!self.stall_detector.is_stalled())
    }

    /// The session that the FETCH in flight was asked on.
    pub(crate) fn fetches_on(&self) -> Option<SessionId> {
        self.repair.in_flight().map(|fetch| fetch.session)
    }

    /// Whether the publisher announced the end of the track, and every frame before it is decided.
    pub(crate) fn is_over(&self) -> bool {
        self.buffer.is_over()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let hole = self
            .open_hole
            .map(|open| open.repair_at.map_or(open.abandon_at, |at| at.min(open.abandon_at)));
        soonest([hole, self.repair.deadline(), self.stall_detector.deadline()])
    }

    /// Does what is due. `healthy`: the session is up, so that silence is the publisher's.
    pub(crate) fn advance(&mut self, healthy: bool, cx: &mut Context<'_>) {
        if self.repair.advance(cx) {
            self.unanswered(healthy, cx);
        }
        self.stall_detector.advance(cx.now);
        let Some(open) = &mut self.open_hole else { return };
        if open.repair_at.is_some_and(|at| cx.now >= at) {
            open.repair_at = None;
        }
        if cx.now >= open.abandon_at {
            let reason = match self.delivery {
                Delivery::Live { .. } => GapReason::TooLate,
                Delivery::Lossless => GapReason::Unanswered,
            };
            self.abandon_hole(reason, cx);
        }
    }
}

/// Repair of missing frames, and queries of the publisher.
impl Reception {
    /// Sends a FETCH for missing frames, or as a query, if one is due; `true` if it did.
    pub(crate) fn request_missing(
        &mut self,
        source: impl FnOnce() -> TrackSource,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(request) = self.missing_range(cx.now) else { return false };
        self.stall_detector.query_sent();
        self.repair.request(request, source(), cx);
        true
    }

    fn missing_range(&self, now: Timestamp) -> Option<Request> {
        if !self.repair.is_free() {
            return None;
        }
        let due = self.open_hole.is_some_and(|open| open.repair_at.is_none());
        if due
            && self.is_worth_repairing(now)
            && let Some(hole) = self.buffer.hole()
        {
            return Some(Request { first: hole.first, last: hole.last, hole: Some(hole.number) });
        }
        let rest = Request { first: self.buffer.undecided(), last: Location::LAST, hole: None };
        self.stall_detector.wants_query().then_some(rest)
    }

    /// Whether missing frames could still be delivered if they arrived.
    fn is_worth_repairing(&self, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Lossless => true,
            Delivery::Live { budget } => {
                self.last_captured.is_some_and(|at| self.lateness.of(now, at) < budget)
            }
        }
    }
}

/// Beginning, interruption and end of the subscription.
impl Reception {
    /// The subscription is ready: a lossless track queries for frames sent during the outage; a
    /// live track that had frames before expects new ones.
    pub(crate) fn ready(&mut self, now: Timestamp) {
        match self.delivery {
            Delivery::Lossless => self.stall_detector.want_query(),
            Delivery::Live { .. } if self.buffer.next().is_some() => {
                self.stall_detector.expect(now)
            }
            Delivery::Live { .. } => {}
        }
    }

    pub(crate) fn resubscribed(&mut self) {
        self.counters.resubscribed += 1;
    }

    /// The number of the next frame in order.
    pub(crate) fn next_wanted(&self) -> Option<FrameNumber> {
        self.buffer.next()
    }

    /// Whether the publisher answers, no frame is missing or on its way by FETCH, and the end is
    /// not known.
    pub(crate) fn is_calm(&self) -> bool {
        self.answers() == Some(true)
            && self.open_hole.is_none()
            && self.repair.is_free()
            && !self.stall_detector.wants_query()
            && !self.buffer.has_end()
    }

    /// Whether objects arrived until a moment ago.
    pub(crate) fn flows(&self, now: Timestamp) -> bool {
        now - self.last_arrival <= REORDERING
    }

    /// The subscription ended: missing frames cannot be on their way any more.
    pub(crate) fn interrupted(&mut self) {
        self.continuous = false;
        self.incarnations.interrupted();
        if let Some(open) = &mut self.open_hole {
            open.repair_at = None;
        }
    }

    /// A session is gone, and a FETCH on it. `elsewhere`: whether the track flows on another one.
    pub(crate) fn session_gone(&mut self, session: SessionId, elsewhere: bool) {
        if self.repair.is_of(session) {
            self.repair.detach();
        }
        if !elsewhere {
            self.interrupted();
        }
    }

    /// The publisher's newest namespace on a session changed: FETCH goes there from now on.
    pub(crate) fn publisher_moved(
        &mut self,
        session: SessionId,
        elsewhere: bool,
        cx: &mut Context<'_>,
    ) {
        if self.repair.is_of(session) {
            self.repair.cancel(cx);
        }
        if !elsewhere {
            self.interrupted();
        }
    }

    /// The publisher announced that frame `end` and all after it do not exist.
    pub(crate) fn end_at(&mut self, end: FrameNumber, cx: &mut Context<'_>) {
        if self.is_of_present_process(end) {
            self.start_before(end, Location::default());
            self.buffer.end_at(end);
            self.proceed(cx);
        } else {
            self.incarnations.suspect(end.incarnation, cx.now);
        }
    }

    /// The application no longer listens: held frames are discarded.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>) {
        self.repair.cancel(cx);
        self.buffer = ReorderBuffer::default();
        self.emit_gap(cx);
    }

    /// The call is over: held frames are delivered, and the holes in front of them abandoned.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        self.repair.detach();
        self.interrupted();
        while self.buffer.hole().is_some() {
            self.abandon_hole(GapReason::Unanswered, cx);
        }
        self.emit_gap(cx);
    }
}
