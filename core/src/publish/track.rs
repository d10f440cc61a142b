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
            next_location: Location::new(first_epoch, 0),
            next_number: FrameNumber::new(first_epoch, 0),
            group_since: None,
            live: false,
            retention,
            history: History::default(),
            finished: false,
            counters: PublishedCounters::default(),
        }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.kind
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// Offers the track on a session, from the start of a new group.
    pub(crate) fn offer(
        &mut self,
        session: SessionId,
        publication: PublicationId,
        cx: &mut Context<'_>,
    ) {
        self.group_since = None;
        let (name, expedited) = (self.name.clone(), self.expedited);
        cx.out.push(Output::PublishTrack { session, publication, name, expedited });
    }

    /// Sends a frame on each session that can carry it, and retains it for later requests.
    /// `publications`: the track on those sessions.
    pub(crate) fn send(
        &mut self,
        frame: Frame,
        publications: impl Iterator<Item = PublicationId>,
        cx: &mut Context<'_>,
    ) {
        self.counters.accepted += 1;
        if self.finished {
            self.counters.dropped_finished += 1;
            return;
        }
        let mut publications = publications.peekable();
        // A group is a stream: a listener must not wait on it for frames that were kept back.
        let live = publications.peek().is_some();
        if self.live != live {
            self.live = live;
            self.group_since = None;
        }
        let number = self.next_number;
        self.next_number = number.next();
        let object = Object { location: self.take_location(cx), number, frame };
        if live {
            self.counters.sent += 1;
        } else {
            self.counters.kept_back += 1;
        }
        for publication in publications {
            cx.out.push(Output::SendObject { publication, object: object.clone() });
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

    pub(crate) fn finish(&mut self) {
        self.finished = true;
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

    /// Sends the end of the track if it is finished; `true` if it is.
    pub(crate) fn send_end(&mut self, publication: PublicationId, cx: &mut Context<'_>) -> bool {
        if self.finished {
            let (location, number) = (self.take_location(cx), self.next_number);
            cx.out.push(Output::SendEndOfTrack { publication, location, number });
        }
        self.finished
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
