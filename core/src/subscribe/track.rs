//! A subscribed track: one that the application listens to. The track outlives every session; each
//! session has a subscription to it.

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
use crate::quality_monitor::TrackMeter;
use crate::subscribe::reception::Reception;
use crate::subscribe::repair::TrackSource;
use crate::subscribe::subscription::{ANSWER_TIMEOUT, Stage, Subscription};
use alloc::string::String;

/// A subscribed track.
#[derive(Clone, Debug)]
pub(crate) struct SubscribedTrack {
    pub(crate) id: TrackId,
    participant: String,
    name: String,
    kind: MediaKind,
    /// The publisher ended the track, or the application left it. Retained for its counters.
    over: bool,
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
            over: false,
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
        self.over
    }

    /// Whether the publisher sends objects or answers queries; `None` before its first object.
    pub(crate) fn answers(&self) -> Option<bool> {
        self.reception.answers()
    }

    /// Does what is due: subscribes again, times out a request without an answer, counts a
    /// subscription that stayed alive as ready, reports that the track is late.
    pub(crate) fn advance(
        &mut self,
        subscription: &mut Subscription,
        session: SessionId,
        cx: &mut Context<'_>,
    ) {
        match subscription.stage {
            Stage::Requested { id, at, .. } if cx.now >= at + ANSWER_TIMEOUT => {
                cx.out.push(Output::Unsubscribe { subscription: id });
                self.ended(subscription, true, cx);
            }
            Stage::Accepted { id, epoch, at, ready_at } if cx.now >= ready_at => {
                self.become_ready(subscription, (id, epoch, at), cx);
            }
            Stage::Ended { epoch, retry_at } if cx.now >= retry_at => {
                self.reception.resubscribed();
                self.subscribe(subscription, session, epoch, cx);
            }
            Stage::Wanted
            | Stage::Requested { .. }
            | Stage::Accepted { .. }
            | Stage::Ready { .. }
            | Stage::Ended { .. } => {}
        }
        if subscription.readiness.deadline().is_some_and(|until| cx.now >= until) {
            self.stop_waiting(subscription, cx);
        }
    }

    /// The readiness gate no longer waits. If it did, the application gets a notice why.
    pub(crate) fn stop_waiting(&self, subscription: &mut Subscription, cx: &mut Context<'_>) {
        let why = match subscription.stage {
            Stage::Wanted => "its participant has not announced itself again",
            Stage::Requested { .. } => "the relay has not answered the subscription",
            Stage::Ended { .. } => "the relay refused or ended the subscription",
            Stage::Accepted { .. } | Stage::Ready { .. } => {
                "the relay accepted the subscription only just now"
            }
        };
        if subscription.readiness.stop_waiting() {
            let (code, track) = (ErrorCode::SubscriptionNotReady, Some(self.id));
            cx.out.event(Event::Notice { code, track, detail: why.into() });
        }
    }

    /// The publisher's newest namespace has `epoch`; `None` without one. `expected`: the publisher
    /// is there, or was a moment ago.
    pub(crate) fn follow_epoch(
        &mut self,
        subscription: &mut Subscription,
        session: SessionId,
        (epoch, expected): (Option<u64>, bool),
        cx: &mut Context<'_>,
    ) {
        subscription.readiness.expect(expected, cx.now, cx.config.ready_timeout);
        if subscription.epoch() == epoch {
            return;
        }
        subscription.readiness.interrupted(cx.now, cx.config.ready_timeout);
        self.unsubscribe(subscription, cx);
        subscription.failures.clear();
        if let Some(epoch) = epoch {
            self.subscribe(subscription, session, epoch, cx);
        }
    }

    /// The session is gone, and with it the subscription and the FETCH on it.
    pub(crate) fn session_gone(&mut self) {
        self.reception.detach();
    }

    /// The application no longer listens. `subscription`: that on the present session.
    pub(crate) fn leave(&mut self, subscription: Option<&mut Subscription>, cx: &mut Context<'_>) {
        if !self.over {
            if let Some(subscription) = subscription {
                self.unsubscribe(subscription, cx);
                *subscription = Subscription::new(self.id);
            }
            self.over = true;
            self.reception.leave(cx);
            cx.out.push(Output::CloseTrack { track: self.id });
        }
    }

    /// The call is over.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if !self.over {
            self.reception.close(cx);
            cx.out.push(Output::CloseTrack { track: self.id });
        }
    }

    /// The subscription was refused, or ended. Its loss is reported only if a session is `up`.
    pub(crate) fn ended(
        &mut self,
        subscription: &mut Subscription,
        up: bool,
        cx: &mut Context<'_>,
    ) {
        let Some(epoch) = subscription.epoch() else { return };
        if matches!(subscription.stage, Stage::Ready { .. }) {
            subscription.readiness.interrupted(cx.now, cx.config.ready_timeout);
            if up {
                cx.out.event(Event::TrackInterrupted { track: self.id });
            }
        }
        self.reception.interrupted();
        subscription.stage = Stage::Ended { epoch, retry_at: subscription.failures.next_try(cx) };
    }

    /// An object arrived on the subscription; `true` if it was new.
    pub(crate) fn object(
        &mut self,
        subscription: &mut Subscription,
        object: Object,
        cx: &mut Context<'_>,
    ) -> bool {
        self.on_arrival(subscription, cx);
        let (number, captured_at) = (object.number, object.frame.captured_at);
        let new = self.reception.object(object, cx);
        if new {
            self.meter.arrived(cx.now, number, captured_at);
        }
        self.finish_if_over(Some(subscription), cx);
        new
    }

    /// The publisher announced that the track ends before frame `number`.
    pub(crate) fn end_of_track(
        &mut self,
        subscription: &mut Subscription,
        number: FrameNumber,
        cx: &mut Context<'_>,
    ) {
        self.on_arrival(subscription, cx);
        self.reception.end_at(number, cx);
        self.finish_if_over(Some(subscription), cx);
    }

    /// An object or the end arrived: the subscription is ready, even if it is not accepted yet.
    fn on_arrival(&mut self, subscription: &mut Subscription, cx: &mut Context<'_>) {
        if let Stage::Requested { id, epoch, at } | Stage::Accepted { id, epoch, at, .. } =
            subscription.stage
        {
            self.become_ready(subscription, (id, epoch, at), cx);
        }
    }

    fn finish_if_over(&mut self, subscription: Option<&mut Subscription>, cx: &mut Context<'_>) {
        if !self.over && self.reception.is_over() {
            self.reception.leave(cx);
            cx.out.event(Event::TrackFinished { track: self.id });
            self.leave(subscription, cx);
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
        subscription: &mut Subscription,
        (id, epoch, requested_at): (SubscriptionId, u64, Timestamp),
        cx: &mut Context<'_>,
    ) {
        subscription.stage = Stage::Ready { id, epoch };
        subscription.readiness.ready();
        subscription.failures.clear();
        self.reception.ready(cx.now);
        let latency = cx.now - requested_at;
        cx.telemetry.last_subscription_latency = Some(latency);
        cx.out.event(Event::TrackReady { track: self.id, latency });
    }

    fn unsubscribe(&mut self, subscription: &mut Subscription, cx: &mut Context<'_>) {
        if let Some(id) = subscription.id() {
            cx.out.push(Output::Unsubscribe { subscription: id });
        }
        subscription.stage = Stage::Wanted;
        self.reception.publisher_moved(cx);
    }

    fn subscribe(
        &mut self,
        subscription: &mut Subscription,
        session: SessionId,
        epoch: u64,
        cx: &mut Context<'_>,
    ) {
        let id = SubscriptionId(cx.mint.next());
        subscription.stage = Stage::Requested { id, epoch, at: cx.now };
        self.meter.restart();
        cx.out.push(Output::Subscribe {
            session,
            subscription: id,
            namespace: namespace::of_session(&cx.config.room, &self.participant, epoch),
            name: self.name.clone(),
        });
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
    pub(crate) fn request_missing(
        &mut self,
        subscription: &Subscription,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> bool {
        let Stage::Ready { epoch, .. } = subscription.stage else { return false };
        let config = cx.config;
        let source = || {
            let namespace = namespace::of_session(&config.room, &self.participant, epoch);
            TrackSource { session, namespace, name: self.name.clone() }
        };
        self.reception.request_missing(source, cx)
    }

    pub(crate) fn fetched(
        &mut self,
        subscription: Option<&mut Subscription>,
        object: Object,
        cx: &mut Context<'_>,
    ) {
        self.reception.fetched(object, cx);
        self.finish_if_over(subscription, cx);
    }

    pub(crate) fn fetch_ended(
        &mut self,
        mut subscription: Option<&mut Subscription>,
        end: FetchEnd,
        up: bool,
        cx: &mut Context<'_>,
    ) {
        let resubscribe = self.reception.fetch_ended(end, up, cx);
        if resubscribe
            && let Some(subscription) = &mut subscription
            && let Some(id) = subscription.id()
        {
            cx.out.push(Output::Unsubscribe { subscription: id });
            self.ended(subscription, up, cx);
        }
        self.finish_if_over(subscription, cx);
    }

    pub(crate) fn reception_deadline(&self) -> Option<Timestamp> {
        if self.over { None } else { self.reception.deadline() }
    }

    pub(crate) fn advance_reception(
        &mut self,
        subscription: Option<&mut Subscription>,
        up: bool,
        cx: &mut Context<'_>,
    ) {
        if !self.over {
            self.reception.advance(up, cx);
            self.finish_if_over(subscription, cx);
        }
    }
}
