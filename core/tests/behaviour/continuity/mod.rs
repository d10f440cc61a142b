//! What is said is heard: by who wants all of a track, by who wants the present, when a publisher says it
//! again, has nothing to say, or is another process than before.

mod live;
mod lossless;
mod quiet;
mod replay;
mod restarted;

use crate::common::{BOB, BOBS, Hand, MIC, MS, numbered, publish};
use bytes::Bytes;
use holdline_core::{
    Event, FetchEnd, FetchId, Frame, FrameNumber, Gap, GapReason, Input, Location, MediaKind,
    Object, Output, Policy, Retention, SessionId, SubscriptionId, Track, TrackId,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to such a track of Bob's, of which frame 0 came, at 1/0.
pub(super) fn listening(track: Track) -> (Hand, SessionId, SubscriptionId) {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::subscribe(BOB, "bob", track)).give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let subscription = come_back(&mut hand, 1, 0);
    hand.out.clear();
    (hand, session, subscription)
}

/// Bob's track is subscribed to, and this is the first that comes of it.
pub(super) fn come_back(hand: &mut Hand, group: u64, object: u64) -> SubscriptionId {
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription }).object(subscription, group, object);
    subscription
}

/// Lost for so long, and up again; nothing has come yet.
pub(super) fn lost_for(hand: &mut Hand, session: SessionId, away: Duration) -> SessionId {
    hand.lose(session);
    hand.pass(away);
    let next = hand.last_dial();
    hand.agree_on(next);
    next
}

pub(super) fn lossless() -> Track {
    Track::audio("audio").lossless()
}

pub(super) fn fetches(hand: &mut Hand) -> Vec<(FetchId, Location, Location)> {
    let asked = hand.take(|output| match output {
        Output::Fetch { fetch, first, last, .. } => Some((*fetch, *first, *last)),
        _ => None,
    });
    asked.into_iter().map(|(_, fetch)| fetch).collect()
}

pub(super) fn asked(hand: &mut Hand) -> (FetchId, Location, Location) {
    let fetches = fetches(hand);
    assert_eq!(fetches.len(), 1, "one at a time");
    fetches[0]
}

/// The sequence numbers of what was delivered, and what was missing before each.
pub(super) fn heard(hand: &mut Hand) -> Vec<(u64, Option<Gap>)> {
    let delivered = hand.take(|output| match output {
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

pub(super) fn fetched(hand: &mut Hand, fetch: FetchId, group: u64, object: u64) {
    let object = hand.said(group, object);
    hand.give(Input::FetchedObject { fetch, object });
}

pub(super) fn complete(hand: &mut Hand, fetch: FetchId) {
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Complete });
}

/// Bob says so many frames from there on, and nobody hears them.
pub(super) fn unheard(hand: &mut Hand, group: u64, first: u64, frames: u64) {
    for object in first..first + frames {
        hand.said(group, object);
    }
}

pub(super) fn counters(hand: &Hand) -> holdline_core::SubscribedCounters {
    hand.call.stats().subscribed[0].counters
}
