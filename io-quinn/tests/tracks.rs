//! R1, R4, R5, R10, R17, R19: tracks begin and end while the session stays.

mod common;

use common::{FrameSender, STEP_TIMEOUT, Site, numbered, receive, wait_for};
use futures::StreamExt as _;
use holdline_quinn::stats::Outcome;
use holdline_quinn::{Event, Track};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_waits_for_a_publisher_that_leaves_and_returns() {
    let site = Site::open();
    let bob = site.join("bob");
    let mut events = bob.events();
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    for _ in 0..2 {
        let alice = site.join("alice");
        let sending =
            FrameSender::start(alice.publish(Track::audio("audio")).expect("a valid track"));
        receive(&mut from_alice).await;
        drop(sending);
        alice.close().await;
        let left = |event: &Event| matches!(event, Event::ParticipantAway { .. }).then_some(());
        wait_for(&mut events, left).await;
    }
    let summary = bob.close().await;
    assert_eq!(summary.stats.telemetry.incidents, 0, "the subscriber's session has no incident");
    assert_eq!(summary.stats.telemetry.attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_track_is_requested_again_until_it_is_published() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _audio = FrameSender::start(alice.publish(Track::audio("audio")).expect("a valid track"));
    let mut audio = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    let mut screen = bob.subscribe("alice", Track::audio("screen")).expect("a valid track");
    receive(&mut audio).await;
    while bob.stats().await.subscribed[1].counters.resubscribed == 0 {
        receive(&mut audio).await;
    }
    let _screen = FrameSender::start(alice.publish(Track::audio("screen")).expect("a valid track"));
    receive(&mut screen).await;
    assert_eq!(bob.close().await.stats.telemetry.incidents, 0);
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_track_ends_after_its_last_frame() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    let track = alice.publish(Track::audio("audio")).expect("a valid track");
    let mut events = bob.events();
    wait_for(&mut events, |event| matches!(event, Event::ParticipantJoined { .. }).then_some(()))
        .await;
    for number in 0..100 {
        track.send(numbered(number)).expect("the call is live");
    }
    track.finish().expect("the call is live");
    for number in 0..100 {
        assert_eq!(receive(&mut from_alice).await, number);
    }
    let end =
        tokio::time::timeout(STEP_TIMEOUT, from_alice.next()).await.expect("before the timeout");
    assert_eq!(end, None);
    alice.close().await;
    bob.close().await;
}

#[tokio::test]
async fn frames_are_accepted_from_the_first_moment_to_the_last() {
    let mut site = Site::open();
    site.crash();
    let alice = site.join("alice");
    let track = alice.publish(Track::audio("audio")).expect("a valid track");
    for number in 0..10 {
        track.send(numbered(number)).expect("send succeeds while the call is live");
    }
    assert_eq!(alice.stats().await.published[0].counters.accepted, 10);
    let summary = alice.close().await;
    assert_eq!(summary.outcome, Outcome::Completed);
    track.send(numbered(10)).expect_err("the call has ended");
    track.finish().expect_err("the call has ended");
}

#[tokio::test]
async fn a_call_ends_when_all_its_handles_are_dropped() {
    let mut site = Site::open();
    site.crash();
    let alice = site.join("alice");
    let mut events = alice.events();
    drop(alice);
    let ended = |event: &Event| match event {
        Event::Ended { summary } => Some(summary.outcome.clone()),
        _ => None,
    };
    assert_eq!(wait_for(&mut events, ended).await, Outcome::Completed);
    assert_eq!(events.next().await, None, "no event after the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnect_now_makes_a_new_session_under_the_same_handles() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _sending = FrameSender::start(alice.publish(Track::audio("audio")).expect("a valid track"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    receive(&mut from_alice).await;
    let mut events = alice.events();
    alice.reconnect_now().expect("the call is live");
    wait_for(&mut events, |event| matches!(event, Event::SessionReplaced { .. }).then_some(()))
        .await;
    let now = alice.stats().await.published[0].counters.accepted;
    while receive(&mut from_alice).await < now {}
    assert_eq!(bob.close().await.stats.telemetry.incidents, 0);
    alice.close().await;
}

/// The session is not replaced, no incident begins, and no frame is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_change_migrates_the_session_to_a_fresh_socket() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _sending = FrameSender::start(alice.publish(Track::audio("audio")).expect("a valid track"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    let first = receive(&mut from_alice).await;
    let mut events = alice.events();
    for call in [&alice, &bob] {
        call.network_changed().expect("the call is live");
    }
    let migrating = |event: &Event| matches!(event, Event::PathMigrating { .. }).then_some(());
    wait_for(&mut events, migrating).await;
    for number in first + 1..first + 100 {
        assert_eq!(receive(&mut from_alice).await, number, "no frame is lost");
    }
    for call in [alice, bob] {
        let telemetry = call.close().await.stats.telemetry;
        assert_eq!((telemetry.migrations, telemetry.incidents, telemetry.attempts), (1, 0, 1));
    }
}

#[tokio::test]
async fn the_event_stream_ends_with_a_call_still_held() {
    let (site, stranger) = (Site::open(), Site::open());
    let config = site.config("alice").trust(stranger.trust());
    let call = holdline_quinn::Call::connect(config).expect("a valid configuration");
    let (mut first, mut second) = (call.events(), call.events());
    call.ended().await;
    for events in [&mut first, &mut second] {
        wait_for(events, |e| matches!(e, Event::Ended { .. }).then_some(())).await;
        let after = tokio::time::timeout(STEP_TIMEOUT, events.next())
            .await
            .expect("the stream ends at once");
        assert_eq!(after, None);
    }
    drop(call);
}
