//! R2, R7, R19, R20, R21, R22, R23: what is said is heard: histories, windows, and repair.

use crate::common::{BOB, BOBS, Hand, MIC, MS, numbered, publish};
use bytes::Bytes;
use holdline_core::{
    Event, FetchEnd, FetchId, Frame, FrameNumber, Gap, GapReason, Input, Location, MediaKind,
    Object, Output, Policy, Retention, SessionId, SubscriptionId, Track, TrackId,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to such a track of Bob's, of which frame 0 came, at 1/0.
fn listening(track: Track) -> (Hand, SessionId, SubscriptionId) {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::subscribe(BOB, "bob", track)).give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let subscription = come_back(&mut hand, 1, 0);
    hand.out.clear();
    (hand, session, subscription)
}

/// Bob's track is subscribed to, and this is the first that comes of it.
fn come_back(hand: &mut Hand, group: u64, object: u64) -> SubscriptionId {
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription }).object(subscription, group, object);
    subscription
}

/// Lost for so long, and up again; nothing has come yet.
fn lost_for(hand: &mut Hand, session: SessionId, away: Duration) -> SessionId {
    hand.lose(session);
    hand.pass(away);
    let next = hand.last_dial();
    hand.agree_on(next);
    next
}

fn lossless() -> Track {
    Track::audio("audio").lossless()
}

fn fetches(hand: &mut Hand) -> Vec<(FetchId, Location, Location)> {
    let asked = hand.take(|output| match output {
        Output::Fetch { fetch, first, last, .. } => Some((*fetch, *first, *last)),
        _ => None,
    });
    asked.into_iter().map(|(_, fetch)| fetch).collect()
}

fn asked(hand: &mut Hand) -> (FetchId, Location, Location) {
    let fetches = fetches(hand);
    assert_eq!(fetches.len(), 1, "one at a time");
    fetches[0]
}

/// The sequence numbers of what was delivered, and what was missing before each.
fn heard(hand: &mut Hand) -> Vec<(u64, Option<Gap>)> {
    let delivered = hand.take(|output| match output {
        Output::Deliver { object, gap, .. } => Some((object.number.sequence, *gap)),
        _ => None,
    });
    delivered.into_iter().map(|(_, heard)| heard).collect()
}

fn all(from: u64, to: u64) -> Vec<(u64, Option<Gap>)> {
    (from..=to).map(|sequence| (sequence, None)).collect()
}

fn gap(at: u64, frames: u64, reason: GapReason) -> Gap {
    Gap { at: FrameNumber::new(BOBS, at), frames, reason }
}

fn fetched(hand: &mut Hand, fetch: FetchId, group: u64, object: u64) {
    let object = hand.said(group, object);
    hand.give(Input::FetchedObject { fetch, object });
}

fn complete(hand: &mut Hand, fetch: FetchId) {
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Complete });
}

/// Bob says so many frames from there on, and nobody hears them.
fn unheard(hand: &mut Hand, group: u64, first: u64, frames: u64) {
    for object in first..first + frames {
        hand.said(group, object);
    }
}

fn counters(hand: &Hand) -> holdline_core::SubscribedCounters {
    hand.call.stats().subscribed[0].counters
}

#[test]
fn what_may_still_be_on_its_way_is_waited_for_before_it_is_asked_for() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 2, 0);
    hand.pass_alive(MS * 249);
    assert_eq!((heard(&mut hand), fetches(&mut hand)), (vec![], vec![]));
    hand.object(subscription, 1, 1).object(subscription, 1, 2);
    assert_eq!(heard(&mut hand), all(1, 3), "it came");
    hand.pass_alive(MS * 500);
    assert!(fetches(&mut hand).is_empty());

    unheard(&mut hand, 2, 1, 2);
    hand.object(subscription, 2, 3);
    hand.pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(2, 1), Location::new(2, 2)));
    fetched(&mut hand, fetch, 2, 1);
    assert_eq!(heard(&mut hand), all(4, 4));
    fetched(&mut hand, fetch, 2, 2);
    assert_eq!(heard(&mut hand), all(5, 6));
    let repaired = Event::TrackRepaired { track: BOB, frames: 2, duration: MS * 250 };
    assert_eq!(hand.events(), [repaired]);
    complete(&mut hand, fetch);
    assert_eq!((counters(&hand).repaired, counters(&hand).lost), (2, 0));
}

#[test]
fn after_an_outage_what_was_missed_is_asked_for_at_once_but_recovered_comes_first() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 40);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 3, 0);
    let recovered = hand
        .out
        .iter()
        .position(|(_, o)| matches!(o, Output::Event(Event::Recovered { .. })))
        .expect("recovered");
    let repair = hand.out.iter().position(|(_, o)| matches!(o, Output::Fetch { .. }));
    assert!(repair.expect("asked for") > recovered);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
    for object in 1..=40 {
        fetched(&mut hand, fetch, 1, object);
    }
    assert_eq!(heard(&mut hand), all(1, 41));
}

#[test]
fn a_track_that_has_gone_quiet_is_asked_for_what_was_said_meanwhile_all_the_same() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    lost_for(&mut hand, session, MS * 500);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription });
    hand.pass_alive(MS * 299);
    assert!(fetches(&mut hand).is_empty(), "not before the track is ready");
    hand.pass_alive(MS);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    for object in 1..=3 {
        fetched(&mut hand, fetch, 1, object);
    }
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(1, 3));
}

#[test]
fn what_the_publisher_no_longer_keeps_is_a_gap_and_the_rest_is_delivered() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    hand.out.clear();
    fetched(&mut hand, fetch, 1, 4);
    let evicted = gap(1, 3, GapReason::Evicted);
    assert_eq!(hand.events(), [Event::Gap { track: BOB, gap: evicted }]);
    assert_eq!(heard(&mut hand), [(4, Some(evicted))]);
    fetched(&mut hand, fetch, 1, 5);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(5, 6));
    assert_eq!((counters(&hand).lost, counters(&hand).repaired), (3, 2));
    assert_eq!(counters(&hand).delivered, 4);
}

#[test]
fn an_answer_with_nothing_in_it_means_that_all_of_it_is_gone() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), [(6, Some(gap(1, 5, GapReason::Evicted)))]);
    assert!(fetches(&mut hand).is_empty());
}

#[test]
fn an_answer_that_ends_early_is_asked_for_to_its_end() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 4);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 1);
    fetched(&mut hand, fetch, 1, 2);
    complete(&mut hand, fetch);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 3), Location::new(1, u64::MAX)));
    fetched(&mut hand, fetch, 1, 3);
    fetched(&mut hand, fetch, 1, 4);
    assert_eq!(heard(&mut hand), all(1, 5));
}

#[test]
fn what_nobody_answers_for_is_asked_for_again_and_given_up_by_its_deadline() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    let subscription = come_back(&mut hand, 2, 0);
    hand.out.clear();
    hand.pass_alive(MS * 1_999);
    assert!(hand.events().is_empty());
    hand.object(subscription, 2, 1).pass_alive(MS);
    assert_eq!(hand.events(), [Event::TrackStalled { track: BOB }]);
    let given_up = hand.take(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up.len(), 1);
    hand.pass_alive(MS * 100);
    assert_eq!(fetches(&mut hand).len(), 1, "again, after a pause");
    hand.pass_alive(MS * 17_899);
    assert!(heard(&mut hand).is_empty());
    hand.pass_alive(MS);
    let unanswered = gap(1, 5, GapReason::Unanswered);
    assert_eq!(heard(&mut hand), [(6, Some(unanswered)), (7, None)]);
    assert!(hand.events().contains(&Event::Gap { track: BOB, gap: unanswered }));
    assert_eq!(counters(&hand).lost, 5);
}

#[test]
fn where_the_relay_does_not_do_this_what_is_missing_is_told_at_once_and_not_asked_for_again() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    let session = lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    assert_eq!(heard(&mut hand), [(6, Some(gap(1, 5, GapReason::Unsupported)))]);
    hand.pass_alive(SECOND * 10);
    assert!(fetches(&mut hand).is_empty());
    unheard(&mut hand, 2, 1, 1);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 3, 0);
    assert_eq!(fetches(&mut hand).len(), 1, "another session may be with another relay");
}

#[test]
fn what_finds_no_room_is_not_lost_but_asked_for_when_there_is() {
    let little = Retention { frames: 2, ..Retention::lossless() };
    let (mut hand, session, _) = listening(lossless().retaining(little));
    unheard(&mut hand, 1, 1, 1);
    lost_for(&mut hand, session, MS * 500);
    let subscription = come_back(&mut hand, 2, 0);
    hand.object(subscription, 2, 1).object(subscription, 2, 2).object(subscription, 2, 3);
    assert_eq!((counters(&hand).held, counters(&hand).refused), (2, 2));
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 1);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(1, 3));
    hand.object(subscription, 2, 4).pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(2, 2), Location::new(2, 3)));
    fetched(&mut hand, fetch, 2, 2);
    fetched(&mut hand, fetch, 2, 3);
    assert_eq!(heard(&mut hand), all(4, 6));
}

#[test]
fn few_tracks_are_asked_for_at_once_and_the_others_take_their_turn() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    for id in 0..10 {
        let track = Track::audio(id.to_string()).lossless();
        hand.give(Input::subscribe(TrackId(id), "bob", track));
    }
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let subscriptions = hand.take(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        hand.give(Input::SubscriptionAccepted { subscription });
        let object = numbered(Location::new(1, 3), 3, 0);
        hand.give(Input::Object { subscription, object });
    }
    let first = fetches(&mut hand);
    assert_eq!(first.len(), 8);
    complete(&mut hand, first[0].0);
    assert_eq!(fetches(&mut hand).len(), 1);
}

#[test]
fn whoever_wants_all_of_a_track_wants_what_was_said_before_they_came_too_and_misses_what_is_gone() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::subscribe(BOB, "bob", lossless())).give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    unheard(&mut hand, 1, 0, 20);
    let subscription = come_back(&mut hand, 2, 0);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(BOBS, 0), Location::new(1, u64::MAX)));
    fetched(&mut hand, fetch, 1, 15);
    let before = gap(0, 15, GapReason::BeforeJoining);
    assert_eq!(heard(&mut hand), [(15, Some(before))]);
    for object in 16..20 {
        fetched(&mut hand, fetch, 1, object);
    }
    assert_eq!(heard(&mut hand), all(16, 20));
    complete(&mut hand, fetch);
    assert_eq!((counters(&hand).before_joining, counters(&hand).lost), (15, 0));
    // From now on whatever is missing is missed.
    unheard(&mut hand, 2, 1, 1);
    hand.object(subscription, 2, 2).pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), [(22, Some(gap(21, 1, GapReason::Evicted)))]);
}

#[test]
fn what_is_being_repaired_has_its_time_from_one_frame_to_the_next() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let mut fetch = asked(&mut hand).0;
    hand.pass_alive(MS * 1_000);
    fetched(&mut hand, fetch, 1, 1);
    assert_eq!(heard(&mut hand), all(1, 1));
    // From now on nobody answers.
    hand.pass_alive(MS * 19_999);
    assert!(heard(&mut hand).is_empty());
    fetch = fetches(&mut hand).last().expect("asked again").0;
    assert!(hand.take(|o| matches!(o, Output::CancelFetch { .. }).then_some(())).len() > 5);
    hand.pass_alive(MS);
    assert_eq!(heard(&mut hand), [(4, Some(gap(2, 2, GapReason::Unanswered)))]);
    fetched(&mut hand, fetch, 1, 2);
    assert_eq!(heard(&mut hand), [], "too late");
}

#[test]
fn the_end_of_a_track_waits_for_what_is_missing_before_it() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    lost_for(&mut hand, session, MS * 500);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS, 3) });
    let finished = |hand: &mut Hand| hand.events().contains(&Event::TrackFinished { track: BOB });
    assert!(!finished(&mut hand));
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    fetched(&mut hand, fetch, 1, 1);
    fetched(&mut hand, fetch, 1, 2);
    assert_eq!(heard(&mut hand), all(1, 2));
    assert!(finished(&mut hand));
}

#[test]
fn a_publisher_that_comes_back_as_a_new_process_begins_anew() {
    let (mut hand, _, subscription) = listening(lossless());
    let anew = |sequence| Object {
        number: FrameNumber::new(900, sequence),
        ..numbered(Location::new(901, sequence), sequence, 0)
    };
    hand.give(Input::Object { subscription, object: anew(1) });
    hand.pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(900, 0), Location::new(901, 0)));
    hand.give(Input::FetchedObject { fetch, object: anew(0) });
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut hand), [(0, Some(restarted)), (1, None)]);
    hand.object(subscription, 1, 1);
    assert_eq!(heard(&mut hand), [], "nobody goes back");
}

#[test]
fn numbers_that_cannot_be_are_a_gap_and_not_a_wait() {
    let (mut hand, _, subscription) = listening(lossless());
    let odd = |location, sequence| Object { location, ..numbered(location, sequence, 0) };
    hand.give(Input::Object { subscription, object: odd(Location::new(1, 1), 50) });
    hand.give(Input::Object { subscription, object: odd(Location::new(0, 0), u64::MAX) });
    assert_eq!(heard(&mut hand)[0].0, 50);
    assert_eq!(heard(&mut hand), []);
    assert_eq!(counters(&hand).lost, 49 + (u64::MAX - 51));
}

#[test]
fn what_came_is_delivered_when_the_call_ends_whatever_is_missing_before_it() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 1, 3);
    hand.give(Input::Close);
    assert_eq!(heard(&mut hand), [(3, Some(gap(1, 2, GapReason::Unanswered)))]);
}

#[test]
fn a_quiet_publisher_is_asked_less_and_less_often_and_nothing_is_said_of_it() {
    let (mut hand, ..) = listening(Track::audio("audio"));
    let mut asked_at = Vec::new();
    let start = hand.now;
    while hand.now - start < SECOND * 40 {
        hand.pass_alive(MS * 100);
        for (fetch, first, last) in fetches(&mut hand) {
            assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
            asked_at.push((hand.now - start).as_secs());
            complete(&mut hand, fetch);
        }
    }
    assert_eq!(asked_at, [1, 3, 7, 15, 23, 31, 39]);
    assert!(!hand.events().iter().any(|event| matches!(event, Event::TrackStalled { .. })));
}

#[test]
fn a_publisher_that_is_cut_off_is_told_as_that_and_so_is_its_return() {
    let (mut hand, session, subscription) = listening(Track::audio("audio"));
    let stalled = |hand: &mut Hand| {
        let stalled = |event: &Event| *event == Event::TrackStalled { track: BOB };
        hand.events().into_iter().filter(stalled).count()
    };
    hand.pass_alive(MS * 2_999);
    assert_eq!(stalled(&mut hand), 0);
    hand.pass_alive(MS);
    assert_eq!(stalled(&mut hand), 1);
    hand.pass_alive(SECOND * 5);
    assert_eq!(stalled(&mut hand), 0, "once");
    let watch = hand.watching.expect("followed");
    hand.give(Input::EpochAdded { watch, epoch: 501 });
    let next = come_back(&mut hand, 1, 1);
    assert_ne!(next, subscription);
    let events = hand.events();
    assert!(events.contains(&Event::TrackResumed { track: BOB, after: SECOND * 5 }), "{events:?}");
    assert!(hand.closed_sessions().is_empty() && hand.dials().is_empty(), "{session} is healthy");
}

#[test]
fn a_subscription_that_brings_nothing_of_what_is_said_is_made_anew() {
    let (mut hand, _, subscription) = listening(Track::audio("audio").live(SECOND * 30));
    hand.pass_alive(SECOND);
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 1);
    complete(&mut hand, fetch);
    assert!(hand.subscription().is_none(), "it may have been a coincidence");
    hand.pass_alive(SECOND);
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 2);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(1, 2));
    hand.pass_alive(MS * 100);
    let (anew, _) = hand.subscription().expect("asked for anew");
    assert_ne!(anew, subscription);
    assert_eq!(counters(&hand).resubscribed, 1);
}

/// A frame of Bob's that was captured then.
fn captured(hand: &mut Hand, group: u64, object: u64, at: Duration) -> Object {
    let captured_at = u64::try_from(at.as_micros()).expect("small");
    let said = hand.said(group, object);
    Object { frame: Frame::new(captured_at, said.frame.payload), ..said }
}

fn live() -> Track {
    Track::audio("audio").live(MS * 500)
}

#[test]
fn a_live_track_skips_what_is_later_than_its_budget_and_says_so_once() {
    let (mut hand, session, _) = listening(live());
    hand.pass_alive(MS * 980);
    unheard(&mut hand, 1, 1, 9);
    lost_for(&mut hand, session, SECOND * 3);
    let now = hand.now - holdline_core::Timestamp::ZERO;
    let (subscription, _) = hand.subscription().expect("subscribed");
    // The relay has the current group from its beginning: a second of the past.
    for object in 0..50 {
        let at = now - MS * 980 + MS * 20 * u32::try_from(object).expect("small");
        let object = captured(&mut hand, 5, object, at);
        hand.give(Input::Object { subscription, object });
    }
    let heard = heard(&mut hand);
    let late = gap(1, 9 + 24, GapReason::TooLate);
    assert_eq!(heard[0], (34, Some(late)), "the first that is not later than 500 ms");
    assert_eq!(heard.len(), 26);
    assert_eq!((counters(&hand).skipped, counters(&hand).lost), (33, 0));
    let gaps = hand.events().into_iter().filter(|event| matches!(event, Event::Gap { .. }));
    assert_eq!(gaps.collect::<Vec<_>>(), [Event::Gap { track: BOB, gap: late }]);
    assert!(fetches(&mut hand).is_empty(), "nobody asks for what is too late");
}

#[test]
fn a_live_track_asks_for_what_can_still_be_in_time() {
    let (mut hand, session, _) = listening(live());
    hand.pass_alive(MS * 100);
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 100);
    come_back(&mut hand, 2, 0);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, u64::MAX)));
    for object in 1..=5 {
        fetched(&mut hand, fetch, 1, object);
    }
    assert_eq!(heard(&mut hand), all(1, 6));
}

#[test]
fn a_live_track_waits_for_what_is_missing_until_what_waits_would_be_too_late() {
    let (mut hand, _, subscription) = listening(live());
    hand.pass_alive(MS * 300);
    unheard(&mut hand, 1, 1, 1);
    let now = hand.now - holdline_core::Timestamp::ZERO;
    let object = captured(&mut hand, 2, 0, now - MS * 200);
    hand.give(Input::Object { subscription, object });
    hand.pass_alive(MS * 299);
    assert!(heard(&mut hand).is_empty());
    hand.pass_alive(MS);
    assert_eq!(heard(&mut hand), [(2, Some(gap(1, 1, GapReason::TooLate)))]);
}

#[test]
fn a_live_track_with_no_room_lets_the_past_go() {
    let little = Retention { frames: 2, ..Retention::live() };
    let (mut hand, _, subscription) = listening(live().retaining(little));
    unheard(&mut hand, 1, 1, 1);
    for object in 0..3 {
        hand.object(subscription, 2, object);
    }
    let too_late = gap(1, 1, GapReason::TooLate);
    assert_eq!(heard(&mut hand), [(2, Some(too_late)), (3, None), (4, None)]);
}

#[test]
fn a_live_video_track_goes_on_with_a_keyframe_after_a_gap_if_it_has_any() {
    for (has_keyframes, heard_after) in [(true, vec![6, 7]), (false, vec![3, 4, 5, 6, 7])] {
        let track = Track { kind: MediaKind::Video, ..live() };
        let (mut hand, session, subscription) = listening(track);
        let frame = |hand: &mut Hand, group, object, keyframe| {
            let said = hand.said(group, object);
            let frame = Frame { keyframe: keyframe && has_keyframes, ..said.frame };
            Object { frame, ..said }
        };
        let object = frame(&mut hand, 1, 1, true);
        hand.give(Input::Object { subscription, object });
        unheard(&mut hand, 1, 2, 1);
        lost_for(&mut hand, session, SECOND);
        let (subscription, _) = hand.subscription().expect("subscribed");
        hand.out.clear();
        for object in 0..5 {
            let object = frame(&mut hand, 2, object, object == 3);
            hand.give(Input::Object { subscription, object });
        }
        let heard = heard(&mut hand);
        let sequences: Vec<u64> = heard.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, heard_after);
        assert_eq!(heard[0].1.map(|gap| gap.frames), Some(sequences[0] - 2));
    }
}

#[test]
fn a_live_video_track_does_not_wait_for_ever_for_a_keyframe() {
    let (mut hand, session, subscription) = listening(Track { kind: MediaKind::Video, ..live() });
    let said = hand.said(1, 1);
    let object = Object { frame: Frame { keyframe: true, ..said.frame }, ..said };
    hand.give(Input::Object { subscription, object });
    unheard(&mut hand, 1, 2, 1);
    lost_for(&mut hand, session, SECOND);
    let subscription = come_back(&mut hand, 2, 0);
    hand.out.clear();
    for object in 1..6 {
        hand.pass_alive(MS * 999).object(subscription, 2, object);
    }
    assert!(heard(&mut hand).is_empty());
    hand.pass_alive(MS * 5).object(subscription, 2, 6);
    assert_eq!(heard(&mut hand), [(9, Some(gap(2, 7, GapReason::TooLate)))]);
}

/// A live call that has said so many frames in an outage, 20 ms apart, and is up again.
fn after_saying(frames: u64, retention: Retention) -> (Hand, SessionId) {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    hand.give(Input::Connect);
    let session = hand.accept();
    hand.lose(session);
    for _ in 0..frames {
        hand.send().pass(MS * 20);
    }
    let session = hand.next_dial().session;
    hand.agree_on(session);
    hand.out.clear();
    (hand, session)
}

fn ask(hand: &mut Hand, session: SessionId, request: u64) {
    let (name, first) = (String::from("audio"), Location::new(0, 0));
    hand.give(Input::FetchRequested { session, request, name, first, last: Location::LAST });
}

/// When which frames were said again, counted from now.
fn replayed(hand: &mut Hand, request: u64) -> Vec<(u128, u64)> {
    let now = hand.now;
    let said = hand.take(|output| match output {
        Output::FetchObject { request: of, object, .. } if *of == request => {
            Some(object.number.sequence)
        }
        _ => None,
    });
    said.into_iter().map(|(at, sequence)| ((at - now).as_millis(), sequence)).collect()
}

#[test]
fn what_was_said_without_a_session_is_said_again_to_who_asks_four_times_as_fast() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    assert_eq!(hand.call.stats().published[0].counters.kept_back, 100);
    ask(&mut hand, session, 7);
    let accepted = hand.take(|output| match output {
        Output::AcceptFetch { request, last, .. } => Some((*request, *last)),
        _ => None,
    });
    assert_eq!(accepted[0].1, (7, Some(Location::new(3, 49))));
    let start = hand.now;
    let mut said = Vec::new();
    let mut live = Vec::new();
    for _ in 0..30 {
        // What is said now goes out now.
        hand.send();
        live.extend(hand.sent());
        hand.pass_alive(MS * 20);
        let again = hand.take(|output| match output {
            Output::FetchObject { object, .. } => Some(object.number.sequence),
            _ => None,
        });
        said.extend(again.into_iter().map(|(at, number)| ((at - start).as_millis(), number)));
    }
    assert_eq!(live.len(), 30);
    let expected: Vec<(u128, u64)> = (0..100).map(|n| (u128::from(n) * 5, n)).collect();
    assert_eq!(said, expected, "a quarter of 20 ms apart: no burst");
    let ended = hand.take(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!((ended.len(), ended[0].0 - start), (1, MS * 495));
    assert_eq!(hand.call.stats().published[0].counters.replayed, 100);
}

#[test]
fn an_answer_says_at_most_a_thousand_frames_or_half_a_megabyte() {
    let (mut hand, session) = after_saying(5, Retention::lossless());
    for _ in 0..1_500 {
        hand.send();
    }
    ask(&mut hand, session, 1);
    hand.pass_alive(SECOND * 3);
    assert_eq!(replayed(&mut hand, 1).len(), 1_000);

    let (mut hand, session) = after_saying(0, Retention::lossless());
    for size in [500_000, 30_000, 600_000] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        hand.give(Input::Send { track: MIC, frame });
    }
    let mut first = Location::new(0, 0);
    let mut answers = Vec::new();
    for request in 1..=3 {
        let name = "audio".into();
        hand.give(Input::FetchRequested { session, request, name, first, last: Location::LAST });
        let last = hand.take(|output| match output {
            Output::AcceptFetch { last, .. } => *last,
            _ => None,
        });
        first = Location::new(last[0].1.group, last[0].1.object + 1);
        hand.pass_alive(MS * 100);
        answers.push(replayed(&mut hand, request).len());
    }
    assert_eq!(answers, [1, 1, 1], "one frame is said however long it is");
}

#[test]
fn few_answers_go_out_at_once_and_the_others_wait() {
    let (mut hand, session) = after_saying(10, Retention::lossless());
    for request in 0..10 {
        ask(&mut hand, session, request);
    }
    let accepted = |hand: &mut Hand| {
        let accepted = hand.take(|output| match output {
            Output::AcceptFetch { request, .. } => Some(*request),
            _ => None,
        });
        accepted.into_iter().map(|(_, request)| request).collect::<Vec<_>>()
    };
    assert_eq!(accepted(&mut hand), [0, 1, 2, 3, 4, 5, 6, 7]);
    replayed(&mut hand, 3);
    hand.give(Input::FetchCancelled { session, request: 3 });
    assert_eq!(accepted(&mut hand), [8]);
    hand.pass_alive(MS * 50);
    assert_eq!(accepted(&mut hand), [9]);
    assert!(replayed(&mut hand, 3).is_empty());
    assert_eq!(replayed(&mut hand, 8).len(), 10);
    hand.pass_alive(MS * 50);
    assert_eq!(replayed(&mut hand, 9).len(), 10);
    assert!(hand.take(|o| matches!(o, Output::RefuseFetch { .. }).then_some(())).is_empty());
    for request in 100..300 {
        ask(&mut hand, session, request);
    }
    let refused = hand.take(|o| matches!(o, Output::RefuseFetch { .. }).then_some(()));
    assert_eq!(refused.len(), 200 - 108, "who asks without end is refused");
}

#[test]
fn a_track_that_is_not_published_is_refused_and_an_empty_one_answered_with_nothing() {
    let (mut hand, session) = after_saying(0, Retention::lossless());
    let (name, first) = (String::from("screen"), Location::new(0, 0));
    hand.give(Input::FetchRequested { session, request: 1, name, first, last: Location::LAST });
    assert!(matches!(hand.out[..], [(_, Output::RefuseFetch { request: 1, .. })]));
    hand.out.clear();
    ask(&mut hand, session, 2);
    assert!(matches!(
        hand.out[..],
        [
            (_, Output::AcceptFetch { request: 2, last: None, .. }),
            (_, Output::EndFetch { request: 2, .. })
        ]
    ));
}

#[test]
fn an_answer_passes_over_what_is_let_go_of_while_it_goes_out() {
    let (mut hand, session) = after_saying(10, Retention { frames: 10, ..Retention::lossless() });
    ask(&mut hand, session, 1);
    hand.pass_alive(MS * 6);
    for _ in 0..5 {
        hand.send();
    }
    hand.pass_alive(MS * 100);
    let said: Vec<u64> = replayed(&mut hand, 1).into_iter().map(|(_, number)| number).collect();
    assert_eq!(said, [0, 1, 5, 6, 7, 8, 9]);
}

#[test]
fn a_silent_path_is_not_fed_with_answers_either() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    ask(&mut hand, session, 1);
    hand.pass_silent(SECOND);
    let said = replayed(&mut hand, 1).len();
    assert!(said < 100, "{said}");
    hand.pass(SECOND);
    assert!(replayed(&mut hand, 1).is_empty());
}

#[test]
fn what_is_kept_in_an_outage_stays_within_the_bytes_that_were_configured() {
    let bytes = 64 * 1024;
    let mut hand = Hand::new(Policy::patient(), 1);
    let retention = Retention { bytes, ..Retention::lossless() };
    hand.give(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    hand.give(publish(TrackId(9), "other")).give(Input::Connect);
    let session = hand.accept();
    hand.lose(session);
    let kept = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let frame = Frame::new(hand.now.as_micros(), Bytes::from(vec![7; 320]));
            hand.give(Input::Send { track: MIC, frame }).pass(MS * 20);
            hand.out.clear();
        }
    });
    let counters = hand.call.stats().published[0].counters;
    assert_eq!((counters.kept_back, counters.held, counters.held_bytes), (1_000, 204, 204 * 320));
    assert_eq!(counters.evicted.bytes, 796);
    // What is around each frame is counted, too.
    let around = 204 * 200;
    assert!(kept.bytes_current <= i64::try_from(bytes).expect("small") + around, "{kept:?}");
}
