//! Tracks on a session: attached to the session, carried and repaired on it.

use super::Supervisor;
use crate::api::id::{FetchId, PublicationId, SessionId, SubscriptionId};
use crate::api::media::{FetchEnd, FrameNumber, Location, Object};
use crate::context::cx;
use crate::publish::FetchRequestId;
use crate::session::{Legs, Stage};
use crate::subscribe::{SubscribedTrack, Subscription};

/// How many tracks may have a FETCH in flight at once. Each uses one of the 100 streams that a
/// relay allows a session, and they must not delay a SUBSCRIBE.
const MOST_FETCHES: usize = 8;

impl Supervisor {
    /// Sends all requests that were not sent on this session yet.
    pub(super) fn attach_tracks(&mut self) {
        let Some(session) = self.legs.current_mut() else { return };
        session.offer(&mut self.published, &mut self.next_epoch, cx!(self));
        for remote in &self.participants {
            session.follow(&remote.participant, cx!(self));
        }
        self.follow_epochs();
    }

    /// A session that held our requests is gone, and what it was asked with it.
    pub(super) fn requests_gone(&mut self, session: SessionId) {
        self.fetch_responses.session_gone(session);
        self.subscribed.iter_mut().for_each(SubscribedTrack::session_gone);
    }

    pub(super) fn publication_ended(&mut self, id: PublicationId) {
        let Some((session, _)) = self.legs.attached_mut() else { return };
        for publication in session.requests.publications_mut() {
            publication.ended(id, cx!(self));
        }
    }

    pub(super) fn subscription_accepted(&mut self, id: SubscriptionId) {
        if let Some((session, _)) = self.legs.attached_mut()
            && let Some(subscription) = session.requests.subscription_by(id)
        {
            subscription.accepted(self.now);
        }
    }

    pub(super) fn subscription_ended(&mut self, id: SubscriptionId) {
        let up = self.is_up();
        if let Some((track, subscription)) = subscribed_by(&mut self.legs, &mut self.subscribed, id)
        {
            track.ended(subscription, up, cx!(self));
        }
    }

    pub(super) fn object(&mut self, id: SubscriptionId, object: Object) {
        let captured_at = object.frame.captured_at;
        if let Some((track, subscription)) = subscribed_by(&mut self.legs, &mut self.subscribed, id)
        {
            self.last_media = self.now;
            if track.object(subscription, object, cx!(self)) {
                self.note_pre_call_frame(captured_at);
            }
        }
    }

    pub(super) fn end_of_track(&mut self, id: SubscriptionId, number: FrameNumber) {
        if let Some((track, subscription)) = subscribed_by(&mut self.legs, &mut self.subscribed, id)
        {
            track.end_of_track(subscription, number, cx!(self));
        }
    }

    pub(super) fn fetched_object(&mut self, fetch: FetchId, object: Object) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            self.last_media = self.now;
            let subscription = subscription_of(&mut self.legs, track);
            track.fetched(subscription, object, cx!(self));
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId, end: FetchEnd) {
        let up = self.is_up();
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            let subscription = subscription_of(&mut self.legs, track);
            track.fetch_ended(subscription, end, up, cx!(self));
        }
    }

    pub(super) fn fetch_requested(
        &mut self,
        session: SessionId,
        moq_request: u64,
        name: &str,
        range: (Location, Location),
    ) {
        // A request that arrives on a silent path is stored, and answered if the path comes back.
        let open = self.legs.attached().is_some_and(|(open, _)| open.id == session);
        let up = open && self.is_up();
        if open {
            let id = FetchRequestId { session, moq_request };
            self.fetch_responses.requested(id, name, range, &self.published, cx!(self));
        }
        if up {
            self.fetch_responses.begin(&mut self.published, cx!(self));
        }
    }

    pub(super) fn fetch_cancelled(&mut self, session: SessionId, moq_request: u64) {
        self.fetch_responses.cancelled(FetchRequestId { session, moq_request });
        // Another request takes its place, but nothing is sent on a silent path.
        if self.legs.current().is_some_and(|current| current.id == session) {
            self.fetch_responses.begin(&mut self.published, cx!(self));
        }
    }

    /// Sends a FETCH for each track that needs one, within the limit. A call that is not live
    /// waits: `Recovered` is emitted first.
    pub(super) fn repair_tracks(&mut self) {
        let Some((session, Stage::Up { .. })) = self.legs.attached_mut() else { return };
        let id = session.id;
        let in_flight = self.subscribed.iter().filter(|track| track.is_fetching()).count();
        let mut free = MOST_FETCHES.saturating_sub(in_flight);
        for track in &mut self.subscribed {
            if free > 0
                && let Some(subscription) = session.requests.subscription_mut(track.id)
                && track.request_missing(subscription, id, cx!(self))
            {
                free -= 1;
            }
        }
    }

    pub(super) fn advance_receptions(&mut self) {
        if self.announced.is_final() {
            return;
        }
        let up = self.is_up();
        for track in &mut self.subscribed {
            let subscription = subscription_of(&mut self.legs, track);
            track.advance_reception(subscription, up, cx!(self));
        }
    }
}

/// A track, and the subscription to it that has the identifier.
fn subscribed_by<'a>(
    legs: &'a mut Legs,
    subscribed: &'a mut [SubscribedTrack],
    id: SubscriptionId,
) -> Option<(&'a mut SubscribedTrack, &'a mut Subscription)> {
    let subscription = legs.attached_mut()?.0.requests.subscription_by(id)?;
    let track = subscribed.iter_mut().find(|track| track.id == subscription.track)?;
    Some((track, subscription))
}

/// The subscription to a track on the session that holds our requests.
fn subscription_of<'a>(
    legs: &'a mut Legs,
    track: &SubscribedTrack,
) -> Option<&'a mut Subscription> {
    legs.attached_mut()?.0.requests.subscription_mut(track.id)
}
