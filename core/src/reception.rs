//! What comes in of a track, and what of it reaches the application: in order, once, and complete or
//! at once, as the listener wants it (R22, R23).

use core::time::Duration;

use crate::delivery::{Delivery, Retention};
use crate::desk::{Desk, earlier};
use crate::event::Event;
use crate::gap::{Gap, GapReason, Gaps};
use crate::id::{FetchId, TrackId};
use crate::lateness::Lateness;
use crate::media::{FrameNumber, Location, MediaKind, Object};
use crate::output::Output;
use crate::pulse::Pulse;
use crate::repair::{FetchEnd, Place, Repair, Request};
use crate::summary::SubscribedCounters;
use crate::time::Timestamp;
use crate::window::{Offer, Window, first_of};

/// How long what is missing may still be on its way on the same subscription: groups are streams of
/// their own, and one waits for its lost packet while the next goes on.
const REORDERING: Duration = Duration::from_millis(250);
/// How long a video track waits for a keyframe after a gap.
const KEYFRAME: Duration = Duration::from_secs(5);

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
    window: Window,
    wait: Option<Wait>,
    repair: Repair,
    pulse: Pulse,
    lateness: Lateness,
    gaps: Gaps,
    /// When the last frame that was delivered had been captured, by its publisher's clock.
    last_captured: Option<u64>,
    /// Whether that frame came on the present subscription.
    continuous: bool,
    /// Whether what is missing is from before we came.
    opening: bool,
    /// Whether this video track has keyframes.
    has_keyframes: bool,
    /// Until when the next one is waited for.
    keyframe_until: Option<Timestamp>,
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
            window: Window::default(),
            wait: None,
            repair: Repair::default(),
            pulse: Pulse::default(),
            lateness: Lateness::default(),
            gaps: Gaps::default(),
            last_captured: None,
            continuous: false,
            opening: false,
            has_keyframes: false,
            keyframe_until: None,
            counters: SubscribedCounters::default(),
        }
    }

    pub(crate) fn counters(&self) -> SubscribedCounters {
        SubscribedCounters { held: self.window.held(), ..self.counters }
    }

    pub(crate) fn has_fetch(&self, fetch: FetchId) -> bool {
        self.repair.has(fetch)
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.repair.in_flight().is_some()
    }

    /// Whether the publisher has said all that it had to say, and all of it is decided.
    pub(crate) fn is_over(&self) -> bool {
        self.window.is_over()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let wait = self.wait.map(|wait| wait.ask_at.map_or(wait.until, |at| at.min(wait.until)));
        earlier(earlier(wait, self.repair.deadline()), self.pulse.deadline())
    }

    /// Does what is due. `healthy`: whether the session is, so that silence is the publisher's.
    pub(crate) fn advance(&mut self, healthy: bool, desk: &mut Desk<'_>) {
        if self.repair.advance(desk) {
            self.unanswered(healthy, desk);
        }
        self.pulse.advance(desk.now);
        let Some(wait) = &mut self.wait else { return };
        if wait.ask_at.is_some_and(|at| desk.now >= at) {
            wait.ask_at = None;
        }
        if desk.now >= wait.until {
            let reason = match self.delivery {
                Delivery::Live { .. } => GapReason::TooLate,
                Delivery::Lossless => GapReason::Unanswered,
            };
            self.give_up_hole(reason, desk);
        }
    }
}

/// The subscription comes and goes.
impl Reception {
    /// It is ready: what was said meanwhile is asked for.
    pub(crate) fn ready(&mut self) {
        if self.delivery == Delivery::Lossless {
            self.pulse.want();
        }
    }

    pub(crate) fn resubscribed(&mut self) {
        self.counters.resubscribed += 1;
    }

    /// It is another one now: what is missing cannot be on its way any more.
    pub(crate) fn interrupted(&mut self) {
        self.continuous = false;
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
    pub(crate) fn moved(&mut self, desk: &mut Desk<'_>) {
        self.repair.cancel(desk);
        self.interrupted();
    }

    /// The publisher has said that frame `end` does not exist, and none after it.
    pub(crate) fn end_at(&mut self, end: FrameNumber, desk: &mut Desk<'_>) {
        self.start_before(end, Location::default());
        self.window.end_at(end);
        self.proceed(desk);
    }

    /// Nobody listens any more.
    pub(crate) fn leave(&mut self, desk: &mut Desk<'_>) {
        self.repair.cancel(desk);
        self.tell_gap(desk);
    }

    /// The call is over: what came is delivered, whatever is missing before it.
    pub(crate) fn close(&mut self, desk: &mut Desk<'_>) {
        self.detach();
        while self.window.hole().is_some() {
            self.give_up_hole(GapReason::Unanswered, desk);
        }
        self.tell_gap(desk);
    }
}

/// What comes in.
impl Reception {
    /// An object came by subscription; whether it was new.
    pub(crate) fn object(&mut self, object: Object, desk: &mut Desk<'_>) -> bool {
        let silence = self.pulse.heard(desk.now);
        self.tell_resumed(silence, desk);
        let captured_at = object.frame.captured_at;
        let new = self.take_in(object, desk);
        self.lateness.arrived(desk.now, captured_at);
        new
    }

    /// An object came by FETCH: the first that the publisher has of what was asked for, or the one
    /// after that. What is missing before it is gone.
    pub(crate) fn fetched(&mut self, object: Object, desk: &mut Desk<'_>) {
        self.repair.progress(desk.now);
        let number = object.number;
        self.start_before(number, object.location);
        while let Some(next) = self.window.next().filter(|next| *next < number) {
            if self.window.first_held().is_some_and(|held| held.number <= number) {
                self.give_up_hole(self.evicted(), desk);
            } else if next.incarnation != number.incarnation {
                self.gaps.add(next, 0, GapReason::PublisherRestarted);
                let incarnation = number.incarnation;
                self.window.start(FrameNumber::new(incarnation, 0), first_of(incarnation));
            } else {
                let frames = self.window.skip_to(number, object.location);
                self.note_gap(next, frames, self.evicted(), desk.now);
            }
        }
        let repaired = self.window.next() == Some(number);
        self.counters.repaired += u64::from(repaired);
        self.take_in(object, desk);
    }

    /// A FETCH ended; whether the subscription seems to bring nothing although its publisher speaks.
    pub(crate) fn fetch_ended(
        &mut self,
        end: FetchEnd,
        healthy: bool,
        desk: &mut Desk<'_>,
    ) -> bool {
        let Some(fetch) = self.repair.in_flight() else { return false };
        self.repair.ended(end, desk);
        match end {
            FetchEnd::Complete => {
                let looked = fetch.request.hole.is_none();
                let silence = self.pulse.answered(desk.now, looked && fetch.objects > 0);
                self.tell_resumed(silence, desk);
                let hole = self.window.hole().map(|hole| hole.number);
                if hole.is_some() && hole == fetch.request.hole {
                    self.give_up_hole(self.evicted(), desk);
                }
                self.pulse.is_elsewhere()
            }
            FetchEnd::Unsupported => {
                let opening = self.opening;
                let reason =
                    if opening { GapReason::BeforeJoining } else { GapReason::Unsupported };
                self.give_up_hole(reason, desk);
                false
            }
            FetchEnd::Failed => {
                self.unanswered(healthy, desk);
                false
            }
        }
    }

    /// The first that is heard of the track: whoever wants all of it wants what was said before, too.
    fn start_before(&mut self, number: FrameNumber, location: Location) {
        if self.window.next().is_some() {
            return;
        }
        match self.delivery {
            Delivery::Lossless => {
                let first = FrameNumber::new(number.incarnation, 0);
                self.window.start(first, first_of(number.incarnation));
                self.opening = number > first;
            }
            Delivery::Live { .. } => self.window.start(number, location),
        }
    }

    fn take_in(&mut self, object: Object, desk: &mut Desk<'_>) -> bool {
        self.counters.received += 1;
        self.start_before(object.number, object.location);
        if self.is_too_late(&object, desk.now) {
            self.skip(&object, desk);
            return true;
        }
        let mut offer = self.window.offer(object, &self.retention);
        while let (Offer::NoRoom(object), Delivery::Live { .. }, Some(_)) =
            (&offer, self.delivery, self.window.first_held())
        {
            // The present does not wait for the past.
            let object = object.clone();
            self.give_up_hole(GapReason::TooLate, desk);
            offer = self.window.offer(object, &self.retention);
        }
        match offer {
            Offer::Next(object) => {
                self.deliver(object, desk);
                self.proceed(desk);
                true
            }
            Offer::Held => {
                self.proceed(desk);
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
                self.window.is_wanted(object.number)
                    && self.lateness.of(now, object.frame.captured_at) > budget
            }
        }
    }

    /// Lets a frame go that is too late, and all before it.
    fn skip(&mut self, object: &Object, desk: &mut Desk<'_>) {
        let first = self.window.next().unwrap_or(object.number);
        let frames = self.window.skip_to(object.number.next(), object.location.next());
        self.note_gap(first, frames, GapReason::TooLate, desk.now);
        self.proceed(desk);
    }
}

/// What goes out.
impl Reception {
    /// Delivers what is no longer held back, and sees what is missing now.
    fn proceed(&mut self, desk: &mut Desk<'_>) {
        loop {
            while let Some(object) = self.window.take() {
                self.deliver(object, desk);
            }
            if let Some(next) = self.window.cross() {
                self.gaps.add(next, 0, GapReason::PublisherRestarted);
                continue;
            }
            match self.window.hole() {
                Some(hole) if !hole.is_possible() => {
                    self.window.skip_hole();
                    self.note_gap(hole.number, hole.frames, GapReason::Evicted, desk.now);
                }
                Some(_) | None => break,
            }
        }
        self.watch_hole(desk);
    }

    /// Begins to wait for what is missing, or ends waiting.
    fn watch_hole(&mut self, desk: &mut Desk<'_>) {
        let hole = self.window.hole().map(|hole| (hole.number, hole.behind()));
        if let Some(wait) = self.wait
            && hole.is_none_or(|(_, behind)| behind > wait.behind)
        {
            self.wait = None;
            let frames = self.counters.repaired - wait.repaired;
            if frames > 0 {
                let (track, duration) = (self.track, desk.now - wait.since);
                desk.out.event(Event::TrackRepaired { track, frames, duration });
            }
        }
        let Some((missing, behind)) = hole else { return };
        let until = desk.now + self.patience(desk.now);
        match &mut self.wait {
            // What is being repaired has its time from one frame to the next. The present has not.
            Some(wait) if self.delivery == Delivery::Lossless && missing > wait.missing => {
                wait.missing = missing;
                wait.until = wait.until.max(until);
            }
            Some(_) => {}
            None => {
                let ask_at = self.continuous.then_some(desk.now + REORDERING);
                let (since, repaired) = (desk.now, self.counters.repaired);
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
                let held = self.window.first_held();
                let late = held.map(|held| self.lateness.of(now, held.frame.captured_at));
                budget.saturating_sub(late.unwrap_or_default())
            }
        }
    }

    fn deliver(&mut self, object: Object, desk: &mut Desk<'_>) {
        if !self.is_decodable(&object, desk.now) {
            self.note_gap(object.number, 1, GapReason::TooLate, desk.now);
            return;
        }
        self.opening = false;
        self.continuous = true;
        self.last_captured = Some(object.frame.captured_at);
        self.counters.delivered += 1;
        let gap = self.tell_gap(desk);
        desk.out.push(Output::Deliver { track: self.track, object, gap });
    }

    /// Whether a video frame can be shown: after a gap the next keyframe is waited for, if there are
    /// any.
    fn is_decodable(&mut self, object: &Object, now: Timestamp) -> bool {
        if self.kind != MediaKind::Video || self.delivery == Delivery::Lossless {
            return true;
        }
        self.has_keyframes |= object.frame.keyframe;
        if object.frame.keyframe || self.keyframe_until.is_some_and(|until| now >= until) {
            self.keyframe_until = None;
        }
        self.keyframe_until.is_none()
    }

    fn evicted(&self) -> GapReason {
        if self.opening { GapReason::BeforeJoining } else { GapReason::Evicted }
    }

    fn give_up_hole(&mut self, reason: GapReason, desk: &mut Desk<'_>) {
        if let Some(hole) = self.window.hole() {
            self.window.skip_hole();
            self.note_gap(hole.number, hole.frames, reason, desk.now);
        }
        self.proceed(desk);
    }

    fn note_gap(&mut self, at: FrameNumber, frames: u64, reason: GapReason, now: Timestamp) {
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
        if self.has_keyframes {
            self.keyframe_until.get_or_insert(now + KEYFRAME);
        }
    }

    fn tell_gap(&mut self, desk: &mut Desk<'_>) -> Option<Gap> {
        let gap = self.gaps.take();
        if let Some(gap) = gap {
            desk.out.event(Event::Gap { track: self.track, gap });
        }
        gap
    }

    fn unanswered(&mut self, healthy: bool, desk: &mut Desk<'_>) {
        if !healthy {
            self.pulse.want();
        } else if self.pulse.unanswered(desk.now) {
            desk.out.event(Event::TrackStalled { track: self.track });
        }
    }

    fn tell_resumed(&self, silence: Option<Duration>, desk: &mut Desk<'_>) {
        if let Some(after) = silence {
            desk.out.event(Event::TrackResumed { track: self.track, after });
        }
    }
}

/// Asking for what is missing.
impl Reception {
    /// Asks for what is missing, if anything is and it is time; whether it did.
    pub(crate) fn ask(&mut self, place: impl FnOnce() -> Place, desk: &mut Desk<'_>) -> bool {
        let Some(request) = self.wanted(desk.now) else { return false };
        self.pulse.asked();
        self.repair.ask(request, place(), desk);
        true
    }

    fn wanted(&self, now: Timestamp) -> Option<Request> {
        if !self.repair.is_free() {
            return None;
        }
        let due = self.wait.is_some_and(|wait| wait.ask_at.is_none());
        if due
            && self.is_worth_asking(now)
            && let Some(hole) = self.window.hole()
        {
            return Some(Request { first: hole.first, last: hole.last, hole: Some(hole.number) });
        }
        let rest = Request { first: self.window.undecided(), last: Location::LAST, hole: None };
        self.pulse.is_wanted().then_some(rest)
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
