//! R16, R18, R33: participants that join, leave or never answer, and a call without media.

use crate::common::{BOB, CallHarness, MIC, MS, publish, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::error::ErrorCode;
use holdline_core::id::NamespaceSubscriptionId;
use holdline_core::stats::{CallStatus, Outcome};
use holdline_core::{Config, Event, Input, StateName, WakeReason};
use std::time::Duration;

/// How long after the acceptance of a namespace subscription a call takes Bob for offline.
const OFFLINE_AFTER: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to Bob, who has not joined yet.
fn ringing(change: impl FnOnce(&mut Config)) -> (CallHarness, NamespaceSubscriptionId) {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    change(&mut config);
    let mut harness = CallHarness::with(config, 1);
    let subscribe = subscribe(BOB, "bob", "audio");
    harness.feed(subscribe).feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let namespace_subscription = harness.namespace_subscription().expect("bob is followed");
    harness
        .feed(Input::NamespaceSubscriptionAccepted { namespace_subscription })
        .advance_alive(OFFLINE_AFTER);
    assert_eq!(harness.call.state(), StateName::Live);
    (harness, namespace_subscription)
}

/// The reports about participants, in their order.
fn participant_events(harness: &mut CallHarness) -> Vec<String> {
    let events = harness.events();
    let reports = events.iter().filter_map(|event| match event {
        Event::ParticipantJoined { rejoined, .. } => {
            Some(if *rejoined { "rejoined" } else { "joined" })
        }
        Event::ParticipantAway { .. } => Some("away"),
        Event::ParticipantLeft { .. } => Some("left"),
        _ => None,
    });
    reports.map(str::to_owned).collect()
}

#[test]
fn an_unanswered_call_fails_after_four_tries_of_sixty_seconds() {
    let (mut harness, _) = ringing(|_| {});
    assert_eq!(harness.call.record().status, CallStatus::Ringing);
    harness.advance_alive(MS * 239_999);
    assert_eq!(harness.call.state(), StateName::Live);
    let tries: Vec<u32> = harness
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Ringing { attempt, of: 4 } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(tries, [2, 3, 4]);
    harness.advance_alive(MS);
    assert_eq!((harness.error().code, harness.error().attempts), (ErrorCode::NoAnswer, 4));
    assert_eq!(harness.call.record().status, CallStatus::Failed);
}

/// It stays live even if the participant that answered leaves.
#[test]
fn an_answered_call_is_active_and_never_rings_again() {
    let (mut harness, namespace_subscription) = ringing(|config| config.idle_timeout = None);
    harness.advance_alive(SECOND * 100);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 5 });
    let record = harness.call.record();
    assert_eq!(record.status, CallStatus::Active);
    assert_eq!(
        (record.ringing_after, record.active_after),
        (Some(OFFLINE_AFTER), Some(OFFLINE_AFTER + SECOND * 100))
    );
    let names: Vec<_> = record.participants.iter().map(|p| (p.name.as_str(), p.present)).collect();
    assert_eq!(names, [("alice", true), ("bob", true)]);
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 5 });
    harness.advance_alive(SECOND * 1_000);
    assert_eq!(
        harness.call.state(),
        StateName::Live,
        "only a call that was never answered ends after its ringing"
    );
}

/// An absence below 2 s is not reported. After two minutes away, the participant has left.
#[test]
fn participants_are_reported_joined_rejoined_away_and_left() {
    let (mut harness, namespace_subscription) = ringing(|_| {});
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 5 });
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 5 });
    harness.advance_alive(SECOND);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 6 });
    assert_eq!(
        participant_events(&mut harness),
        ["joined"],
        "a short absence, as of a redial, is not reported"
    );
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 6 });
    harness.advance_alive(MS * 2_000);
    assert_eq!(participant_events(&mut harness), ["away"]);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 7 });
    assert_eq!(participant_events(&mut harness), ["rejoined"]);
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 7 });
    harness.advance_alive(MS * 119_999);
    assert_eq!(participant_events(&mut harness), ["away"]);
    harness.advance_alive(MS);
    assert_eq!(participant_events(&mut harness), ["left"]);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 8 });
    assert_eq!(participant_events(&mut harness), ["rejoined"]);
}

/// A call that sends frames continues, and so does one without an idle timeout.
#[test]
fn a_call_without_media_ends_after_six_minutes() {
    let idle = |timeout, sends: bool| {
        let mut config = Config::new("moqt://relay.example", "room", "alice");
        config.idle_timeout = timeout;
        let mut harness = CallHarness::with(config, 1);
        let publish = publish(MIC, "audio");
        harness.feed(publish).feed(Input::Connect);
        harness.accept();
        for _ in 0..10 {
            harness.advance_alive(SECOND * 40);
            if sends {
                harness.send();
            }
        }
        harness
    };
    let six_minutes = Config::new("moqt://relay.example", "room", "alice").idle_timeout;
    assert_eq!(six_minutes, Some(SECOND * 360));
    let harness = idle(six_minutes, false);
    let summary = harness.call.summary().expect("the call is over");
    assert_eq!((&summary.outcome, summary.duration), (&Outcome::Idle, SECOND * 360));
    assert_eq!(summary.record.status, CallStatus::Ended);
    assert_eq!(idle(six_minutes, true).call.state(), StateName::Live);
    assert_eq!(idle(None, false).call.state(), StateName::Live);
}

/// Alerts are reported even during a recovery. The summary counts all, and retains 16 of at most
/// 1,024 bytes each.
#[test]
fn safety_alerts_are_events_and_part_of_the_summary() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    harness.out.clear();
    for number in 0..20 {
        harness
            .feed(Input::SafetyAlert { detail: format!("alert {number} {}", "é".repeat(2_000)) });
    }
    let events = harness.events();
    assert_eq!(events.len(), 20);
    harness.feed(Input::Close);
    let record = &harness.call.summary().expect("the call is over").record;
    assert_eq!((record.safety_alert_count, record.safety_alerts.len()), (20, 16));
    assert_eq!(record.safety_alerts[0].after, harness.now - holdline_core::Timestamp::ZERO);
    assert!(record.safety_alerts.iter().all(|alert| alert.detail.len() <= 1_024));
    assert!(record.safety_alerts[3].detail.starts_with("alert 3 é"));
}

#[test]
fn a_device_error_is_reported_as_a_notice() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.out.clear();
    harness.feed(Input::MediaDeviceError { track: MIC, detail: "unplugged".into() });
    match &harness.events()[..] {
        [Event::Notice { code: ErrorCode::MediaDeviceError, track: Some(MIC), detail }] => {
            assert_eq!(detail, "unplugged");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn the_deadline_covers_ringing_and_idleness_between_probes() {
    let (mut harness, _) = ringing(|config| {
        config.answer_timeout = MS * 1_050;
        config.idle_timeout = Some(MS * 2_530);
    });
    harness.advance_alive(MS * 1_000);
    let deadline = harness.call.deadline().expect("a live call has a deadline");
    assert_eq!((deadline.at, deadline.reason), (harness.now + MS * 50, WakeReason::Ringing));
    harness.advance_alive(MS * 1_500);
    let deadline = harness.call.deadline().expect("a live call has a deadline");
    assert_eq!((deadline.at, deadline.reason), (harness.now + MS * 30, WakeReason::Idle));
}

#[test]
fn a_participant_briefly_away_is_not_probed_on_other_relays() {
    let (mut harness, namespace_subscription) =
        ringing(|config| config.relays.push("moqt://other.example".into()));
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 5 });
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 5 });
    harness.advance_alive(MS * 1_900);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 6 });
    harness.advance_alive(SECOND * 20);
    assert!(harness.dials().is_empty());
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 6 });
    harness.advance_alive(SECOND * 11);
    assert_eq!(harness.dials().len(), 1, "the probe begins after 2 s until away, and 8 s more");
}
