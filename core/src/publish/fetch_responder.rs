//! The responses to FETCH, from the histories of our tracks (R21).
//!
//! A response is sent frame by frame, at first as fast as the application sent the frames, and soon
//! a few times faster. It never makes a burst in front of live frames: after an outage the path's
//! congestion window is small, and grows only as it is used.

use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::{SessionId, TrackId};
use crate::api::media::Location;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::publish::history::Retained;
use crate::publish::track::PublishedTrack;

/// How many responses are sent side by side. Others wait until one of them ends.
const MOST_AT_ONCE: usize = 8;
/// How many responses may wait. A relay allows a session 100 open requests.
const MOST_WAITING: usize = 100;
/// How much one response carries at most. The listener requests the rest again. Relays and their
/// clients cannot be trusted with bodies over 1 MB.
const MOST_BYTES: usize = 512 * 1024;
const MOST_FRAMES: usize = 1_000;
/// The shortest and the longest pause between two frames of a response. A listener need not wait
/// through a silence of the past.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How long a response is sent at its original pace, then twice as fast, and so on.
const SPEEDUP_EVERY: Duration = Duration::from_millis(250);

/// A FETCH that we received: its session, and its request number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchRequestId {
    pub(crate) session: SessionId,
    pub(crate) moq_request: u64,
}

#[derive(Clone, Debug)]
struct FetchResponse {
    fetch: FetchRequestId,
    track: TrackId,
    first: Location,
    last: Location,
    in_progress: Option<InProgress>,
}

/// A response that is being sent.
#[derive(Clone, Copy, Debug)]
struct InProgress {
    /// The sequence number of the next frame, and that after the last one.
    next: u64,
    end: u64,
    since: Timestamp,
    due: Timestamp,
}

/// The responses that are being sent or wait, in the order of their requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct FetchResponses(Vec<FetchResponse>);

impl FetchResponses {
    /// When the next frame is due, on the sessions that `is_fed`.
    pub(crate) fn deadline(&self, is_fed: impl Fn(SessionId) -> bool) -> Option<Timestamp> {
        self.0
            .iter()
            .filter(|response| is_fed(response.fetch.session))
            .filter_map(|response| response.in_progress)
            .map(|in_progress| in_progress.due)
            .min()
    }

    /// A listener requests a part of a track. The response waits for [`Self::begin`].
    pub(crate) fn requested(
        &mut self,
        fetch: FetchRequestId,
        name: &str,
        (first, last): (Location, Location),
        published: &[PublishedTrack],
        cx: &mut Context<'_>,
    ) {
        let known = self.0.iter().any(|response| response.fetch == fetch);
        let track = published.iter().find(|track| track.is_named(name)).map(|track| track.id);
        match track {
            _ if known => {}
            Some(track) if self.0.len() < MOST_AT_ONCE + MOST_WAITING => {
                self.0.push(FetchResponse { fetch, track, first, last, in_progress: None });
            }
            Some(_) | None => {
                let FetchRequestId { session, moq_request } = fetch;
                cx.out.push(Output::RefuseFetch { session, moq_request });
            }
        }
    }

    /// The listener cancelled its request.
    pub(crate) fn cancelled(&mut self, fetch: FetchRequestId) {
        self.0.retain(|response| response.fetch != fetch);
    }

    /// The session is gone, and with it every request on it.
    pub(crate) fn session_gone(&mut self, session: SessionId) {
        self.0.retain(|response| response.fetch.session != session);
    }

    /// The path of `session` is back: responses in progress there continue at their original pace.
    pub(crate) fn resume(&mut self, session: SessionId, now: Timestamp) {
        for response in self.0.iter_mut().filter(|response| response.fetch.session == session) {
            if let Some(in_progress) = &mut response.in_progress {
                in_progress.since = now;
            }
        }
    }

    /// Sends what is due on the sessions that `is_fed`: at most one frame of each response.
    pub(crate) fn advance(
        &mut self,
        published: &mut [PublishedTrack],
        is_fed: impl Fn(SessionId) -> bool,
        cx: &mut Context<'_>,
    ) {
        for response in self.0.iter_mut().filter(|response| is_fed(response.fetch.session)) {
            if response.in_progress.is_some_and(|in_progress| cx.now >= in_progress.due) {
                response.send_next(published, cx);
            }
        }
        self.drop_ended();
        self.begin(published, is_fed, cx);
    }

    /// Begins the responses that may be sent side by side, on the sessions that `is_fed`.
    pub(crate) fn begin(
        &mut self,
        published: &mut [PublishedTrack],
        is_fed: impl Fn(SessionId) -> bool,
        cx: &mut Context<'_>,
    ) {
        for response in self.0.iter_mut().take(MOST_AT_ONCE) {
            if response.in_progress.is_none() && is_fed(response.fetch.session) {
                response.begin(published, cx);
            }
        }
        self.drop_ended();
    }

    /// Removes the responses that have ended. Between outages the list takes no memory.
    fn drop_ended(&mut self) {
        self.0.retain(|response| {
            response.in_progress.is_none_or(|in_progress| in_progress.next < in_progress.end)
        });
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

impl FetchResponse {
    /// Accepts the request, with the range that the history has now.
    fn begin(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        let mut in_progress = InProgress { next: 0, end: 0, since: cx.now, due: cx.now };
        let mut last = None;
        if let Some(track) = published.iter_mut().find(|track| track.id == self.track) {
            let mut bytes = 0;
            for retained in track.history(cx.now).range(self.first, self.last).take(MOST_FRAMES) {
                bytes += retained.object.frame.payload.len();
                if last.is_some() && bytes > MOST_BYTES {
                    break;
                }
                let sequence = retained.object.number.sequence;
                if last.is_none() {
                    in_progress.next = sequence;
                }
                in_progress.end = sequence.saturating_add(1);
                last = Some(retained.object.location);
            }
        }
        self.in_progress = Some(in_progress);
        let FetchRequestId { session, moq_request } = self.fetch;
        cx.out.push(Output::AcceptFetch { session, moq_request, last });
        if in_progress.next == in_progress.end {
            cx.out.push(Output::EndFetch { session, moq_request });
        }
    }

    /// Sends the next frame.
    fn send_next(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        let Some(in_progress) = &mut self.in_progress else { return };
        let FetchRequestId { session, moq_request } = self.fetch;
        let end = in_progress.end;
        let track = published.iter_mut().find(|track| track.id == self.track);
        let within = |retained: &&Retained| retained.object.number.sequence < end;
        // Frames that were evicted meanwhile are passed over.
        let from = in_progress.next;
        in_progress.next = end;
        if let Some(track) = track
            && let Some(retained) = track.history(cx.now).at_or_after(from).filter(within)
        {
            in_progress.next = retained.object.number.sequence.saturating_add(1);
            let (object, accepted_at) = (retained.object.clone(), retained.accepted_at);
            let following = track
                .history(cx.now)
                .at_or_after(in_progress.next)
                .map(|retained| retained.accepted_at);
            let pause = following.map_or(Duration::ZERO, |following| following - accepted_at);
            let speedup = (cx.now - in_progress.since).as_micros() / SPEEDUP_EVERY.as_micros() + 1;
            let most = u32::from(cx.config.catch_up);
            let pause = pause / u32::try_from(speedup).unwrap_or(most).min(most);
            in_progress.due = cx.now + pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            track.note_retransmitted();
            cx.out.push(Output::FetchObject { session, moq_request, object });
        }
        if in_progress.next >= end {
            cx.out.push(Output::EndFetch { session, moq_request });
        }
    }
}
