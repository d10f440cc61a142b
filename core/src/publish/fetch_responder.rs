//! Saying again what a listener has missed: answers to FETCH, from the histories (R21).
//!
//! An answer goes out frame by frame, as fast as the frames were given at first and a few times faster
//! soon, so that it never makes a burst in front of what is said now: after an outage the path's congestion
//! window is small, and grows only as it is used.

use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::{SessionId, TrackId};
use crate::api::media::Location;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::publish::history::Retained;
use crate::publish::track::PublishedTrack;

/// How many answers go out side by side. Others wait for one of them to end.
const MOST_AT_ONCE: usize = 8;
/// How many may wait. A relay lets one session have 100 requests open.
const MOST_WAITING: usize = 100;
/// How much one answer says at most. What is left is asked for again. Relays and their clients are
/// not to be trusted with bodies over 1 MB.
const MOST_BYTES: usize = 512 * 1024;
const MOST_FRAMES: usize = 1_000;
/// The shortest and the longest pause between two frames of an answer. Nobody has to wait for what
/// was a silence.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// How long an answer goes out as fast as life, then twice as fast, and so on.
const SPEEDUP_EVERY: Duration = Duration::from_millis(250);

/// A FETCH that was asked of us: the session, and the number that it has there.
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

/// An answer that goes out.
#[derive(Clone, Copy, Debug)]
struct InProgress {
    /// The sequence number of the next frame, and that after the last one.
    next: u64,
    end: u64,
    since: Timestamp,
    due: Timestamp,
}

/// The answers that go out or wait to, in the order in which they were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct FetchResponses(Vec<FetchResponse>);

impl FetchResponses {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.0
            .iter()
            .filter_map(|response| response.in_progress)
            .map(|in_progress| in_progress.due)
            .min()
    }

    /// A listener asks for a part of a track. It waits until answers begin.
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

    /// The listener does not want it any more.
    pub(crate) fn cancelled(&mut self, fetch: FetchRequestId) {
        self.0.retain(|response| response.fetch != fetch);
    }

    /// The session is gone, and with it whoever asked on it.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The path is back: what went out goes on as slowly as at first, and what was asked meanwhile begins.
    pub(crate) fn resume(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        for in_progress in self.0.iter_mut().filter_map(|response| response.in_progress.as_mut()) {
            in_progress.since = cx.now;
        }
        self.begin(published, cx);
    }

    /// Says what is due: at most one frame of each answer.
    pub(crate) fn advance(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        for response in &mut self.0 {
            if response.in_progress.is_some_and(|in_progress| cx.now >= in_progress.due) {
                response.send_next(published, cx);
            }
        }
        self.drop_ended();
        self.begin(published, cx);
    }

    /// Begins those that have a place.
    pub(crate) fn begin(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        for response in self.0.iter_mut().take(MOST_AT_ONCE) {
            if response.in_progress.is_none() {
                response.begin(published, cx);
            }
        }
        self.drop_ended();
    }

    /// Between outages they take no memory.
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
    /// Says what the answer will be, from what there is now.
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

    /// Says the next frame.
    fn send_next(&mut self, published: &mut [PublishedTrack], cx: &mut Context<'_>) {
        let Some(in_progress) = &mut self.in_progress else { return };
        let FetchRequestId { session, moq_request } = self.fetch;
        let end = in_progress.end;
        let track = published.iter_mut().find(|track| track.id == self.track);
        let within = |retained: &&Retained| retained.object.number.sequence < end;
        // What was let go of meanwhile is passed over.
        let from = in_progress.next;
        in_progress.next = end;
        if let Some(track) = track
            && let Some(retained) = track.history(cx.now).at_or_after(from).filter(within)
        {
            in_progress.next = retained.object.number.sequence.saturating_add(1);
            let (object, given_at) = (retained.object.clone(), retained.given_at);
            let after = track
                .history(cx.now)
                .at_or_after(in_progress.next)
                .map(|retained| retained.given_at);
            let pause = after.map_or(Duration::ZERO, |after| after - given_at);
            let speedup = (cx.now - in_progress.since).as_micros() / SPEEDUP_EVERY.as_micros() + 1;
            let most = u32::from(cx.config.catch_up);
            let pause = pause / u32::try_from(speedup).unwrap_or(most).min(most);
            in_progress.due = cx.now + pause.clamp(SHORTEST, LONGEST);
            track.note_replayed();
            cx.out.push(Output::FetchObject { session, moq_request, object });
        }
        if in_progress.next >= end {
            cx.out.push(Output::EndFetch { session, moq_request });
        }
    }
}
