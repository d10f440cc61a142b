//! R1: the readiness gate.

use crate::common::{BOB, BOBS_INCARNATION, CallHarness, MIC, MS, publish, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{CauseKind, ErrorCode};
use holdline_core::id::{NamespaceSubscriptionId, SubscriptionId, TrackId};
use holdline_core::media::{FrameNumber, Location, Retention, Track};
use holdline_core::{Config, Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn joining() -> (CallHarness, SubscriptionId) {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.out.clear();
    (harness, subscription)
}

/// The tracks that were reported as not ready in time, and the reasons.
fn reported_late(harness: &mut CallHarness) -> Vec<(TrackId, String)> {
    let notices = harness.events().into_iter().filter_map(|event| match event {
        Event::Notice { code: ErrorCode::SubscriptionNotReady, track, detail } => {
            Some((track.expect("the notice names a track"), detail))
        }
        _ => None,
    });
    notices.collect()
}

#[test]
fn the_first_object_makes_a_track_ready_not_subscribe_ok() {
    let (mut harness, subscription) = joining();
    harness.feed(Input::SubscriptionAccepted { subscription });
    assert!(harness.out.is_empty() && harness.call.state() == StateName::Joining);
    harness.advance_alive(MS * 30);
    harness.object(subscription, 1, 0);
    let (from, to) = (StateName::Joining, StateName::Live);
    assert_eq!(
        harness.events(),
        [Event::TrackReady { track: BOB, latency: MS * 30 }, Event::StateChanged { from, to }]
    );
    assert_eq!(harness.delivered(), [Location::new(1, 0)]);
}

/// It must also stay alive for these 300 ms.
#[test]
fn a_quiet_track_is_ready_300_ms_after_its_acceptance() {
    let (mut harness, subscription) = joining();
    harness.advance_alive(MS * 20);
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 299);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.advance_alive(MS);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.events().contains(&Event::TrackReady { track: BOB, latency: MS * 320 }));
    harness.object(subscription, 1, 0);
    assert!(harness.events().is_empty(), "a track is reported ready once");
}

/// A stale namespace behaves so: the relay accepts the subscription and then ends it.
#[test]
fn a_track_that_ends_after_its_acceptance_is_not_ready() {
    let (mut harness, subscription) = joining();
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(MS * 200);
    harness.feed(Input::SubscriptionEnded { subscription });
    harness.advance_alive(SECOND);
    assert_eq!(harness.call.state(), StateName::Joining);
    let (again, _) = harness.subscription().expect("the track was requested again");
    harness.object(again, 1, 0);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_finished_track_does_not_hold_the_readiness_gate() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(TrackId(3), "bob", "other"));
    let retention = Retention { age: SECOND * 2, ..Retention::live() };
    let track = Track::audio("audio").lossless().retaining(retention);
    harness.feed(Input::subscribe(BOB, "bob", track));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    let subscriptions = harness.drain(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    let [(_, other), (_, subscription)] = subscriptions[..] else { panic!("two tracks") };
    // Otherwise a probe would be due at the moment when the call abandons the missing frames.
    harness.advance_alive(MS * 30);
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS_INCARNATION, 3) });
    // The track must get ready again. Three frames before its end are missing.
    harness.feed(Input::SubscriptionEnded { subscription });
    harness.object(other, 1, 0);
    // The call waits until it abandons these frames.
    while !harness.events().contains(&Event::TrackFinished { track: BOB }) {
        assert_eq!(harness.call.state(), StateName::Joining);
        harness.advance_alive(MS);
    }
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn an_incident_ends_with_the_first_object_not_the_session() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    let dial = harness.last_dial();
    harness.out.clear();
    harness.accept_requests_on(dial);
    harness.advance_alive(MS * 40);
    let (subscription, _) = harness.subscription().expect("subscribed");
    assert!(!harness.events().iter().any(|e| matches!(e, Event::Recovered { .. })));
    harness.object(subscription, 9, 0);
    let recovered = harness.events().into_iter().find_map(|event| match event {
        Event::Recovered { duration, .. } => Some(duration),
        _ => None,
    });
    assert_eq!(recovered, Some(MS * 40));
}

/// The tracks of a participant that never joined are not named.
#[test]
fn each_late_track_is_named_with_its_reason() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    let listen = |track, participant: &str| subscribe(TrackId(track), participant, "audio");
    let others = ["bob", "carol", "dave", "erin"];
    for (track, participant) in (10..).zip(others) {
        harness.feed(listen(track, participant));
    }
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let namespace_subscriptions: Vec<NamespaceSubscriptionId> = harness
        .drain(|o| match o {
            Output::SubscribeNamespace { namespace_subscription, .. } => {
                Some(*namespace_subscription)
            }
            _ => None,
        })
        .into_iter()
        .map(|(_, namespace_subscription)| namespace_subscription)
        .collect();
    for namespace_subscription in &namespace_subscriptions {
        harness.feed(Input::NamespaceSubscriptionAccepted {
            namespace_subscription: *namespace_subscription,
        });
    }
    // Bob's track flows, Carol's is refused, Dave's is not answered, and Erin never joined.
    for namespace_subscription in &namespace_subscriptions[..3] {
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: *namespace_subscription,
            epoch: 7,
        });
    }
    for _ in 0..60 {
        for (_, (subscription, namespace)) in harness.drain(|o| match o {
            Output::Subscribe { subscription, namespace, .. } => {
                Some((*subscription, namespace.clone()))
            }
            _ => None,
        }) {
            match namespace[1].as_str() {
                "bob" => {
                    harness.object(subscription, 1, 0);
                }
                "carol" => {
                    harness.feed(Input::SubscriptionEnded { subscription });
                }
                _ => {}
            }
        }
        harness.advance_alive(MS * 83);
    }
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.advance_alive(MS * 20);
    assert_eq!(
        harness.call.state(),
        StateName::Live,
        "the gate ends 5 s after the session connected"
    );
    let late = reported_late(&mut harness);
    assert_eq!(late.len(), 2, "{late:?}");
    assert_eq!(late[0].0, TrackId(11));
    assert!(late[0].1.contains("refused"), "{late:?}");
    assert_eq!(late[1].0, TrackId(12));
    assert!(late[1].1.contains("not answered"), "{late:?}");
}

#[test]
fn the_gate_waits_for_known_participants_until_they_are_away() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    let dial = harness.last_dial();
    harness.feed(Input::Connected { session: dial });
    let (_, epoch) = harness.namespace().expect("the namespace was announced again");
    harness.feed(Input::NamespaceAccepted { session: dial, epoch });
    let namespace_subscription = harness.namespace_subscription().expect("bob is followed again");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(MS * 1_999);
    assert_eq!(harness.call.state(), StateName::Joining, "bob may be recovering, too");
    harness.advance_alive(MS);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
}

#[test]
fn a_track_of_a_live_call_has_a_readiness_deadline() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionEnded { subscription });
    for _ in 0..499 {
        harness.advance_alive(MS * 10);
        if let Some((subscription, _)) = harness.subscription() {
            harness.feed(Input::SubscriptionEnded { subscription });
        }
    }
    assert_eq!(reported_late(&mut harness), []);
    harness.advance_alive(MS * 10);
    assert_eq!(reported_late(&mut harness).len(), 1, "the late track is reported once");
    harness.advance_alive(SECOND * 10);
    assert_eq!(reported_late(&mut harness), []);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn returning_participants_cannot_hold_the_gate_past_its_deadline() {
    let (mut harness, _) = joining();
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    let since = harness.now;
    let mut epoch = 600;
    while harness.call.state() == StateName::Joining && harness.now - since < SECOND * 30 {
        harness.feed(Input::NamespaceAdded { namespace_subscription, epoch });
        harness.advance_alive(MS * 700);
        harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch });
        epoch += 1;
    }
    assert!(harness.now - since <= MS * 5_600, "{:?}", harness.now - since);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_path_silent_before_readiness_is_a_failed_attempt() {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::strict(), 1);
    harness.out.clear();
    harness.pass_silent(MS * 500);
    assert_eq!(harness.call.state(), StateName::Connecting);
    assert_eq!(harness.closed_sessions().len(), 1);
    let failed = harness.events().into_iter().find_map(|event| match event {
        Event::AttemptFailed { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(failed, Some(CauseKind::Silent));
    let dial = harness.next_dial();
    harness.accept_on(dial.session);
}

#[test]
fn a_call_without_subscriptions_is_live_once_accepted() {
    let config = Config::new("moqt://relay.example", "room", "alice");
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio"));
    harness.feed(Input::Connect);
    harness.accept();
    assert_eq!(
        harness.call.state(),
        StateName::Live,
        "a call without subscriptions waits for no track"
    );
}

#[test]
fn a_live_call_has_its_namespace_subscriptions_accepted() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND);
    assert_eq!(harness.call.state(), StateName::Joining);
    let namespace_subscription = harness.namespace_subscription().expect("the call requested it");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(MS * 300);
    assert_eq!(harness.call.state(), StateName::Live);

    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 5);
    assert_eq!(harness.call.state(), StateName::Connecting, "the session is abandoned");
}
