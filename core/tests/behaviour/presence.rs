//! R16, R18, R33: who is there, who answers, and a call that nobody uses.

use crate::common::{BOB, Hand, MIC, MS, publish, subscribe};
use holdline_core::{
    CallStatus, Config, ErrorCode, Event, Input, Outcome, Policy, Reason, StateName, WatchId,
};
use std::time::Duration;

/// How long it takes to see that Bob is not there.
const LOOK: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);

/// A live call that listens to Bob, who has not come yet.
fn ringing(change: impl FnOnce(&mut Config)) -> (Hand, WatchId) {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    change(&mut config);
    let mut hand = Hand::with(config, 1);
    let subscribe = subscribe(BOB, "bob", "audio");
    hand.give(subscribe).give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    let watch = hand.watch().expect("bob is followed");
    hand.give(Input::WatchAccepted { watch }).pass_alive(LOOK);
    assert_eq!(hand.call.state(), StateName::Live);
    (hand, watch)
}

fn of_participants(hand: &mut Hand) -> Vec<String> {
    let events = hand.events();
    let told = events.iter().filter_map(|event| match event {
        Event::ParticipantJoined { rejoined, .. } => {
            Some(if *rejoined { "rejoined" } else { "joined" })
        }
        Event::ParticipantAway { .. } => Some("away"),
        Event::ParticipantLeft { .. } => Some("left"),
        _ => None,
    });
    told.map(str::to_owned).collect()
}

#[test]
fn nobody_answers_four_tries_of_sixty_seconds() {
    let (mut hand, _) = ringing(|_| {});
    assert_eq!(hand.call.record().status, CallStatus::Ringing);
    hand.pass_alive(MS * 239_999);
    assert_eq!(hand.call.state(), StateName::Live);
    let tries: Vec<u32> = hand
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Ringing { attempt, of: 4 } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(tries, [2, 3, 4]);
    hand.pass_alive(MS);
    assert_eq!((hand.error().code, hand.error().attempts), (ErrorCode::NoAnswer, 4));
    assert_eq!(hand.call.record().status, CallStatus::Failed);
}

#[test]
fn an_answer_settles_it_for_good_and_makes_the_call_active() {
    let (mut hand, watch) = ringing(|config| config.idle_timeout = None);
    hand.pass_alive(SECOND * 100);
    hand.give(Input::EpochAdded { watch, epoch: 5 });
    let record = hand.call.record();
    assert_eq!(record.status, CallStatus::Active);
    assert_eq!(
        (record.ringing_after, record.active_after),
        (Some(LOOK), Some(LOOK + SECOND * 100))
    );
    let names: Vec<_> = record.participants.iter().map(|p| (p.name.as_str(), p.present)).collect();
    assert_eq!(names, [("alice", true), ("bob", true)]);
    hand.give(Input::EpochRemoved { watch, epoch: 5 });
    hand.pass_alive(SECOND * 1_000);
    assert_eq!(hand.call.state(), StateName::Live, "only a call that was never answered ends so");
}

#[test]
fn whoever_comes_back_is_marked_and_whoever_stays_away_is_declared_gone_after_two_minutes() {
    let (mut hand, watch) = ringing(|_| {});
    hand.give(Input::EpochAdded { watch, epoch: 5 });
    hand.give(Input::EpochRemoved { watch, epoch: 5 });
    hand.pass_alive(SECOND);
    hand.give(Input::EpochAdded { watch, epoch: 6 });
    assert_eq!(of_participants(&mut hand), ["joined"], "a redial is nobody's business");
    hand.give(Input::EpochRemoved { watch, epoch: 6 });
    hand.pass_alive(MS * 2_000);
    assert_eq!(of_participants(&mut hand), ["away"]);
    hand.give(Input::EpochAdded { watch, epoch: 7 });
    assert_eq!(of_participants(&mut hand), ["rejoined"]);
    hand.give(Input::EpochRemoved { watch, epoch: 7 });
    hand.pass_alive(MS * 119_999);
    assert_eq!(of_participants(&mut hand), ["away"]);
    hand.pass_alive(MS);
    assert_eq!(of_participants(&mut hand), ["left"]);
    hand.give(Input::EpochAdded { watch, epoch: 8 });
    assert_eq!(of_participants(&mut hand), ["rejoined"]);
}

#[test]
fn a_call_without_media_closes_itself_after_six_minutes_unless_told_not_to() {
    let idle = |timeout, talk: bool| {
        let mut config = Config::new("moqt://relay.example", "room", "alice");
        config.idle_timeout = timeout;
        let mut hand = Hand::with(config, 1);
        let publish = publish(MIC, "audio");
        hand.give(publish).give(Input::Connect);
        hand.accept();
        for _ in 0..10 {
            hand.pass_alive(SECOND * 40);
            if talk {
                hand.send();
            }
        }
        hand
    };
    let six_minutes = Config::new("moqt://relay.example", "room", "alice").idle_timeout;
    assert_eq!(six_minutes, Some(SECOND * 360));
    let hand = idle(six_minutes, false);
    let summary = hand.call.summary().expect("over");
    assert_eq!((&summary.outcome, summary.duration), (&Outcome::Idle, SECOND * 360));
    assert_eq!(summary.record.status, CallStatus::Ended);
    assert_eq!(idle(six_minutes, true).call.state(), StateName::Live);
    assert_eq!(idle(None, false).call.state(), StateName::Live);
}

#[test]
fn a_safety_alert_is_an_event_and_in_the_summary_whenever_it_is_raised() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.lose(session);
    hand.out.clear();
    for number in 0..20 {
        hand.give(Input::SafetyAlert { detail: format!("alert {number} {}", "é".repeat(2_000)) });
    }
    let events = hand.events();
    assert_eq!(events.len(), 20);
    hand.give(Input::Close);
    let record = &hand.call.summary().expect("over").record;
    assert_eq!((record.safety_alert_count, record.safety_alerts.len()), (20, 16));
    assert_eq!(record.safety_alerts[0].after, hand.now - holdline_core::Timestamp::ZERO);
    assert!(record.safety_alerts.iter().all(|alert| alert.detail.len() <= 1_024));
    assert!(record.safety_alerts[3].detail.starts_with("alert 3 é"));
}

#[test]
fn a_broken_device_is_a_notice_that_says_what_to_do() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    hand.out.clear();
    hand.give(Input::MediaDeviceError { track: MIC, detail: "unplugged".into() });
    match &hand.events()[..] {
        [Event::Notice { code: ErrorCode::MediaDeviceError, track: Some(MIC), detail }] => {
            assert_eq!(detail, "unplugged");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn the_machine_wants_to_be_woken_for_the_answer_and_for_idleness_even_between_probes() {
    let (mut hand, _) = ringing(|config| {
        config.answer_timeout = MS * 1_050;
        config.idle_timeout = Some(MS * 2_530);
    });
    hand.pass_alive(MS * 1_000);
    let deadline = hand.call.deadline().expect("it is live");
    assert_eq!((deadline.at, deadline.reason), (hand.now + MS * 50, Reason::Answer));
    hand.pass_alive(MS * 1_500);
    let deadline = hand.call.deadline().expect("it is live");
    assert_eq!((deadline.at, deadline.reason), (hand.now + MS * 30, Reason::Idle));
}

#[test]
fn nobody_is_looked_for_elsewhere_who_is_only_a_moment_away() {
    let (mut hand, watch) = ringing(|config| config.relays.push("moqt://other.example".into()));
    hand.give(Input::EpochAdded { watch, epoch: 5 });
    hand.give(Input::EpochRemoved { watch, epoch: 5 });
    hand.pass_alive(MS * 1_900);
    hand.give(Input::EpochAdded { watch, epoch: 6 });
    hand.pass_alive(SECOND * 20);
    assert!(hand.dials().is_empty());
    hand.give(Input::EpochRemoved { watch, epoch: 6 });
    hand.pass_alive(SECOND * 11);
    assert_eq!(hand.dials().len(), 1, "away for 2 s, and then missed for 8");
}
