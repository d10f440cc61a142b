//! R1: the readiness gate.

use crate::common::{BOB, BOBS, CallHarness, MIC, MS, publish, subscribe};
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

/// Which tracks were not ready in time, and why.
fn late(harness: &mut CallHarness) -> Vec<(TrackId, String)> {
    let notices = harness.events().into_iter().filter_map(|event| match event {
        Event::Notice { code: ErrorCode::SubscriptionNotReady, track, detail } => {
            Some((track.expect("about a track"), detail))
        }
        _ => None,
    });
    notices.collect()
}

#[test]
fn subscribe_ok_is_not_readiness_the_first_object_is() {
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

#[test]
fn a_quiet_track_is_ready_once_it_was_accepted_and_stayed_alive_for_300_ms() {
    let (mut harness, subscription) = joining();
    harness.advance_alive(MS * 20);
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 299);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.advance_alive(MS);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.events().contains(&Event::TrackReady { track: BOB, latency: MS * 320 }));
    harness.object(subscription, 1, 0);
    assert!(harness.events().is_empty(), "ready once");
}

#[test]
fn a_stale_namespace_that_answers_ok_and_then_ends_the_track_is_not_ready() {
    let (mut harness, subscription) = joining();
    harness.feed(Input::SubscriptionAccepted { subscription }).advance_alive(MS * 200);
    harness.feed(Input::SubscriptionEnded { subscription });
    harness.advance_alive(SECOND);
    assert_eq!(harness.call.state(), StateName::Joining);
    let (again, _) = harness.subscription().expect("asked for again");
    harness.object(again, 1, 0);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_track_whose_end_is_reached_keeps_nobody_waiting() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(TrackId(3), "bob", "other"));
    let retention = Retention { age: SECOND * 2, ..Retention::live() };
    let track = Track::audio("audio").lossless().retaining(retention);
    harness.feed(Input::subscribe(BOB, "bob", track));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.agree_on(session);
    let (subscription, _) = harness.subscription().expect("subscribed");
    // So that no probe is due, too, when what is missing is given up.
    harness.advance_alive(MS * 30);
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS, 3) });
    // On another namespace of his, it is to be ready again; and three frames are missing before its end.
    let namespace_subscription = harness.watching.expect("followed");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let other = harness.drain(|output| match output {
        Output::Subscribe { subscription, name, .. } if name == "other" => Some(*subscription),
        _ => None,
    });
    harness.object(other.last().expect("subscribed").1, 1, 0);
    // Until they are given up.
    while !harness.events().contains(&Event::TrackFinished { track: BOB }) {
        assert_eq!(harness.call.state(), StateName::Joining);
        harness.advance_alive(MS);
    }
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn an_incident_is_over_when_media_comes_not_when_the_session_does() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    let dial = harness.last_dial();
    harness.out.clear();
    harness.agree_on(dial);
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

#[test]
fn past_the_deadline_each_track_that_is_not_ready_is_named_with_its_reason() {
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
    // Bob's track flows, Carol's is refused, Dave's is not answered, Erin has never been here.
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
    assert_eq!(harness.call.state(), StateName::Live, "5 s after the session was there");
    let late = late(&mut harness);
    assert_eq!(late.len(), 2, "{late:?}");
    assert_eq!(late[0].0, TrackId(11));
    assert!(late[0].1.contains("refused"), "{late:?}");
    assert_eq!(late[1].0, TrackId(12));
    assert!(late[1].1.contains("not answered"), "{late:?}");
}

#[test]
fn a_participant_that_was_here_is_waited_for_until_it_counts_as_away() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    let dial = harness.last_dial();
    harness.feed(Input::Connected { session: dial });
    let (_, epoch) = harness.namespace().expect("published again");
    harness.feed(Input::NamespaceAccepted { session: dial, epoch });
    let namespace_subscription = harness.namespace_subscription().expect("followed again");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(MS * 1_999);
    assert_eq!(harness.call.state(), StateName::Joining, "it recovers too, perhaps");
    harness.advance_alive(MS);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
}

#[test]
fn a_track_of_a_live_call_has_its_deadline_too() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionEnded { subscription });
    for _ in 0..499 {
        harness.advance_alive(MS * 10);
        if let Some((subscription, _)) = harness.subscription() {
            harness.feed(Input::SubscriptionEnded { subscription });
        }
    }
    assert_eq!(late(&mut harness), []);
    harness.advance_alive(MS * 10);
    assert_eq!(late(&mut harness).len(), 1, "once");
    harness.advance_alive(SECOND * 10);
    assert_eq!(late(&mut harness), []);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_gate_that_cannot_open_is_bounded_by_the_deadline_however_the_others_come_and_go() {
    let (mut harness, _) = joining();
    let namespace_subscription = harness.watching.expect("bob is followed");
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
fn a_path_that_goes_silent_before_the_gate_opens_is_a_failed_attempt() {
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
fn nobody_there_is_no_reason_to_wait_for_longer_than_a_look() {
    let config = Config::new("moqt://relay.example", "room", "alice");
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio"));
    harness.feed(Input::Connect);
    harness.accept();
    assert_eq!(harness.call.state(), StateName::Live, "nobody is listened to");
}

#[test]
fn a_call_is_not_live_before_the_relay_looks_out_for_whom_we_listen_to() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND);
    assert_eq!(harness.call.state(), StateName::Joining);
    let namespace_subscription = harness.namespace_subscription().expect("asked");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(MS * 300);
    assert_eq!(harness.call.state(), StateName::Live);

    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 5);
    assert_eq!(harness.call.state(), StateName::Connecting, "nor ever on that session");
}
