//! A subscribed track: one that the application listens to. The track outlives every session; each
//! session has a subscription to it.

mod following;

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
use crate::subscribe::subscription::{ANSWER_TIMEOUT, Source, Stage, Subscription};
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
    pub(crate) fn advance(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        match source.subscription.stage {
            Stage::Requested { id, at, .. } if cx.now >= at + ANSWER_TIMEOUT => {
                cx.out.push(Output::Unsubscribe { subscription: id });
                self.ended(source, id, cx);
            }
            Stage::Accepted { id, epoch, at, ready_at } if cx.now >= ready_at => {
                self.become_ready(source, (id, epoch, at), cx);
            }
            Stage::Ended { epoch, retry_at } if cx.now >= retry_at => {
                self.reception.resubscribed();
                self.subscribe(source, epoch, cx);
            }
            Stage::Wanted
            | Stage::Requested { .. }
            | Stage::Accepted { .. }
            | Stage::Ready { .. }
            | Stage::Ended { .. } => {}
        }
        self.advance_next(source, cx);
        if source.subscription.readiness.deadline().is_some_and(|until| cx.now >= until) {
            self.stop_waiting(source.subscription, cx);
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

    /// A session is gone, and with it the subscription and the FETCH on it. `elsewhere`: whether
    /// the track flows on another session.
    pub(crate) fn session_gone(&mut self, session: SessionId, elsewhere: bool) {
        self.reception.session_gone(session, elsewhere);
    }

    /// The application no longer listens. `subscriptions`: those on all sessions.
    pub(crate) fn leave<'a>(
        &mut self,
        subscriptions: impl Iterator<Item = &'a mut Subscription>,
        cx: &mut Context<'_>,
    ) {
        if self.over {
            return;
        }
        for subscription in subscriptions {
            for id in subscription.ids() {
                cx.out.push(Output::Unsubscribe { subscription: id });
            }
            *subscription = Subscription::new(self.id);
        }
        self.over = true;
        self.reception.leave(cx);
        cx.out.push(Output::CloseTrack { track: self.id });
    }

    /// The call is over.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        if !self.over {
            self.reception.close(cx);
            cx.out.push(Output::CloseTrack { track: self.id });
        }
    }

    /// A subscription was refused, or ended. Its loss is reported if the session is up and the
    /// track does not flow in another way.
    pub(crate) fn ended(
        &mut self,
        source: &mut Source<'_>,
        id: SubscriptionId,
        cx: &mut Context<'_>,
    ) {
        let subscription = &mut *source.subscription;
        if let Some(next) = &mut subscription.next
            && next.has(id)
            && let Some(epoch) = next.stage.epoch()
        {
            next.stage = Stage::Ended { epoch, retry_at: next.failures.next_try(cx) };
            next.brought = None;
            return;
        }
        let Some(epoch) = subscription.stage.epoch() else { return };
        if let Some(next) = subscription.next.take() {
            subscription.stage = next.stage;
            subscription.failures = next.failures;
            if let (Some(_), Some(id), Some(epoch)) =
                (next.brought, next.stage.id(), next.stage.epoch())
            {
                // The other one brings the track already.
                subscription.stage = Stage::Ready { id, epoch };
                return;
            }
            self.interrupted(source, cx);
            return;
        }
        if subscription.is_ready() {
            self.interrupted(source, cx);
        } else if !source.elsewhere {
            self.reception.interrupted();
        }
        let subscription = &mut *source.subscription;
        let epoch = subscription.pending.take().unwrap_or(epoch);
        subscription.stage = Stage::Ended { epoch, retry_at: subscription.failures.next_try(cx) };
    }

    /// A track that was ready is not any more.
    fn interrupted(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        source.subscription.readiness.interrupted(cx.now, cx.config.ready_timeout);
        if !source.elsewhere {
            if source.up {
                cx.out.event(Event::TrackInterrupted { track: self.id });
            }
            self.reception.interrupted();
        }
    }

    /// Whether the track lacks nothing: its subscription flows, no frame is missing, and its end is
    /// not known.
    pub(crate) fn is_calm(&self, source: &Source<'_>) -> bool {
        source.subscription.is_ready()
            && source.subscription.next.is_none()
            && self.reception.is_calm()
    }

    /// An object arrived on a subscription; `true` if it was new.
    pub(crate) fn object(
        &mut self,
        source: &mut Source<'_>,
        id: SubscriptionId,
        object: Object,
        cx: &mut Context<'_>,
    ) -> bool {
        let (number, captured_at) = (object.number, object.frame.captured_at);
        self.on_arrival(source, id, Some(number), cx);
        let new = self.reception.object(object, source.is_doubled(), cx);
        if new {
            self.meter.arrived(cx.now, number, captured_at);
        }
        self.replace_if_covered(source, cx);
        new
    }

    /// The publisher announced that the track ends before frame `number`.
    pub(crate) fn end_of_track(
        &mut self,
        source: &mut Source<'_>,
        id: SubscriptionId,
        number: FrameNumber,
        cx: &mut Context<'_>,
    ) {
        self.on_arrival(source, id, None, cx);
        self.reception.end_at(number, cx);
    }

    /// An object or the end arrived: the subscription is ready, even if it is not accepted yet.
    fn on_arrival(
        &mut self,
        source: &mut Source<'_>,
        id: SubscriptionId,
        number: Option<FrameNumber>,
        cx: &mut Context<'_>,
    ) {
        if let Some(next) = &mut source.subscription.next
            && next.has(id)
        {
            if let (Some(number), Some(epoch)) = (number, next.stage.epoch()) {
                next.stage = Stage::Ready { id, epoch };
                if next.bring(number, cx.now) && !self.reception.flows(cx.now) {
                    self.reception.publisher_moved(source.session, source.elsewhere, cx);
                    self.reception.ready(cx.now);
                }
            }
            return;
        }
        if let Stage::Requested { id, epoch, at } | Stage::Accepted { id, epoch, at, .. } =
            source.subscription.stage
        {
            self.become_ready(source, (id, epoch, at), cx);
        }
    }

    /// Whether the publisher ended the track, and every frame before the end is decided, but the
    /// application has not been told.
    pub(crate) fn is_finished(&self) -> bool {
        !self.over && self.reception.is_over()
    }

    /// Tells the application that the track has ended, and leaves it.
    pub(crate) fn finish<'a>(
        &mut self,
        subscriptions: impl Iterator<Item = &'a mut Subscription>,
        cx: &mut Context<'_>,
    ) {
        self.reception.leave(cx);
        cx.out.event(Event::TrackFinished { track: self.id });
        self.leave(subscriptions, cx);
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
        source: &mut Source<'_>,
        (id, epoch, requested_at): (SubscriptionId, u64, Timestamp),
        cx: &mut Context<'_>,
    ) {
        let subscription = &mut *source.subscription;
        subscription.stage = Stage::Ready { id, epoch };
        subscription.readiness.ready();
        subscription.failures.clear();
        if !source.elsewhere {
            self.reception.ready(cx.now);
            let latency = cx.now - requested_at;
            cx.telemetry.last_subscription_latency = Some(latency);
            cx.out.event(Event::TrackReady { track: self.id, latency });
        }
    }

    fn unsubscribe(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        if let Some(id) = source.subscription.stage.id() {
            cx.out.push(Output::Unsubscribe { subscription: id });
        }
        source.subscription.stage = Stage::Wanted;
        self.reception.publisher_moved(source.session, source.elsewhere, cx);
    }

    fn subscribe(&mut self, source: &mut Source<'_>, epoch: u64, cx: &mut Context<'_>) {
        source.subscription.stage = self.request(source.session, epoch, cx);
        if !source.elsewhere {
            self.meter.restart();
        }
    }

    fn request(&self, session: SessionId, epoch: u64, cx: &mut Context<'_>) -> Stage {
        let id = SubscriptionId(cx.mint.next());
        cx.out.push(Output::Subscribe {
            session,
            subscription: id,
            namespace: namespace::of_session(&cx.config.room, &self.participant, epoch),
            name: self.name.clone(),
        });
        Stage::Requested { id, epoch, at: cx.now }
    }
}

/// FETCH: requests for missing frames, and their responses.
impl SubscribedTrack {
    pub(crate) fn has_fetch(&self, fetch: FetchId) -> bool {
        self.reception.has_fetch(fetch)
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.reception.fetches_on().is_some()
    }

    /// Sends a FETCH if one is due and the track is ready; `true` if it did.
    pub(crate) fn request_missing(
        &mut self,
        subscription: &Subscription,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(epoch) = subscription.fetch_epoch() else { return false };
        let config = cx.config;
        let source = || {
            let namespace = namespace::of_session(&config.room, &self.participant, epoch);
            TrackSource { session, namespace, name: self.name.clone() }
        };
        self.reception.request_missing(source, cx)
    }

    pub(crate) fn fetched(&mut self, object: Object, cx: &mut Context<'_>) {
        self.reception.fetched(object, cx);
    }

    /// A FETCH ended. `source`: the subscription on the session that it was asked on.
    pub(crate) fn fetch_ended(
        &mut self,
        source: Option<Source<'_>>,
        end: FetchEnd,
        cx: &mut Context<'_>,
    ) {
        let up = source.as_ref().is_some_and(|source| source.up);
        let resubscribe = self.reception.fetch_ended(end, up, cx);
        if resubscribe
            && let Some(mut source) = source
            && let Some(id) = source.subscription.stage.id()
        {
            cx.out.push(Output::Unsubscribe { subscription: id });
            self.ended(&mut source, id, cx);
        }
    }

    /// The session that the FETCH in flight was asked on.
    pub(crate) fn fetches_on(&self) -> Option<SessionId> {
        self.reception.fetches_on()
    }

    pub(crate) fn reception_deadline(&self) -> Option<Timestamp> {
        if self.over { None } else { self.reception.deadline() }
    }

    /// `up`: whether any session is.
    pub(crate) fn advance_reception(&mut self, up: bool, cx: &mut Context<'_>) {
        if !self.over {
            self.reception.advance(up, cx);
        }
    }
}
