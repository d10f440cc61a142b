//! R1: the readiness gate.

use crate::common::{BOB, BOBS, Hand, MIC, MS, publish, subscribe};
use holdline_core::{
    CauseKind, Config, ErrorCode, Event, FrameNumber, Input, Location, Output, Policy, Retention,
    StateName, SubscriptionId, Track, TrackId, WatchId,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn joining() -> (Hand, SubscriptionId) {
    let (mut hand, _) = Hand::joining(Policy::interactive(), 1);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.out.clear();
    (hand, subscription)
}

/// Which tracks were not ready in time, and why.
fn late(hand: &mut Hand) -> Vec<(TrackId, String)> {
    let notices = hand.events().into_iter().filter_map(|event| match event {
        Event::Notice { code: ErrorCode::SubscriptionNotReady, track, detail } => {
            Some((track.expect("about a track"), detail))
        }
        _ => None,
    });
    notices.collect()
}

#[test]
fn subscribe_ok_is_not_readiness_the_first_object_is() {
    let (mut hand, subscription) = joining();
    hand.give(Input::SubscriptionAccepted { subscription });
    assert!(hand.out.is_empty() && hand.call.state() == StateName::Joining);
    hand.pass_alive(MS * 30);
    hand.object(subscription, 1, 0);
    let (from, to) = (StateName::Joining, StateName::Live);
    assert_eq!(
        hand.events(),
        [Event::TrackReady { track: BOB, latency: MS * 30 }, Event::StateChanged { from, to }]
    );
    assert_eq!(hand.delivered(), [Location::new(1, 0)]);
}

#[test]
fn a_quiet_track_is_ready_once_it_was_accepted_and_stayed_alive_for_300_ms() {
    let (mut hand, subscription) = joining();
    hand.pass_alive(MS * 20);
    hand.give(Input::SubscriptionAccepted { subscription });
    hand.pass_alive(MS * 299);
    assert_eq!(hand.call.state(), StateName::Joining);
    hand.pass_alive(MS);
    assert_eq!(hand.call.state(), StateName::Live);
    assert!(hand.events().contains(&Event::TrackReady { track: BOB, latency: MS * 320 }));
    hand.object(subscription, 1, 0);
    assert!(hand.events().is_empty(), "ready once");
}

#[test]
fn a_stale_namespace_that_answers_ok_and_then_ends_the_track_is_not_ready() {
    let (mut hand, subscription) = joining();
    hand.give(Input::SubscriptionAccepted { subscription }).pass_alive(MS * 200);
    hand.give(Input::SubscriptionEnded { subscription });
    hand.pass_alive(SECOND);
    assert_eq!(hand.call.state(), StateName::Joining);
    let (again, _) = hand.subscription().expect("asked for again");
    hand.object(again, 1, 0);
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn a_track_whose_end_is_reached_keeps_nobody_waiting() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(subscribe(TrackId(3), "bob", "other"));
    let retention = Retention { age: SECOND * 2, ..Retention::live() };
    let track = Track::audio("audio").lossless().retaining(retention);
    hand.give(Input::subscribe(BOB, "bob", track));
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let (subscription, _) = hand.subscription().expect("subscribed");
    // So that no probe is due, too, when what is missing is given up.
    hand.pass_alive(MS * 30);
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS, 3) });
    // On another namespace of his, it is to be ready again; and three frames are missing before its end.
    let watch = hand.watching.expect("followed");
    hand.give(Input::EpochAdded { watch, epoch: 501 });
    let other = hand.take(|output| match output {
        Output::Subscribe { subscription, name, .. } if name == "other" => Some(*subscription),
        _ => None,
    });
    hand.object(other.last().expect("subscribed").1, 1, 0);
    // Until they are given up.
    while !hand.events().contains(&Event::TrackFinished { track: BOB }) {
        assert_eq!(hand.call.state(), StateName::Joining);
        hand.pass_alive(MS);
    }
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn an_incident_is_over_when_media_comes_not_when_the_session_does() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.lose(session);
    let dial = hand.last_dial();
    hand.out.clear();
    hand.agree_on(dial);
    hand.pass_alive(MS * 40);
    let (subscription, _) = hand.subscription().expect("subscribed");
    assert!(!hand.events().iter().any(|e| matches!(e, Event::Recovered { .. })));
    hand.object(subscription, 9, 0);
    let recovered = hand.events().into_iter().find_map(|event| match event {
        Event::Recovered { duration, .. } => Some(duration),
        _ => None,
    });
    assert_eq!(recovered, Some(MS * 40));
}

#[test]
fn past_the_deadline_each_track_that_is_not_ready_is_named_with_its_reason() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    let listen = |track, participant: &str| subscribe(TrackId(track), participant, "audio");
    let others = ["bob", "carol", "dave", "erin"];
    for (track, participant) in (10..).zip(others) {
        hand.give(listen(track, participant));
    }
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    let watches: Vec<WatchId> = hand
        .take(|o| match o {
            Output::Watch { watch, .. } => Some(*watch),
            _ => None,
        })
        .into_iter()
        .map(|(_, watch)| watch)
        .collect();
    for watch in &watches {
        hand.give(Input::WatchAccepted { watch: *watch });
    }
    // Bob's track flows, Carol's is refused, Dave's is not answered, Erin has never been here.
    for watch in &watches[..3] {
        hand.give(Input::EpochAdded { watch: *watch, epoch: 7 });
    }
    for _ in 0..60 {
        for (_, (subscription, namespace)) in hand.take(|o| match o {
            Output::Subscribe { subscription, namespace, .. } => {
                Some((*subscription, namespace.clone()))
            }
            _ => None,
        }) {
            match namespace[1].as_str() {
                "bob" => {
                    hand.object(subscription, 1, 0);
                }
                "carol" => {
                    hand.give(Input::SubscriptionEnded { subscription });
                }
                _ => {}
            }
        }
        hand.pass_alive(MS * 83);
    }
    assert_eq!(hand.call.state(), StateName::Joining);
    hand.pass_alive(MS * 20);
    assert_eq!(hand.call.state(), StateName::Live, "5 s after the session was there");
    let late = late(&mut hand);
    assert_eq!(late.len(), 2, "{late:?}");
    assert_eq!(late[0].0, TrackId(11));
    assert!(late[0].1.contains("refused"), "{late:?}");
    assert_eq!(late[1].0, TrackId(12));
    assert!(late[1].1.contains("not answered"), "{late:?}");
}

#[test]
fn a_participant_that_was_here_is_waited_for_until_it_counts_as_away() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.lose(session);
    let dial = hand.last_dial();
    hand.give(Input::Connected { session: dial });
    let (_, epoch) = hand.namespace().expect("published again");
    hand.give(Input::NamespaceAccepted { session: dial, epoch });
    let watch = hand.watch().expect("followed again");
    hand.give(Input::WatchAccepted { watch });
    hand.pass_alive(MS * 1_999);
    assert_eq!(hand.call.state(), StateName::Joining, "it recovers too, perhaps");
    hand.pass_alive(MS);
    assert_eq!(hand.call.state(), StateName::Live);
    assert!(hand.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
}

#[test]
fn a_track_of_a_live_call_has_its_deadline_too() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionEnded { subscription });
    for _ in 0..499 {
        hand.pass_alive(MS * 10);
        if let Some((subscription, _)) = hand.subscription() {
            hand.give(Input::SubscriptionEnded { subscription });
        }
    }
    assert_eq!(late(&mut hand), []);
    hand.pass_alive(MS * 10);
    assert_eq!(late(&mut hand).len(), 1, "once");
    hand.pass_alive(SECOND * 10);
    assert_eq!(late(&mut hand), []);
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn a_gate_that_cannot_open_is_bounded_by_the_deadline_however_the_others_come_and_go() {
    let (mut hand, _) = joining();
    let watch = hand.watching.expect("bob is followed");
    let since = hand.now;
    let mut epoch = 600;
    while hand.call.state() == StateName::Joining && hand.now - since < SECOND * 30 {
        hand.give(Input::EpochAdded { watch, epoch });
        hand.pass_alive(MS * 700);
        hand.give(Input::EpochRemoved { watch, epoch });
        epoch += 1;
    }
    assert!(hand.now - since <= MS * 5_600, "{:?}", hand.now - since);
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn a_path_that_goes_silent_before_the_gate_opens_is_a_failed_attempt() {
    let (mut hand, _) = Hand::joining(Policy::strict(), 1);
    hand.out.clear();
    hand.pass_silent(MS * 500);
    assert_eq!(hand.call.state(), StateName::Connecting);
    assert_eq!(hand.closed_sessions().len(), 1);
    let failed = hand.events().into_iter().find_map(|event| match event {
        Event::AttemptFailed { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(failed, Some(CauseKind::Silent));
    let dial = hand.next_dial();
    hand.accept_on(dial.session);
}

#[test]
fn nobody_there_is_no_reason_to_wait_for_longer_than_a_look() {
    let config = Config::new("moqt://relay.example", "room", "alice");
    let mut hand = Hand::with(config, 1);
    hand.give(publish(MIC, "audio"));
    hand.give(Input::Connect);
    hand.accept();
    assert_eq!(hand.call.state(), StateName::Live, "nobody is listened to");
}

#[test]
fn a_call_is_not_live_before_the_relay_looks_out_for_whom_we_listen_to() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(subscribe(BOB, "bob", "audio")).give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND);
    assert_eq!(hand.call.state(), StateName::Joining);
    let watch = hand.watch().expect("asked");
    hand.give(Input::WatchAccepted { watch });
    hand.pass_alive(MS * 300);
    assert_eq!(hand.call.state(), StateName::Live);

    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(subscribe(BOB, "bob", "audio")).give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND * 5);
    assert_eq!(hand.call.state(), StateName::Connecting, "nor ever on that session");
}
