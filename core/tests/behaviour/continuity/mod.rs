//! What is said is heard: by who wants all of a track, by who wants the present, when a publisher says it
//! again, has nothing to say, or is another process than before.

mod live;
mod lossless;
mod quiet;
mod replay;
mod restarted;

use crate::common::{BOB, BOBS, CallHarness, MIC, MS, numbered, publish};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::id::{FetchId, SessionId, SubscriptionId, TrackId};
use holdline_core::media::{
    FetchEnd, Frame, FrameNumber, Gap, GapReason, Location, MediaKind, Object, Retention, Track,
};
use holdline_core::{Event, Input, Output};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to such a track of Bob's, of which frame 0 came, at 1/0.
pub(super) fn listening(track: Track) -> (CallHarness, SessionId, SubscriptionId) {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", track)).feed(Input::Connect);
    let session = harness.last_dial();
    harness.agree_on(session);
    let subscription = come_back(&mut harness, 1, 0);
    harness.out.clear();
    (harness, session, subscription)
}

/// Bob's track is subscribed to, and this is the first that comes of it.
pub(super) fn come_back(harness: &mut CallHarness, group: u64, object: u64) -> SubscriptionId {
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionAccepted { subscription }).object(subscription, group, object);
    subscription
}

/// Lost for so long, and up again; nothing has come yet.
pub(super) fn lost_for(harness: &mut CallHarness, session: SessionId, away: Duration) -> SessionId {
    harness.lose(session);
    harness.advance(away);
    let next = harness.last_dial();
    harness.agree_on(next);
    next
}

pub(super) fn lossless() -> Track {
    Track::audio("audio").lossless()
}

pub(super) fn fetches(harness: &mut CallHarness) -> Vec<(FetchId, Location, Location)> {
    let asked = harness.drain(|output| match output {
        Output::Fetch { fetch, first, last, .. } => Some((*fetch, *first, *last)),
        _ => None,
    });
    asked.into_iter().map(|(_, fetch)| fetch).collect()
}

pub(super) fn asked(harness: &mut CallHarness) -> (FetchId, Location, Location) {
    let fetches = fetches(harness);
    assert_eq!(fetches.len(), 1, "one at a time");
    fetches[0]
}

/// The sequence numbers of what was delivered, and what was missing before each.
pub(super) fn heard(harness: &mut CallHarness) -> Vec<(u64, Option<Gap>)> {
    let delivered = harness.drain(|output| match output {
        Output::Deliver { object, gap, .. } => Some((object.number.sequence, *gap)),
        _ => None,
    });
    delivered.into_iter().map(|(_, heard)| heard).collect()
}

pub(super) fn all(from: u64, to: u64) -> Vec<(u64, Option<Gap>)> {
    (from..=to).map(|sequence| (sequence, None)).collect()
}

pub(super) fn gap(at: u64, frames: u64, reason: GapReason) -> Gap {
    Gap { at: FrameNumber::new(BOBS, at), frames, reason }
}

pub(super) fn fetched(harness: &mut CallHarness, fetch: FetchId, group: u64, object: u64) {
    let object = harness.said(group, object);
    harness.feed(Input::FetchedObject { fetch, object });
}

pub(super) fn complete(harness: &mut CallHarness, fetch: FetchId) {
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
}

/// Bob says so many frames from there on, and nobody hears them.
pub(super) fn unheard(harness: &mut CallHarness, group: u64, first: u64, frames: u64) {
    for object in first..first + frames {
        harness.said(group, object);
    }
}

pub(super) fn counters(harness: &CallHarness) -> holdline_core::stats::SubscribedCounters {
    harness.call.stats().subscribed[0].counters
}
