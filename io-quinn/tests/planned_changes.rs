//! R36: a session is replaced as planned, on a real relay: no incident, and no frame is missing.

mod common;

use std::time::Duration;

use common::{FrameSender, Site, receive, wait_for};
use futures::StreamExt as _;
use holdline_quinn::{Call, Event, Events, StateName, Track};

/// Replaces the session of a call, and waits until another one carries it.
async fn replace(call: &Call, events: &mut Events) {
    call.reconnect_now().expect("the call is live");
    wait_for(events, |e| matches!(e, Event::SessionReplaced { .. }).then_some(())).await;
}

/// The events so far that say that something was interrupted.
async fn interruptions(events: &mut Events) -> Vec<Event> {
    let mut found = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        let to_live = matches!(event, Event::StateChanged { to: StateName::Live, .. });
        let interrupts = matches!(
            event,
            Event::IncidentStarted { .. }
                | Event::StateChanged { .. }
                | Event::TrackInterrupted { .. }
                | Event::TrackStalled { .. }
                | Event::ParticipantAway { .. }
                | Event::Gap { .. }
        );
        if interrupts && !to_live {
            found.push(event);
        }
    }
    found
}

/// The speaker and the listener each replace their session, and the old sessions drain and close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planned_changes_of_speaker_and_listener_lose_no_frame() {
    let site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _sender = FrameSender::start(alice.publish(Track::audio("mic")).expect("a valid track"));
    let mut received = bob.subscribe("alice", Track::audio("mic")).expect("a valid track");
    let mut last = receive(&mut received).await;
    let live = |e: &Event| matches!(e, Event::StateChanged { to: StateName::Live, .. });
    let (mut of_alice, mut of_bob) = (alice.events(), bob.events());
    for (call, events) in [(&alice, &mut of_alice), (&bob, &mut of_bob)] {
        if call.stats().await.state != StateName::Live {
            wait_for(events, |e| live(e).then_some(())).await;
        }
    }
    // From here on every frame must arrive.
    last = last.max(receive(&mut received).await);
    let (mut watch_alice, mut watch_bob) = (alice.events(), bob.events());
    for _ in 0..2 {
        for (call, events) in [(&alice, &mut of_alice), (&bob, &mut of_bob)] {
            replace(call, events).await;
            // The old session drains for three seconds.
            for _ in 0..200 {
                let next = receive(&mut received).await;
                assert_eq!(next, last + 1, "no frame is missing, and none comes twice");
                last = next;
            }
        }
    }
    for watch in [&mut watch_alice, &mut watch_bob] {
        let interrupted = interruptions(watch).await;
        assert!(interrupted.is_empty(), "{interrupted:?}");
    }
    let counters = bob.stats().await.subscribed[0].counters;
    assert_eq!((counters.repaired, counters.repeated), (0, 0), "each frame came by itself");
    assert!(counters.duplicated > 0, "two sessions brought the track");
    for call in [&alice, &bob] {
        let telemetry = call.stats().await.telemetry;
        assert_eq!((telemetry.replacements_done, telemetry.incidents), (2, 0));
    }
}
