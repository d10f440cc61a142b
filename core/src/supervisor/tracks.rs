//! Tracks on a session: attached to the session, carried and repaired on it.

use super::Supervisor;
use crate::api::deadline::WakeReason;
use crate::api::id::{FetchId, PublicationId, SessionId, SubscriptionId};
use crate::api::media::{FetchEnd, FrameNumber, Location, Object};
use crate::context::cx;
use crate::publish::FetchRequestId;
use crate::session::{Legs, Stage};
use crate::subscribe::{Source, SubscribedTrack};
use crate::supervisor::dispatch::Effect;

/// How many tracks may have a FETCH in flight at once. Each uses one of the 100 streams that a
/// relay allows a session, and they must not delay a SUBSCRIBE.
const MOST_FETCHES: usize = 8;

impl Supervisor {
    /// Sends all requests that the active session, or its successor, does not have yet.
    pub(super) fn attach_tracks(&mut self) {
        for id in self.legs.attachable().into_iter().flatten() {
            let Some((session, _)) = self.legs.session_mut(id) else { continue };
            session.offer(&mut self.published, &mut self.next_epoch, cx!(self));
            for remote in &self.participants {
                session.follow(&remote.participant, cx!(self));
            }
        }
        self.follow_epochs();
    }

    pub(super) fn publication_ended(&mut self, id: PublicationId) {
        for (session, _) in self.legs.sessions_mut() {
            for publication in session.requests.publications_mut() {
                publication.ended(id, cx!(self));
            }
        }
    }

    pub(super) fn subscription_accepted(&mut self, id: SubscriptionId) {
        if let Some((track, session)) = self.legs.subscribed_by(id)
            && let Some(source) = self.legs.source(track, session)
        {
            source.subscription.accepted(id, self.now);
        }
    }

    pub(super) fn subscription_ended(&mut self, id: SubscriptionId) {
        if let Some((track, mut source)) = subscribed_by(&mut self.legs, &mut self.subscribed, id) {
            track.ended(&mut source, id, cx!(self));
        }
    }

    /// An object in order, on a track that lacks nothing, moves only the deadline of its track.
    pub(super) fn object(&mut self, id: SubscriptionId, object: Object) -> Effect {
        let captured_at = object.frame.captured_at;
        let Some((track, mut source)) = subscribed_by(&mut self.legs, &mut self.subscribed, id)
        else {
            return Effect::Steady;
        };
        self.last_media = self.now;
        let was_calm = track.is_calm(&source);
        let new = track.object(&mut source, id, object, cx!(self));
        if was_calm && track.is_calm(&source) && self.pre_call.is_none() {
            let deadline = track.reception_deadline();
            self.lower_deadline(WakeReason::Track, deadline);
            return Effect::Steady;
        }
        self.finish_tracks();
        if new {
            self.note_pre_call_frame(captured_at);
        }
        Effect::Changed
    }

    pub(super) fn end_of_track(&mut self, id: SubscriptionId, number: FrameNumber) {
        if let Some((track, mut source)) = subscribed_by(&mut self.legs, &mut self.subscribed, id) {
            track.end_of_track(&mut source, id, number, cx!(self));
            self.finish_tracks();
        }
    }

    pub(super) fn fetched_object(&mut self, fetch: FetchId, object: Object) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            self.last_media = self.now;
            track.fetched(object, cx!(self));
            self.finish_tracks();
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId, end: FetchEnd) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            let source = track.fetches_on().and_then(|session| self.legs.source(track.id, session));
            track.fetch_ended(source, end, cx!(self));
            self.finish_tracks();
        }
    }

    /// A request that arrives on a silent path is stored, and answered if the path comes back.
    pub(super) fn fetch_requested(
        &mut self,
        session: SessionId,
        moq_request: u64,
        name: &str,
        range: (Location, Location),
    ) {
        if self.legs.session_mut(session).is_some() {
            let id = FetchRequestId { session, moq_request };
            self.fetch_responses.requested(id, name, range, &self.published, cx!(self));
            self.begin_fetch_responses();
        }
    }

    /// Another request takes the place of one that is cancelled.
    pub(super) fn fetch_cancelled(&mut self, session: SessionId, moq_request: u64) {
        self.fetch_responses.cancelled(FetchRequestId { session, moq_request });
        self.begin_fetch_responses();
    }

    pub(super) fn begin_fetch_responses(&mut self) {
        let is_fed = |session| self.legs.is_fed(session);
        self.fetch_responses.begin(&mut self.published, is_fed, cx!(self));
    }

    /// Sends a FETCH for each track that needs one, within the limit. A call that is not live
    /// waits: `Recovered` is emitted first.
    pub(super) fn repair_tracks(&mut self) {
        let Some((session, Stage::Up { .. })) = self.legs.attached() else { return };
        let in_flight = self.subscribed.iter().filter(|track| track.is_fetching()).count();
        let mut free = MOST_FETCHES.saturating_sub(in_flight);
        for track in &mut self.subscribed {
            if free > 0
                && let Some(subscription) = session.requests.subscription(track.id)
                && track.request_missing(subscription, session.id, cx!(self))
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
            track.advance_reception(up, cx!(self));
        }
        self.finish_tracks();
    }

    /// Tells the application which tracks have ended.
    fn finish_tracks(&mut self) {
        for track in &mut self.subscribed {
            if track.is_finished() {
                track.finish(self.legs.subscriptions_to(track.id), cx!(self));
            }
        }
    }
}

/// A track, and the source of it that has the identifier.
fn subscribed_by<'a>(
    legs: &'a mut Legs,
    subscribed: &'a mut [SubscribedTrack],
    id: SubscriptionId,
) -> Option<(&'a mut SubscribedTrack, Source<'a>)> {
    let (track, session) = legs.subscribed_by(id)?;
    let source = legs.source(track, session)?;
    Some((subscribed.iter_mut().find(|subscribed| subscribed.id == track)?, source))
}
