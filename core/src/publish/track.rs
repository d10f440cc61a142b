//! A track that the application publishes. It outlives every session; each session gets a
//! publication of it. Its frames go into its history, whether there is a session or not.

use alloc::string::String;

use crate::api::id::{PublicationId, SessionId, TrackId};
use crate::api::media::{
    Delivery, Frame, FrameNumber, Location, MediaKind, Object, Retention, Track,
};
use crate::api::output::Output;
use crate::api::stats::{PublishedCounters, PublishedTrackStats};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Request;
use crate::publish::history::History;

/// A published track.
#[derive(Clone, Debug)]
pub(crate) struct PublishedTrack {
    pub(crate) id: TrackId,
    name: String,
    kind: MediaKind,
    /// Live speech is sent first: it is small, and worth nothing later. Video would leave no room
    /// for our requests to the relay on a narrow line.
    expedited: bool,
    /// The track on the current session. An offer gets no answer: frames are sent on it at once.
    publication: Request<PublicationId>,
    /// The Location of the next frame. Group numbers rise as long as the track lives.
    next_location: Location,
    next_number: FrameNumber,
    /// When the current group began; `None` if the next frame begins one.
    group_since: Option<Timestamp>,
    /// Whether the last frame was sent when the application handed it over.
    live: bool,
    retention: Retention,
    history: History,
    finished: bool,
    end_sent: bool,
    counters: PublishedCounters,
}

impl PublishedTrack {
    /// Groups start at the first epoch: a participant that restarts as a new process, with a later
    /// epoch, continues above every group that its former process used.
    pub(crate) fn new(id: TrackId, track: Track, first_epoch: u64) -> Self {
        let Track { name, kind, delivery, retention } = track;
        let expedited = kind == MediaKind::Audio && matches!(delivery, Delivery::Live { .. });
        Self {
            id,
            name,
            kind,
            expedited,
            publication: Request::default(),
            next_location: Location::new(first_epoch, 0),
            next_number: FrameNumber::new(first_epoch, 0),
            group_since: None,
            live: false,
            retention,
            history: History::default(),
            finished: false,
            end_sent: false,
            counters: PublishedCounters::default(),
        }
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.publication.deadline()
    }

    /// Sends a session what it does not have yet: the track, or its end.
    pub(crate) fn attach(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if self.publication.is_unsent() {
            self.offer(session, cx);
        } else if let Some(publication) = self.publication.id() {
            self.send_end(publication, cx);
        }
    }

    /// Offers the track on a session, from the start of a new group.
    fn offer(&mut self, session: SessionId, cx: &mut Context<'_>) {
        let publication = PublicationId(cx.mint.next());
        self.publication.sent(publication);
        self.group_since = None;
        let (name, expedited) = (self.name.clone(), self.expedited);
        cx.out.push(Output::PublishTrack { session, publication, name, expedited });
        self.end_sent = false;
        self.send_end(publication, cx);
    }

    /// Offers the track again if that is due.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if self.publication.is_due(cx.now) {
            self.offer(session, cx);
        }
    }

    /// The session is gone.
    pub(crate) fn detach(&mut self) {
        self.publication = Request::default();
    }

    pub(crate) fn ended(&mut self, publication: PublicationId, cx: &mut Context<'_>) {
        self.publication.failed(publication, cx);
    }

    /// Sends a frame if a session can carry it, and retains it for later requests.
    pub(crate) fn send(&mut self, frame: Frame, up: bool, cx: &mut Context<'_>) {
        self.counters.accepted += 1;
        if self.finished {
            self.counters.dropped_finished += 1;
            return;
        }
        let publication = self.publication.id().filter(|_| up);
        // A group is a stream: a listener must not wait on it for frames that were kept back.
        if self.live != publication.is_some() {
            self.live = publication.is_some();
            self.group_since = None;
        }
        let number = self.next_number;
        self.next_number = number.next();
        let object = Object { location: self.take_location(cx), number, frame };
        if let Some(publication) = publication {
            self.counters.sent += 1;
            cx.out.push(Output::SendObject { publication, object: object.clone() });
        } else {
            self.counters.kept_back += 1;
        }
        self.history.retain(object, cx.now, &self.retention);
    }

    /// The frames that are retained at `now`.
    pub(crate) fn history(&mut self, now: Timestamp) -> &History {
        self.history.expire(now, &self.retention);
        &self.history
    }

    pub(crate) fn note_retransmitted(&mut self) {
        self.counters.replayed += 1;
    }

    pub(crate) fn finish(&mut self, up: bool, cx: &mut Context<'_>) {
        self.finished = true;
        if let Some(publication) = self.publication.id().filter(|_| up) {
            self.send_end(publication, cx);
        }
    }

    pub(crate) fn stats(&self) -> PublishedTrackStats {
        PublishedTrackStats {
            track: self.id,
            name: self.name.clone(),
            kind: self.kind,
            counters: PublishedCounters {
                held: self.history.len(),
                held_bytes: self.history.bytes(),
                evicted: self.history.evicted(),
                ..self.counters
            },
        }
    }

    /// Sends the end of a finished track, once per publication.
    fn send_end(&mut self, publication: PublicationId, cx: &mut Context<'_>) {
        if !self.finished || self.end_sent {
            return;
        }
        self.end_sent = true;
        let (location, number) = (self.take_location(cx), self.next_number);
        cx.out.push(Output::SendEndOfTrack { publication, location, number });
    }

    fn take_location(&mut self, cx: &Context<'_>) -> Location {
        let full = self.group_since.is_none_or(|since| cx.now - since >= cx.config.group_duration);
        if full {
            self.next_location = Location::new(self.next_location.group.saturating_add(1), 0);
            self.group_since = Some(cx.now);
        }
        let location = self.next_location;
        self.next_location.object += 1;
        location
    }
}
