//! R2: a publisher that has sent nothing for some time.

use super::*;

/// The call does not report its track as stalled.
#[test]
fn a_quiet_publisher_is_queried_less_and_less_often() {
    let (mut harness, ..) = listening(Track::audio("audio"));
    let mut queried_at = Vec::new();
    let start = harness.now;
    while harness.now - start < SECOND * 40 {
        harness.advance_alive(MS * 100);
        for (fetch, first, last) in fetches(&mut harness) {
            assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
            queried_at.push((harness.now - start).as_secs());
            complete(&mut harness, fetch);
        }
    }
    assert_eq!(queried_at, [1, 3, 7, 15, 23, 31, 39]);
    assert!(!harness.events().iter().any(|event| matches!(event, Event::TrackStalled { .. })));
}

/// Earlier frames are too old for a live track, and no frame marks yet where a hole would begin.
#[test]
fn a_live_track_that_never_delivered_is_not_queried() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", Track::audio("audio"))).feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    let (subscription, _) = harness.subscription().expect("a subscription");
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(SECOND * 20);
    assert!(fetches(&mut harness).is_empty());
}

#[test]
fn a_stalled_track_and_its_return_are_reported() {
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
    assert_eq!(stalled(&mut harness), 0, "the stall is reported once");
    let namespace_subscription =
        harness.last_namespace_subscription.expect("a namespace subscription");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let next = accept_subscription(&mut harness, 1, 1);
    assert_ne!(next, subscription);
    let events = harness.events();
    assert!(events.contains(&Event::TrackResumed { track: BOB, after: SECOND * 5 }), "{events:?}");
    assert!(
        harness.closed_sessions().is_empty() && harness.dials().is_empty(),
        "session {session} is healthy"
    );
}

/// FETCH returns frames twice that the subscription did not bring.
#[test]
fn a_subscription_that_misses_sent_frames_is_replaced() {
    let (mut harness, _, subscription) = listening(Track::audio("audio").live(SECOND * 30));
    harness.advance_alive(SECOND);
    let (fetch, ..) = only_fetch(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    complete(&mut harness, fetch);
    assert!(harness.subscription().is_none(), "the first time may have been a coincidence");
    harness.advance_alive(SECOND);
    let (fetch, ..) = only_fetch(&mut harness);
    fetched(&mut harness, fetch, 1, 2);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), without_gaps(1, 2));
    harness.advance_alive(MS * 100);
    let (next, _) = harness.subscription().expect("a new subscription");
    assert_ne!(next, subscription);
    assert_eq!(counters(&harness).resubscribed, 1);
}

#[test]
fn a_publisher_that_moves_during_a_query_is_queried_again() {
    let (mut harness, ..) = listening(Track::audio("audio"));
    harness.advance_alive(SECOND);
    let (fetch, ..) = only_fetch(&mut harness);
    let namespace_subscription =
        harness.last_namespace_subscription.expect("a namespace subscription");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let (subscription, _) = harness.subscription().expect("a new subscription");
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(MS * 300);
    harness.advance_alive(MS * 999);
    assert_eq!(fetches(&mut harness), []);
    harness.advance_alive(MS);
    assert_ne!(only_fetch(&mut harness).0, fetch);
}
