//! The subscription to a track on one session.

use core::time::Duration;

use crate::api::id::{SessionId, SubscriptionId, TrackId};
use crate::api::media::FrameNumber;
use crate::api::time::Timestamp;
use crate::context::request::Failures;
use crate::context::soonest::soonest;
use crate::subscribe::readiness::Readiness;

/// How long a relay may take to answer a SUBSCRIBE.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a subscription without objects must stay alive after SUBSCRIBE_OK to count as ready: a
/// relay also accepts a stale namespace, and then ends the track (R1).
pub(super) const READY_AFTER: Duration = Duration::from_millis(300);

/// The stages of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The publisher is not there.
    Wanted,
    /// SUBSCRIBE was sent, and is not answered.
    Requested { id: SubscriptionId, epoch: u64, at: Timestamp },
    /// SUBSCRIBE_OK arrived, but no object yet: not ready (R1).
    Accepted { id: SubscriptionId, epoch: u64, at: Timestamp, ready_at: Timestamp },
    /// Objects arrive, or the subscription was accepted and stayed alive.
    Ready { id: SubscriptionId, epoch: u64 },
    /// The subscription was refused or ended, and is requested again at `retry_at`.
    Ended { epoch: u64, retry_at: Timestamp },
}

/// A track of another participant as one session subscribes to it. It fails and retries separately
/// from the session, so that a publisher's outage never makes its listener reconnect.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) track: TrackId,
    pub(super) stage: Stage,
    /// The subscription under a newer namespace of the publisher, as long as the present one flows.
    pub(super) next: Option<Next>,
    pub(super) readiness: Readiness,
    pub(super) failures: Failures,
    /// When another namespace may be followed beside the present one, and which one waits for that.
    pub(super) follow_at: Timestamp,
    pub(super) pending: Option<u64>,
}

/// A subscription that takes the place of the present one once it covers that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) stage: Stage,
    pub(super) failures: Failures,
    pub(super) brought: Option<Brought>,
}

/// What a subscription has brought so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brought {
    pub(super) first: FrameNumber,
    pub(super) since: Timestamp,
    pub(super) last: FrameNumber,
}

/// A newer namespace is followed beside the present one at most so often: a participant that
/// announces one after another must not use up the session's requests.
pub(super) const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// A subscription that brings frames takes the place of the present one at the latest after this.
const COVERED_AFTER: Duration = Duration::from_secs(1);

/// Where a track comes from: its subscription on one session.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) session: SessionId,
    pub(crate) subscription: &'a mut Subscription,
    /// Whether the path of the session carries.
    pub(crate) up: bool,
    /// Whether the track flows on another session, too.
    pub(crate) elsewhere: bool,
}

impl Source<'_> {
    /// Whether the track flows on another subscription than the present one, so that each frame
    /// arrives twice.
    pub(super) fn is_doubled(&self) -> bool {
        self.elsewhere || self.subscription.next.is_some_and(|next| next.brought.is_some())
    }
}

impl Next {
    pub(super) fn has(&self, id: SubscriptionId) -> bool {
        self.stage.id() == Some(id)
    }

    /// Whether it can take the place of the present one at `now`: it brings everything from the
    /// `wanted` frame on, and is not behind (a new connection has a small congestion window); or
    /// the track is quiet.
    pub(super) fn covers(&self, wanted: Option<FrameNumber>, now: Timestamp) -> bool {
        match (self.stage, self.brought, wanted) {
            (Stage::Accepted { ready_at, .. }, None, _) => now >= ready_at,
            (_, None, _) => false,
            (_, Some(_), None) => true,
            (_, Some(Brought { first, since, last }), Some(wanted)) => {
                let is_level = wanted <= last.next();
                let is_later = first.incarnation > wanted.incarnation;
                is_level && (first <= wanted || is_later || now >= since + COVERED_AFTER)
            }
        }
    }

    /// Another frame arrived. Returns whether it is the first one.
    pub(super) fn bring(&mut self, number: FrameNumber, now: Timestamp) -> bool {
        let is_first = self.brought.is_none();
        let brought = Brought { first: number, since: now, last: number };
        let brought = self.brought.get_or_insert(brought);
        brought.last = brought.last.max(number);
        is_first
    }

    /// `None` from the moment when it may take the other's place: then a frame decides.
    fn deadline(&self) -> Option<Timestamp> {
        self.stage.deadline()
    }
}

impl Stage {
    /// The identifier of the SUBSCRIBE that is open.
    pub(super) fn id(&self) -> Option<SubscriptionId> {
        match *self {
            Self::Requested { id, .. } | Self::Accepted { id, .. } | Self::Ready { id, .. } => {
                Some(id)
            }
            Self::Wanted | Self::Ended { .. } => None,
        }
    }

    /// The epoch of the namespace that is subscribed to.
    pub(super) fn epoch(&self) -> Option<u64> {
        match *self {
            Self::Requested { epoch, .. }
            | Self::Accepted { epoch, .. }
            | Self::Ready { epoch, .. }
            | Self::Ended { epoch, .. } => Some(epoch),
            Self::Wanted => None,
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match *self {
            Self::Requested { at, .. } => Some(at + ANSWER_TIMEOUT),
            Self::Accepted { ready_at, .. } => Some(ready_at),
            Self::Ended { retry_at, .. } => Some(retry_at),
            Self::Wanted | Self::Ready { .. } => None,
        }
    }

    fn accepted(&mut self, now: Timestamp) {
        if let Self::Requested { id, epoch, at } = *self {
            *self = Self::Accepted { id, epoch, at, ready_at: now + READY_AFTER };
        }
    }
}

impl Subscription {
    pub(crate) fn new(track: TrackId) -> Self {
        Self {
            track,
            stage: Stage::Wanted,
            next: None,
            readiness: Readiness::default(),
            failures: Failures::default(),
            follow_at: Timestamp::ZERO,
            pending: None,
        }
    }

    pub(crate) fn has(&self, id: SubscriptionId) -> bool {
        self.stage.id() == Some(id) || self.next.is_some_and(|next| next.has(id))
    }

    /// Whether objects arrive, or the subscription was accepted and stayed alive.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready { .. })
    }

    /// Whether the readiness gate need not wait for the track.
    pub(crate) fn is_decided(&self) -> bool {
        self.readiness.is_decided()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let next = self.next.as_ref().and_then(Next::deadline);
        let follow = self.pending.map(|_| self.follow_at);
        soonest([self.stage.deadline(), next, follow, self.readiness.deadline()])
    }

    /// The relay accepted a SUBSCRIBE.
    pub(crate) fn accepted(&mut self, id: SubscriptionId, now: Timestamp) {
        match &mut self.next {
            Some(next) if next.has(id) => next.stage.accepted(now),
            Some(_) | None => self.stage.accepted(now),
        }
    }

    /// The identifiers of all SUBSCRIBEs that are open.
    pub(super) fn ids(&self) -> impl Iterator<Item = SubscriptionId> {
        let next = self.next.and_then(|next| next.stage.id());
        self.stage.id().into_iter().chain(next)
    }

    /// The epoch that a FETCH goes to: the newer namespace as soon as that brings objects.
    pub(super) fn fetch_epoch(&self) -> Option<u64> {
        let Stage::Ready { epoch, .. } = self.stage else { return None };
        let next = self.next.filter(|next| next.brought.is_some());
        next.and_then(|next| next.stage.epoch()).or(Some(epoch))
    }
}
