//! R1, R4, R5, R10, R17, R19: tracks come and go while the session stays.

mod common;

use common::{PATIENCE, Site, Speaker, hear, numbered, wait_for};
use futures::StreamExt as _;
use holdline_quinn::{Event, Outcome, Track};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_waits_for_a_speaker_who_comes_later_leaves_and_comes_back() {
    let site = Site::open();
    let bob = site.join("bob");
    let mut events = bob.events();
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a name");
    for _ in 0..2 {
        let alice = site.join("alice");
        let speaking = Speaker::start(alice.publish(Track::audio("audio")).expect("a name"));
        hear(&mut from_alice).await;
        drop(speaking);
        alice.close().await;
        let left = |event: &Event| matches!(event, Event::ParticipantAway { .. }).then_some(());
        wait_for(&mut events, left).await;
    }
    let summary = bob.close().await;
    assert_eq!(summary.stats.telemetry.incidents, 0, "the listener's session was never in doubt");
    assert_eq!(summary.stats.telemetry.attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_track_that_is_not_found_is_asked_for_until_it_is_published() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _audio = Speaker::start(alice.publish(Track::audio("audio")).expect("a name"));
    let mut audio = bob.subscribe("alice", Track::audio("audio")).expect("a name");
    let mut screen = bob.subscribe("alice", Track::audio("screen")).expect("a name");
    hear(&mut audio).await;
    while bob.stats().await.subscribed[1].counters.resubscribed == 0 {
        hear(&mut audio).await;
    }
    let _screen = Speaker::start(alice.publish(Track::audio("screen")).expect("a name"));
    hear(&mut screen).await;
    assert_eq!(bob.close().await.stats.telemetry.incidents, 0);
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_track_is_heard_to_its_last_frame_and_then_its_stream_ends() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a name");
    let track = alice.publish(Track::audio("audio")).expect("a name");
    let mut events = bob.events();
    wait_for(&mut events, |event| matches!(event, Event::ParticipantJoined { .. }).then_some(()))
        .await;
    for number in 0..100 {
        track.send(numbered(number)).expect("a live call");
    }
    track.finish().expect("a live call");
    for number in 0..100 {
        assert_eq!(hear(&mut from_alice).await, number);
    }
    let end = tokio::time::timeout(PATIENCE, from_alice.next()).await.expect("in time");
    assert_eq!(end, None);
    alice.close().await;
    bob.close().await;
}

#[tokio::test]
async fn frames_are_accepted_from_the_first_moment_to_the_last() {
    let mut site = Site::open();
    site.crash();
    let alice = site.join("alice");
    let track = alice.publish(Track::audio("audio")).expect("a name");
    for number in 0..10 {
        track.send(numbered(number)).expect("never fails while the call lives");
    }
    assert_eq!(alice.stats().await.published[0].counters.accepted, 10);
    let summary = alice.close().await;
    assert_eq!(summary.outcome, Outcome::Completed);
    track.send(numbered(10)).expect_err("the call has ended");
    track.finish().expect_err("the call has ended");
}

#[tokio::test]
async fn a_call_whose_handles_are_all_dropped_ends() {
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
    assert_eq!(events.next().await, None, "nothing after the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnect_now_makes_a_new_session_under_the_same_handles() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _speaking = Speaker::start(alice.publish(Track::audio("audio")).expect("a name"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a name");
    hear(&mut from_alice).await;
    let mut events = alice.events();
    alice.reconnect_now().expect("a live call");
    wait_for(&mut events, |event| matches!(event, Event::Recovered { .. }).then_some(())).await;
    let now = alice.stats().await.published[0].counters.accepted;
    while hear(&mut from_alice).await < now {}
    assert_eq!(bob.close().await.stats.telemetry.incidents, 0);
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_change_moves_the_session_to_a_fresh_socket_without_a_new_session() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _speaking = Speaker::start(alice.publish(Track::audio("audio")).expect("a name"));
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a name");
    let first = hear(&mut from_alice).await;
    let mut events = alice.events();
    for call in [&alice, &bob] {
        call.network_changed().expect("a live call");
    }
    let moving = |event: &Event| matches!(event, Event::PathMigrating { .. }).then_some(());
    wait_for(&mut events, moving).await;
    for number in first + 1..first + 100 {
        assert_eq!(hear(&mut from_alice).await, number, "nothing is lost");
    }
    for call in [alice, bob] {
        let telemetry = call.close().await.stats.telemetry;
        assert_eq!((telemetry.migrations, telemetry.incidents, telemetry.attempts), (1, 0, 1));
    }
}

#[tokio::test]
async fn the_stream_of_events_ends_with_the_call_even_while_its_handle_is_held() {
    let (site, stranger) = (Site::open(), Site::open());
    let config = site.config("alice").trust(stranger.trust());
    let call = holdline_quinn::Call::connect(config).expect("a call");
    let (mut first, mut second) = (call.events(), call.events());
    call.ended().await;
    for events in [&mut first, &mut second] {
        wait_for(events, |e| matches!(e, Event::Ended { .. }).then_some(())).await;
        let after = tokio::time::timeout(PATIENCE, events.next()).await.expect("no waiting");
        assert_eq!(after, None);
    }
    drop(call);
}
