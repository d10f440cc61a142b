//! A subscribed track: one that the application listens to. The track outlives every session. Its
//! subscription on a session fails and retries separately from the session, so that a publisher's
//! outage never makes its listener reconnect.

use alloc::string::String;
use core::time::Duration;

use crate::api::error::ErrorCode;
use crate::api::event::Event;
use crate::api::id::{FetchId, SessionId, SubscriptionId, TrackId};
use crate::api::media::{FetchEnd, FrameNumber, MediaKind, Object, Track};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::quality::Measurement;
use crate::api::stats::SubscribedTrackStats;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Failures;
use crate::context::soonest::soonest;
use crate::quality_monitor::TrackMeter;
use crate::subscribe::readiness::Readiness;
use crate::subscribe::reception::Reception;
use crate::subscribe::repair::TrackSource;

/// How long a relay may take to answer a SUBSCRIBE.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a subscription without objects must stay alive after SUBSCRIBE_OK to count as ready: a
/// relay also accepts a stale namespace, and then ends the track (R1).
const READY_AFTER: Duration = Duration::from_millis(300);

/// The state of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    /// There is no session, or the publisher is not there.
    Wanted,
    /// SUBSCRIBE was sent, and is not answered.
    Requested { id: SubscriptionId, epoch: u64, at: Timestamp },
    /// SUBSCRIBE_OK arrived, but no object yet: not ready (R1).
    Accepted { id: SubscriptionId, epoch: u64, at: Timestamp, ready_at: Timestamp },
    /// Objects arrive, or the subscription was accepted and stayed alive.
    Ready { id: SubscriptionId, epoch: u64 },
    /// The subscription was refused or ended, and is requested again at `retry_at`.
    Ended { epoch: u64, retry_at: Timestamp },
    /// The publisher ended the track, or the application left it. Retained for its counters.
    Over,
}

/// A subscribed track.
#[derive(Clone, Debug)]
pub(crate) struct SubscribedTrack {
    pub(crate) id: TrackId,
    participant: String,
    name: String,
    kind: MediaKind,
    subscription: Subscription,
    readiness: Readiness,
    failures: Failures,
    reception: Reception,
    meter: TrackMeter,
}

impl SubscribedTrack {
    pub(crate) fn new(id: TrackId, participant: String, track: Track) -> Self {
        let Track { name, kind, delivery, retention } = track;
        Self {
            id,
            participant,
            name,
            kind,
            subscription: Subscription::Wanted,
            readiness: Readiness::default(),
            failures: Failures::default(),
            reception: Reception::new(id, kind, delivery, retention),
            meter: TrackMeter::default(),
        }
    }

    pub(crate) fn participant(&self) -> &str {
        &self.participant
    }

    pub(crate) fn is_named(&self, participant: &str, name: &str) -> bool {
        self.participant == participant && self.name == name
    }

    pub(crate) fn is_over(&self) -> bool {
        self.subscription == Subscription::Over
    }

    /// Whether the publisher sends objects or answers queries; `None` before its first object.
    pub(crate) fn answers(&self) -> Option<bool> {
        self.reception.answers()
    }

    pub(crate) fn has(&self, subscription: SubscriptionId) -> bool {
        self.current() == Some(subscription)
    }

    /// Whether the readiness gate need not wait for the track.
    pub(crate) fn is_decided(&self) -> bool {
        self.is_over() || self.readiness.is_decided()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let request = match self.subscription {
            Subscription::Requested { at, .. } => Some(at + ANSWER_TIMEOUT),
            Subscription::Accepted { ready_at, .. } => Some(ready_at),
            Subscription::Ended { retry_at, .. } => Some(retry_at),
            Subscription::Wanted | Subscription::Ready { .. } => None,
            Subscription::Over => return None,
        };
        soonest([request, self.readiness.deadline()])
    }

    /// Does what is due: subscribes again, times out a request without an answer, counts a
    /// subscription that stayed alive as ready, reports that the track is late.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) {
        match self.subscription {
            Subscription::Requested { id, at, .. } if cx.now >= at + ANSWER_TIMEOUT => {
                cx.out.push(Output::Unsubscribe { subscription: id });
                self.ended(id, true, cx);
            }
            Subscription::Accepted { id, epoch, at, ready_at } if cx.now >= ready_at => {
                self.become_ready(id, epoch, at, cx);
            }
            Subscription::Ended { epoch, retry_at } if cx.now >= retry_at => {
                self.reception.resubscribed();
                self.subscribe(session, epoch, cx);
            }
            Subscription::Wanted
            | Subscription::Requested { .. }
            | Subscription::Accepted { .. }
            | Subscription::Ready { .. }
            | Subscription::Ended { .. }
            | Subscription::Over => {}
        }
        if self.readiness.deadline().is_some_and(|until| cx.now >= until) {
            self.stop_waiting(cx);
        }
    }

    /// The readiness gate no longer waits. If it did, the application gets a notice why.
    pub(crate) fn stop_waiting(&mut self, cx: &mut Context<'_>) {
        let why = match self.subscription {
            Subscription::Over => return,
            Subscription::Wanted => "its participant has not announced itself again",
            Subscription::Requested { .. } => "the relay has not answered the subscription",
            Subscription::Ended { .. } => "the relay refused or ended the subscription",
            Subscription::Accepted { .. } | Subscription::Ready { .. } => {
                "the relay accepted the subscription only just now"
            }
        };
        if self.readiness.stop_waiting() {
            let (code, track) = (ErrorCode::SubscriptionNotReady, Some(self.id));
            cx.out.event(Event::Notice { code, track, detail: why.into() });
        }
    }

    /// The publisher's newest namespace has `epoch`; `None` without one. `expected`: the publisher
    /// is there, or was a moment ago.
    pub(crate) fn follow_epoch(
        &mut self,
        session: SessionId,
        epoch: Option<u64>,
        expected: bool,
        cx: &mut Context<'_>,
    ) {
        if self.is_over() {
            return;
        }
        self.readiness.expect(expected, cx.now, cx.config.ready_timeout);
        if self.epoch() == epoch {
            return;
        }
        self.readiness.interrupted(cx.now, cx.config.ready_timeout);
        self.drop_subscription(cx);
        self.failures.clear();
        if let Some(epoch) = epoch {
            self.subscribe(session, epoch, cx);
        }
    }

    /// The session is gone.
    pub(crate) fn detach(&mut self) {
        if self.subscription != Subscription::Over {
            self.subscription = Subscription::Wanted;
        }
        self.readiness = Readiness::default();
        self.failures.clear();
        self.reception.detach();
    }

    /// The application no longer listens.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>) {
        if !self.is_over() {
            self.drop_subscription(cx);
            self.subscription = Subscription::Over;
            self.reception.leave(cx);
            cx.out.push(Output::CloseTrack { track: self.id });
        }
    }

    /// The call is over.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if !self.is_over() {
            self.reception.close(cx);
            cx.out.push(Output::CloseTrack { track: self.id });
        }
    }

    pub(crate) fn accepted(&mut self, subscription: SubscriptionId, now: Timestamp) {
        if let Subscription::Requested { id, epoch, at } = self.subscription
            && id == subscription
        {
            self.subscription =
                Subscription::Accepted { id, epoch, at, ready_at: now + READY_AFTER };
        }
    }

    /// The subscription was refused, or ended. Its loss is reported only if a session is `up`.
    pub(crate) fn ended(&mut self, subscription: SubscriptionId, up: bool, cx: &mut Context<'_>) {
        let (Some(current), Some(epoch)) = (self.current(), self.epoch()) else {
            return;
        };
        if current != subscription {
            return;
        }
        if matches!(self.subscription, Subscription::Ready { .. }) {
            self.readiness.interrupted(cx.now, cx.config.ready_timeout);
            if up {
                cx.out.event(Event::TrackInterrupted { track: self.id });
            }
        }
        self.reception.interrupted();
        self.subscription = Subscription::Ended { epoch, retry_at: self.failures.next_try(cx) };
    }

    /// An object arrived on the subscription; `true` if it was new.
    pub(crate) fn object(&mut self, object: Object, cx: &mut Context<'_>) -> bool {
        self.on_arrival(cx);
        let (number, captured_at) = (object.number, object.frame.captured_at);
        let new = self.reception.object(object, cx);
        if new {
            self.meter.arrived(cx.now, number, captured_at);
        }
        self.finish_if_over(cx);
        new
    }

    /// The publisher announced that the track ends before frame `number`.
    pub(crate) fn end_of_track(&mut self, number: FrameNumber, cx: &mut Context<'_>) {
        self.on_arrival(cx);
        self.reception.end_at(number, cx);
        self.finish_if_over(cx);
    }

    /// An object or the end arrived: the subscription is ready, even if it is not accepted yet.
    fn on_arrival(&mut self, cx: &mut Context<'_>) {
        if let Subscription::Requested { id, epoch, at }
        | Subscription::Accepted { id, epoch, at, .. } = self.subscription
        {
            self.become_ready(id, epoch, at, cx);
        }
    }

    fn finish_if_over(&mut self, cx: &mut Context<'_>) {
        if !self.is_over() && self.reception.is_over() {
            self.reception.leave(cx);
            cx.out.event(Event::TrackFinished { track: self.id });
            self.leave(cx);
        }
    }

    /// Takes the measurements since the last call.
    pub(crate) fn measure(&mut self) -> Option<(MediaKind, Measurement)> {
        self.meter.take().map(|measured| (self.kind, measured))
    }

    pub(crate) fn stats(&self) -> SubscribedTrackStats {
        SubscribedTrackStats {
            track: self.id,
            participant: self.participant.clone(),
            name: self.name.clone(),
            kind: self.kind,
            counters: self.reception.counters(),
        }
    }

    fn become_ready(
        &mut self,
        id: SubscriptionId,
        epoch: u64,
        requested_at: Timestamp,
        cx: &mut Context<'_>,
    ) {
        self.subscription = Subscription::Ready { id, epoch };
        self.readiness.ready();
        self.reception.ready(cx.now);
        self.failures.clear();
        let latency = cx.now - requested_at;
        cx.telemetry.last_subscription_latency = Some(latency);
        cx.out.event(Event::TrackReady { track: self.id, latency });
    }

    fn drop_subscription(&mut self, cx: &mut Context<'_>) {
        if let Some(subscription) = self.current() {
            cx.out.push(Output::Unsubscribe { subscription });
        }
        self.subscription = Subscription::Wanted;
        self.reception.publisher_moved(cx);
    }

    fn subscribe(&mut self, session: SessionId, epoch: u64, cx: &mut Context<'_>) {
        let id = SubscriptionId(cx.mint.next());
        self.subscription = Subscription::Requested { id, epoch, at: cx.now };
        self.meter.restart();
        cx.out.push(Output::Subscribe {
            session,
            subscription: id,
            namespace: namespace::of_session(&cx.config.room, &self.participant, epoch),
            name: self.name.clone(),
        });
    }

    fn current(&self) -> Option<SubscriptionId> {
        match self.subscription {
            Subscription::Requested { id, .. }
            | Subscription::Accepted { id, .. }
            | Subscription::Ready { id, .. } => Some(id),
            Subscription::Wanted | Subscription::Ended { .. } | Subscription::Over => None,
        }
    }

    fn epoch(&self) -> Option<u64> {
        match self.subscription {
            Subscription::Requested { epoch, .. }
            | Subscription::Accepted { epoch, .. }
            | Subscription::Ready { epoch, .. }
            | Subscription::Ended { epoch, .. } => Some(epoch),
            Subscription::Wanted | Subscription::Over => None,
        }
    }
}

/// FETCH: requests for missing frames, and their responses.
impl SubscribedTrack {
    pub(crate) fn has_fetch(&self, fetch: FetchId) -> bool {
        self.reception.has_fetch(fetch)
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.reception.is_fetching()
    }

    /// Sends a FETCH if one is due and the track is ready; `true` if it did.
    pub(crate) fn request_missing(&mut self, session: SessionId, cx: &mut Context<'_>) -> bool {
        let Subscription::Ready { epoch, .. } = self.subscription else { return false };
        let config = cx.config;
        let source = || {
            let namespace = namespace::of_session(&config.room, &self.participant, epoch);
            TrackSource { session, namespace, name: self.name.clone() }
        };
        self.reception.request_missing(source, cx)
    }

    pub(crate) fn fetched(&mut self, object: Object, cx: &mut Context<'_>) {
        self.reception.fetched(object, cx);
        self.finish_if_over(cx);
    }

    pub(crate) fn fetch_ended(&mut self, end: FetchEnd, up: bool, cx: &mut Context<'_>) {
        let resubscribe = self.reception.fetch_ended(end, up, cx);
        if resubscribe && let Some(subscription) = self.current() {
            cx.out.push(Output::Unsubscribe { subscription });
            self.ended(subscription, up, cx);
        }
        self.finish_if_over(cx);
    }

    pub(crate) fn reception_deadline(&self) -> Option<Timestamp> {
        if self.is_over() { None } else { self.reception.deadline() }
    }

    pub(crate) fn advance_reception(&mut self, up: bool, cx: &mut Context<'_>) {
        if !self.is_over() {
            self.reception.advance(up, cx);
            self.finish_if_over(cx);
        }
    }
}
