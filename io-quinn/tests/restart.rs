//! R3, R4, R5: a two-way call through a real relay that crashes and restarts.

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{FrameSender, Site, receive, wait_for};
use holdline_quinn::stats::Outcome;
use holdline_quinn::{Event, Track};

/// The relay restarts twice, so that the second recovery starts from the state after the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_recover_on_the_same_handles_after_relay_restarts() {
    let mut site = Site::open();
    let before = unix_millis();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let initiated = before..=unix_millis();
    let _alice_sends =
        FrameSender::start(alice.publish(Track::audio("audio")).expect("a valid track"));
    let _bob_sends = FrameSender::start(bob.publish(Track::audio("audio")).expect("a valid track"));
    let mut from_bob = alice.subscribe("bob", Track::audio("audio")).expect("a valid track");
    let mut from_alice = bob.subscribe("alice", Track::audio("audio")).expect("a valid track");
    let (mut alice_events, mut bob_events) = (alice.events(), bob.events());
    receive(&mut from_alice).await;
    receive(&mut from_bob).await;

    for crash in 1..=2 {
        site.crash();
        let lost = |event: &Event| matches!(event, Event::IncidentStarted { .. }).then_some(());
        futures::join!(wait_for(&mut alice_events, lost), wait_for(&mut bob_events, lost));
        site.restart();
        let recovered = |event: &Event| matches!(event, Event::Recovered { .. }).then_some(());
        futures::join!(
            wait_for(&mut alice_events, recovered),
            wait_for(&mut bob_events, recovered)
        );

        // Frames in the queues are older than the frames that are sent from now on.
        let now = alice.stats().await.published[0].counters.accepted;
        while receive(&mut from_alice).await < now {}
        let now = bob.stats().await.published[0].counters.accepted;
        while receive(&mut from_bob).await < now {}
        assert_eq!(alice.stats().await.telemetry.incidents_recovered, crash);
    }

    let summary = alice.close().await;
    assert_eq!(summary.outcome, Outcome::Completed);
    assert!(initiated.contains(&summary.record.initiated_at), "{:?}", summary.record);
    assert_eq!(summary.stats.telemetry.incidents, 2);
    let counters = summary.stats.subscribed[0].counters;
    assert!(counters.delivered > 0 && counters.delivered + counters.repeated == counters.received);
    assert_eq!(bob.close().await.outcome, Outcome::Completed);
}

fn unix_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    u64::try_from(now.as_millis()).expect("milliseconds fit in 64 bits")
}
