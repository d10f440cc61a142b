//! R2: a publisher that has said nothing for some time.

use super::*;

#[test]
fn a_quiet_publisher_is_asked_less_and_less_often_and_nothing_is_said_of_it() {
    let (mut harness, ..) = listening(Track::audio("audio"));
    let mut asked_at = Vec::new();
    let start = harness.now;
    while harness.now - start < SECOND * 40 {
        harness.advance_alive(MS * 100);
        for (fetch, first, last) in fetches(&mut harness) {
            assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
            asked_at.push((harness.now - start).as_secs());
            complete(&mut harness, fetch);
        }
    }
    assert_eq!(asked_at, [1, 3, 7, 15, 23, 31, 39]);
    assert!(!harness.events().iter().any(|event| matches!(event, Event::TrackStalled { .. })));
}

/// What it said before belongs to the past, and there is no frame yet from which on anything is missing.
#[test]
fn a_live_track_of_which_nothing_was_ever_heard_is_not_asked_for() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", Track::audio("audio"))).feed(Input::Connect);
    let session = harness.last_dial();
    harness.agree_on(session);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(SECOND * 20);
    assert!(fetches(&mut harness).is_empty());
}

#[test]
fn a_publisher_that_is_cut_off_is_told_as_that_and_so_is_its_return() {
    let (mut harness, session, subscription) = listening(Track::audio("audio"));
    let stalled = |harness: &mut CallHarness| {
        let stalled = |event: &Event| *event == Event::TrackStalled { track: BOB };
        harness.events().into_iter().filter(stalled).count()
    };
    harness.advance_alive(MS * 2_999);
    assert_eq!(stalled(&mut harness), 0);
    harness.advance_alive(MS);
    assert_eq!(stalled(&mut harness), 1);
    harness.advance_alive(SECOND * 5);
    assert_eq!(stalled(&mut harness), 0, "once");
    let namespace_subscription = harness.watching.expect("followed");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let next = come_back(&mut harness, 1, 1);
    assert_ne!(next, subscription);
    let events = harness.events();
    assert!(events.contains(&Event::TrackResumed { track: BOB, after: SECOND * 5 }), "{events:?}");
    assert!(
        harness.closed_sessions().is_empty() && harness.dials().is_empty(),
        "{session} is healthy"
    );
}

#[test]
fn a_subscription_that_brings_nothing_of_what_is_said_is_made_anew() {
    let (mut harness, _, subscription) = listening(Track::audio("audio").live(SECOND * 30));
    harness.advance_alive(SECOND);
    let (fetch, ..) = asked(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    complete(&mut harness, fetch);
    assert!(harness.subscription().is_none(), "it may have been a coincidence");
    harness.advance_alive(SECOND);
    let (fetch, ..) = asked(&mut harness);
    fetched(&mut harness, fetch, 1, 2);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), all(1, 2));
    harness.advance_alive(MS * 100);
    let (anew, _) = harness.subscription().expect("asked for anew");
    assert_ne!(anew, subscription);
    assert_eq!(counters(&harness).resubscribed, 1);
}

#[test]
fn a_publisher_that_was_being_asked_when_it_went_elsewhere_is_asked_there() {
    let (mut harness, ..) = listening(Track::audio("audio"));
    harness.advance_alive(SECOND);
    let (fetch, ..) = asked(&mut harness);
    let namespace_subscription = harness.watching.expect("followed");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let (subscription, _) = harness.subscription().expect("subscribed anew");
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(MS * 300);
    harness.advance_alive(MS * 999);
    assert_eq!(fetches(&mut harness), []);
    harness.advance_alive(MS);
    assert_ne!(asked(&mut harness).0, fetch);
}
