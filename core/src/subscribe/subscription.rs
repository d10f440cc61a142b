//! The subscription to a track on one session.

use core::time::Duration;

use crate::api::id::{SubscriptionId, TrackId};
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
    pub(super) readiness: Readiness,
    pub(super) failures: Failures,
}

impl Subscription {
    pub(crate) fn new(track: TrackId) -> Self {
        Self {
            track,
            stage: Stage::Wanted,
            readiness: Readiness::default(),
            failures: Failures::default(),
        }
    }

    pub(crate) fn has(&self, id: SubscriptionId) -> bool {
        self.id() == Some(id)
    }

    /// Whether the readiness gate need not wait for the track.
    pub(crate) fn is_decided(&self) -> bool {
        self.readiness.is_decided()
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let request = match self.stage {
            Stage::Requested { at, .. } => Some(at + ANSWER_TIMEOUT),
            Stage::Accepted { ready_at, .. } => Some(ready_at),
            Stage::Ended { retry_at, .. } => Some(retry_at),
            Stage::Wanted | Stage::Ready { .. } => None,
        };
        soonest([request, self.readiness.deadline()])
    }

    /// The relay accepted a SUBSCRIBE.
    pub(crate) fn accepted(&mut self, now: Timestamp) {
        if let Stage::Requested { id, epoch, at } = self.stage {
            self.stage = Stage::Accepted { id, epoch, at, ready_at: now + READY_AFTER };
        }
    }

    /// The identifier of the SUBSCRIBE that is open.
    pub(super) fn id(&self) -> Option<SubscriptionId> {
        match self.stage {
            Stage::Requested { id, .. } | Stage::Accepted { id, .. } | Stage::Ready { id, .. } => {
                Some(id)
            }
            Stage::Wanted | Stage::Ended { .. } => None,
        }
    }

    /// The epoch of the namespace that is subscribed to.
    pub(super) fn epoch(&self) -> Option<u64> {
        match self.stage {
            Stage::Requested { epoch, .. }
            | Stage::Accepted { epoch, .. }
            | Stage::Ready { epoch, .. }
            | Stage::Ended { epoch, .. } => Some(epoch),
            Stage::Wanted => None,
        }
    }
}
