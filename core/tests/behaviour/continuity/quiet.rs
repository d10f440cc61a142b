//! R2: a publisher that has said nothing for some time.

use super::*;

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

/// What it said before belongs to the past, and there is no frame yet from which on anything is missing.
#[test]
fn a_live_track_of_which_nothing_was_ever_heard_is_not_asked_for() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::subscribe(BOB, "bob", Track::audio("audio"))).give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription }).pass_alive(SECOND * 20);
    assert!(fetches(&mut hand).is_empty());
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

#[test]
fn a_publisher_that_was_being_asked_when_it_went_elsewhere_is_asked_there() {
    let (mut hand, ..) = listening(Track::audio("audio"));
    hand.pass_alive(SECOND);
    let (fetch, ..) = asked(&mut hand);
    let watch = hand.watching.expect("followed");
    hand.give(Input::EpochAdded { watch, epoch: 501 });
    let (subscription, _) = hand.subscription().expect("subscribed anew");
    hand.give(Input::SubscriptionAccepted { subscription }).pass_alive(MS * 300);
    hand.pass_alive(MS * 999);
    assert_eq!(fetches(&mut hand), []);
    hand.pass_alive(MS);
    assert_ne!(asked(&mut hand).0, fetch);
}
