//! A track that the application publishes. It outlives every session; each session gets a
//! publication of it.

use alloc::string::String;

use crate::desk::Desk;
use crate::id::{PublicationId, SessionId, TrackId};
use crate::media::{Frame, Location, MediaKind};
use crate::output::Output;
use crate::summary::{PublishedCounters, PublishedTrackStats};
use crate::time::Timestamp;

/// How the track stands on the current session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publication {
    /// There is no session.
    Wanted,
    /// Frames go out on it.
    Offered(PublicationId),
    /// It ended on a session that is still up, and is offered again then.
    Ended { retry_at: Timestamp },
}

/// A published track.
#[derive(Clone, Debug)]
pub(crate) struct PublishedTrack {
    pub(crate) id: TrackId,
    name: String,
    kind: MediaKind,
    publication: Publication,
    failures: u32,
    /// Where the next frame goes. Groups rise for as long as the track lives.
    next: Location,
    /// When the current group began; `None` if the next frame begins one.
    group_since: Option<Timestamp>,
    finished: bool,
    end_sent: bool,
    counters: PublishedCounters,
}

impl PublishedTrack {
    /// Groups start at the first epoch: a participant that comes back as a new process, with a
    /// later epoch, goes on above every group that its former self has used.
    pub(crate) fn new(id: TrackId, name: String, kind: MediaKind, first_epoch: u64) -> Self {
        Self {
            id,
            name,
            kind,
            publication: Publication::Wanted,
            failures: 0,
            next: Location::new(first_epoch, 0),
            group_since: None,
            finished: false,
            end_sent: false,
            counters: PublishedCounters::default(),
        }
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.publication {
            Publication::Ended { retry_at } => Some(retry_at),
            Publication::Wanted | Publication::Offered(_) => None,
        }
    }

    /// Gives a session what it does not have yet: the track, or its end.
    pub(crate) fn attach(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        match self.publication {
            Publication::Wanted => self.offer(session, desk),
            Publication::Offered(publication) => self.send_end(publication, desk),
            Publication::Ended { .. } => {}
        }
    }

    /// Offers the track on a session, from the start of a new group.
    fn offer(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        let publication = PublicationId(desk.mint.next());
        self.publication = Publication::Offered(publication);
        self.group_since = None;
        desk.out.push(Output::PublishTrack { session, publication, name: self.name.clone() });
        self.end_sent = false;
        self.send_end(publication, desk);
    }

    /// Offers the track again if that is due.
    pub(crate) fn advance(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        if let Publication::Ended { retry_at } = self.publication
            && desk.now >= retry_at
        {
            self.offer(session, desk);
        }
    }

    /// The session is gone.
    pub(crate) fn detach(&mut self) {
        self.publication = Publication::Wanted;
        self.failures = 0;
    }

    pub(crate) fn ended(&mut self, publication: PublicationId, desk: &mut Desk<'_>) {
        if self.publication == Publication::Offered(publication) {
            self.failures = self.failures.saturating_add(1);
            self.publication = Publication::Ended { retry_at: desk.retry_at(self.failures) };
        }
    }

    pub(crate) fn send(&mut self, frame: Frame, up: bool, desk: &mut Desk<'_>) {
        self.counters.accepted += 1;
        if self.finished {
            self.counters.dropped_finished += 1;
            return;
        }
        let Some(publication) = self.offered().filter(|_| up) else {
            self.counters.dropped_no_session += 1;
            return;
        };
        let location = self.take_location(desk);
        self.counters.sent += 1;
        desk.out.push(Output::SendObject { publication, location, frame });
    }

    pub(crate) fn finish(&mut self, up: bool, desk: &mut Desk<'_>) {
        self.finished = true;
        if let Some(publication) = self.offered().filter(|_| up) {
            self.send_end(publication, desk);
        }
    }

    pub(crate) fn stats(&self) -> PublishedTrackStats {
        PublishedTrackStats {
            track: self.id,
            name: self.name.clone(),
            kind: self.kind,
            counters: self.counters,
        }
    }

    fn offered(&self) -> Option<PublicationId> {
        match self.publication {
            Publication::Offered(publication) => Some(publication),
            Publication::Wanted | Publication::Ended { .. } => None,
        }
    }

    /// Says that the track ends here, once per publication, if it does.
    fn send_end(&mut self, publication: PublicationId, desk: &mut Desk<'_>) {
        if !self.finished || self.end_sent {
            return;
        }
        self.end_sent = true;
        let location = self.take_location(desk);
        desk.out.push(Output::SendEndOfTrack { publication, location });
    }

    fn take_location(&mut self, desk: &Desk<'_>) -> Location {
        let full =
            self.group_since.is_none_or(|since| desk.now - since >= desk.config.group_duration);
        if full {
            self.next = Location::new(self.next.group.saturating_add(1), 0);
            self.group_since = Some(desk.now);
        }
        let location = self.next;
        self.next.object += 1;
        location
    }
}
