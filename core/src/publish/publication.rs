//! A published track on one session.

use crate::api::id::{PublicationId, SessionId, TrackId};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Request;
use crate::publish::track::PublishedTrack;

/// A track as one session offers it. An offer gets no answer: frames are sent on it at once.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) track: TrackId,
    request: Request<PublicationId>,
    end_sent: bool,
}

impl Publication {
    pub(crate) fn new(track: TrackId) -> Self {
        Self { track, request: Request::default(), end_sent: false }
    }

    /// The identifier by which frames are sent, if the relay did not end the publication.
    pub(crate) fn id(&self) -> Option<PublicationId> {
        self.request.id()
    }

    /// When to offer the track again.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.request.deadline()
    }

    /// Sends the session what it does not have yet: the track, or its end.
    pub(crate) fn attach(
        &mut self,
        track: &mut PublishedTrack,
        session: SessionId,
        cx: &mut Context<'_>,
    ) {
        if self.request.is_unsent() {
            self.offer(track, session, cx);
        } else {
            self.send_end(track, cx);
        }
    }

    /// Offers the track again if that is due.
    pub(crate) fn advance(
        &mut self,
        track: &mut PublishedTrack,
        session: SessionId,
        cx: &mut Context<'_>,
    ) {
        if self.request.is_due(cx.now) {
            self.offer(track, session, cx);
        }
    }

    fn offer(&mut self, track: &mut PublishedTrack, session: SessionId, cx: &mut Context<'_>) {
        let publication = PublicationId(cx.mint.next());
        self.request.sent(publication);
        self.end_sent = false;
        track.offer(session, publication, cx);
        self.send_end(track, cx);
    }

    /// The relay ended the publication; it is offered again after a pause.
    pub(crate) fn ended(&mut self, publication: PublicationId, cx: &mut Context<'_>) {
        self.request.failed(publication, cx);
    }

    /// Sends the end of a finished track, once.
    pub(crate) fn send_end(&mut self, track: &mut PublishedTrack, cx: &mut Context<'_>) {
        if !self.end_sent
            && let Some(publication) = self.request.id()
        {
            self.end_sent = track.send_end(publication, cx);
        }
    }
}
