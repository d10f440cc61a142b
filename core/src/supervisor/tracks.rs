//! Tracks on a session: attached to the session, carried and repaired on it, detached from it.

use super::Supervisor;
use crate::api::id::{FetchId, PublicationId, SessionId, SubscriptionId};
use crate::api::media::{FetchEnd, FrameNumber, Location, Object};
use crate::context::cx;
use crate::participants::RemoteParticipant;
use crate::publish::{FetchRequestId, PublishedTrack};
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

/// How many tracks may have a FETCH in flight at once. Each uses one of the 100 streams that a
/// relay allows a session, and they must not delay a SUBSCRIBE.
const MOST_FETCHES: usize = 8;

impl Supervisor {
    /// Sends all requests that were not sent on this session yet.
    pub(super) fn attach_tracks(&mut self) {
        let Some(session) = self.state.session_mut() else {
            return;
        };
        let id = session.id;
        for track in &mut self.published {
            track.attach(id, cx!(self));
        }
        if !self.published.is_empty() {
            session.ensure_namespace(&mut self.next_epoch, cx!(self));
        }
        for remote in &mut self.participants {
            remote.attach(id, cx!(self));
        }
        self.follow_epochs();
    }

    pub(super) fn detach_tracks(&mut self) {
        self.fetch_responses.clear();
        self.published.iter_mut().for_each(PublishedTrack::detach);
        self.subscribed.iter_mut().for_each(SubscribedTrack::detach);
        self.participants.iter_mut().for_each(RemoteParticipant::detach);
    }

    pub(super) fn publication_ended(&mut self, publication: PublicationId) {
        for track in &mut self.published {
            track.ended(publication, cx!(self));
        }
    }

    pub(super) fn subscription_accepted(&mut self, id: SubscriptionId) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has(id)) {
            track.accepted(id, self.now);
        }
    }

    pub(super) fn subscription_ended(&mut self, id: SubscriptionId) {
        let up = self.state.session().is_some();
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has(id)) {
            track.ended(id, up, cx!(self));
        }
    }

    pub(super) fn object(&mut self, id: SubscriptionId, object: Object) {
        let captured_at = object.frame.captured_at;
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has(id)) {
            self.last_media = self.now;
            if track.object(object, cx!(self)) {
                self.note_pre_call_frame(captured_at);
            }
        }
    }

    pub(super) fn end_of_track(&mut self, id: SubscriptionId, number: FrameNumber) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has(id)) {
            track.end_of_track(number, cx!(self));
        }
    }

    pub(super) fn fetched_object(&mut self, fetch: FetchId, object: Object) {
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            self.last_media = self.now;
            track.fetched(object, cx!(self));
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId, end: FetchEnd) {
        let up = self.state.session().is_some();
        if let Some(track) = self.subscribed.iter_mut().find(|track| track.has_fetch(fetch)) {
            track.fetch_ended(end, up, cx!(self));
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
        let up = self.session_with(session).is_some();
        let on_old_session = self.state.old_session_mut().is_some_and(|(old, _)| old.id == session);
        if up || on_old_session {
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
        if self.session_with(session).is_some() {
            self.fetch_responses.begin(&mut self.published, cx!(self));
        }
    }

    /// Sends a FETCH for each track that needs one, within the limit. A call that is not live
    /// waits: `Recovered` is emitted first.
    pub(super) fn repair_tracks(&mut self) {
        let State::Live { session, .. } = &self.state else { return };
        let session = session.id;
        let in_flight = self.subscribed.iter().filter(|track| track.is_fetching()).count();
        let mut free = MOST_FETCHES.saturating_sub(in_flight);
        for track in &mut self.subscribed {
            if free > 0 && track.request_missing(session, cx!(self)) {
                free -= 1;
            }
        }
    }

    pub(super) fn advance_receptions(&mut self) {
        if self.state.name().is_final() {
            return;
        }
        let up = self.state.session().is_some();
        for track in &mut self.subscribed {
            track.advance_reception(up, cx!(self));
        }
    }
}
