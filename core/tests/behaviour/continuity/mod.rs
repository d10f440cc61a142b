//! Frames reach their listeners: on lossless and on live tracks, by retransmission, from a quiet
//! publisher, and from a publisher whose process was restarted.

mod fetch_responses;
mod live;
mod lossless;
mod quiet;
mod restarted;

use crate::common::{BOB, BOBS_INCARNATION, CallHarness, MIC, MS, numbered, publish};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::id::{FetchId, SessionId, SubscriptionId, TrackId};
use holdline_core::media::{
    FetchEnd, Frame, FrameNumber, Gap, GapReason, Location, MediaKind, Object, Retention, Track,
};
use holdline_core::{Event, Input, Output};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to Bob's track. Frame 0 was delivered, at Location 1/0.
pub(super) fn listening(track: Track) -> (CallHarness, SessionId, SubscriptionId) {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", track)).feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    let subscription = accept_subscription(&mut harness, 1, 0);
    harness.out.clear();
    (harness, session, subscription)
}

/// The relay accepts the subscription to Bob's track, and this object is the first one on it.
pub(super) fn accept_subscription(
    harness: &mut CallHarness,
    group: u64,
    object: u64,
) -> SubscriptionId {
    let (subscription, _) = harness.subscription().expect("a subscription");
    harness.feed(Input::SubscriptionAccepted { subscription }).object(subscription, group, object);
    subscription
}

/// The call loses its session, and has another one after `outage`. No object has arrived on it yet.
pub(super) fn reconnect_after(
    harness: &mut CallHarness,
    session: SessionId,
    outage: Duration,
) -> SessionId {
    harness.lose(session);
    harness.advance(outage);
    let next = harness.last_dial();
    harness.accept_requests_on(next);
    next
}

pub(super) fn lossless() -> Track {
    Track::audio("audio").lossless()
}

pub(super) fn fetches(harness: &mut CallHarness) -> Vec<(FetchId, Location, Location)> {
    let fetches = harness.drain(|output| match output {
        Output::Fetch { fetch, first, last, .. } => Some((*fetch, *first, *last)),
        _ => None,
    });
    fetches.into_iter().map(|(_, fetch)| fetch).collect()
}

/// The only FETCH since the last call of this function.
pub(super) fn only_fetch(harness: &mut CallHarness) -> (FetchId, Location, Location) {
    let fetches = fetches(harness);
    assert_eq!(fetches.len(), 1, "one FETCH at a time");
    fetches[0]
}

/// The sequence numbers of the delivered frames, and the gap before each.
pub(super) fn delivered(harness: &mut CallHarness) -> Vec<(u64, Option<Gap>)> {
    let delivered = harness.drain(|output| match output {
        Output::Deliver { object, gap, .. } => Some((object.number.sequence, *gap)),
        _ => None,
    });
    delivered.into_iter().map(|(_, frame)| frame).collect()
}

/// Frames that were delivered without a gap.
pub(super) fn without_gaps(from: u64, to: u64) -> Vec<(u64, Option<Gap>)> {
    (from..=to).map(|sequence| (sequence, None)).collect()
}

pub(super) fn gap(at: u64, frames: u64, reason: GapReason) -> Gap {
    Gap { at: FrameNumber::new(BOBS_INCARNATION, at), frames, reason }
}

pub(super) fn fetched(harness: &mut CallHarness, fetch: FetchId, group: u64, object: u64) {
    let object = harness.bobs_object(group, object);
    harness.feed(Input::FetchedObject { fetch, object });
}

pub(super) fn complete(harness: &mut CallHarness, fetch: FetchId) {
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
}

/// Bob sends so many frames from this Location on, and none of them arrives.
pub(super) fn send_unreceived(harness: &mut CallHarness, group: u64, first: u64, frames: u64) {
    for object in first..first + frames {
        harness.bobs_object(group, object);
    }
}

pub(super) fn counters(harness: &CallHarness) -> holdline_core::stats::SubscribedCounters {
    harness.call.stats().subscribed[0].counters
}
