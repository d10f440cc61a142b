//! R2, R9, R10: a silent path is suspected, moved and raced before anybody is told.

use crate::common::{Hand, MS};
use holdline_core::{
    Cause, CauseKind, ErrorCode, Event, Input, Output, Policy, SessionId, StateName, Timestamp,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn migrations(hand: &mut Hand) -> Vec<Timestamp> {
    let moves = hand.take(|o| match o {
        Output::Migrate { .. } => Some(()),
        _ => None,
    });
    moves.into_iter().map(|(at, ())| at).collect()
}

fn report(hand: &mut Hand, session: SessionId, received: u64, acknowledged: u64) {
    hand.give(Input::PathReport { session, received, acknowledged, rtt_micros: 10_000 });
}

/// A call whose path has just gone silent.
fn suspected() -> (Hand, SessionId) {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.out.clear();
    while hand.call.state() == StateName::Live {
        hand.pass_silent(MS);
    }
    (hand, session)
}

#[test]
fn the_path_moves_at_once_and_a_fresh_dial_joins_the_race_a_quarter_of_a_second_later() {
    let (mut hand, _) = suspected();
    let since = hand.now;
    assert_eq!(hand.call.state(), StateName::Suspect);
    assert_eq!(migrations(&mut hand), [since]);
    assert!(hand.dials().is_empty());
    hand.pass_silent(MS * 250);
    assert_eq!(hand.dials()[0].at, since + MS * 250);
}

#[test]
fn a_silent_path_moves_again_but_no_more_often_than_twice_its_round_trip_or_500_ms() {
    let (mut hand, session) = suspected();
    let first = migrations(&mut hand)[0];
    hand.pass_silent(SECOND * 2);
    let then: Vec<Duration> = migrations(&mut hand).into_iter().map(|at| at - first).collect();
    assert_eq!(then, [500, 1_000, 1_500, 2_000].map(|ms| MS * ms));
    hand.give(Input::PathReport { session, received: 0, acknowledged: 0, rtt_micros: 600_000 });
    hand.pass(SECOND * 3);
    let then: Vec<Duration> = migrations(&mut hand).into_iter().map(|at| at - first).collect();
    assert_eq!(then, [3_200, 4_400].map(|ms| MS * ms), "1.2 s apart at a round trip of 600 ms");
}

#[test]
fn recovery_races_inside_the_grace_and_the_user_is_told_only_after_it() {
    let (mut hand, _) = suspected();
    let since = hand.now;
    hand.pass_silent(MS * 2_999);
    assert_eq!(hand.call.state(), StateName::Suspect);
    assert!(hand.dials().len() > 3, "the race did not wait");
    hand.pass_silent(MS);
    assert_eq!((hand.call.state(), hand.now - since), (StateName::Recovering, SECOND * 3));
    assert_eq!(
        hand.events().iter().filter(|e| matches!(e, Event::IncidentStarted { .. })).count(),
        1
    );
}

#[test]
fn a_call_that_recovers_within_the_grace_was_never_recovering() {
    let (mut hand, _) = suspected();
    hand.pass_silent(SECOND);
    hand.accept();
    let seen: Vec<StateName> = hand
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::StateChanged { to, .. } => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [StateName::Suspect, StateName::Joining, StateName::Live]);
}

#[test]
fn a_suspected_session_that_is_closed_is_told_and_redialled_at_once() {
    let (mut hand, session) = suspected();
    hand.give(Input::SessionClosed { session, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(hand.call.state(), StateName::Recovering);
    assert_eq!(hand.dials()[0].at, hand.now, "no head start for a path that is gone");

    let (mut hand, session) = suspected();
    hand.give(Input::SessionClosed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(hand.error().code, ErrorCode::AuthRejected);
    assert!(hand.dials().is_empty(), "no attempt after a final answer");
}

#[test]
fn one_way_silence_is_seen_told_apart_and_only_over_when_both_ways_go() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.out.clear();
    let start = hand.now.as_micros() + 1_000;
    let mut received = start;
    while hand.call.state() == StateName::Live {
        hand.pass(MS * 100);
        received += 1;
        report(&mut hand, session, received, start);
    }
    let cause = hand.events().into_iter().find_map(|event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(cause, Some(CauseKind::Unacknowledged));
    report(&mut hand, session, received + 1, start);
    assert_eq!(hand.call.state(), StateName::Suspect, "still one way only");
    report(&mut hand, session, received + 1, start + 1);
    assert_eq!(hand.call.state(), StateName::Live);
    assert!(migrations(&mut hand).len() == 1);
    hand.pass_alive(SECOND * 2);
    assert!(migrations(&mut hand).is_empty(), "a path that is back stays where it is");
}

#[test]
fn a_network_change_moves_a_live_session_at_once_and_is_rate_limited() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    let first = hand.now;
    for _ in 0..10 {
        hand.give(Input::NetworkChanged);
    }
    assert_eq!(migrations(&mut hand), [first]);
    hand.pass_alive(SECOND * 3);
    assert_eq!(migrations(&mut hand), [first + MS * 500], "the last change is not forgotten");
    assert_eq!(hand.call.state(), StateName::Live);
    assert_eq!(hand.call.stats().telemetry.migrations, 2);
    assert_eq!(hand.call.stats().telemetry.incidents, 0);
}

#[test]
fn a_network_change_while_recovering_takes_the_planned_attempt() {
    let (mut hand, session) = Hand::live(Policy::patient(), 1);
    hand.lose(session);
    hand.dials();
    hand.give(Input::NetworkChanged).give(Input::NetworkChanged);
    assert_eq!(hand.dials().len(), 1);
}

#[test]
fn a_lasting_silence_ends_the_call_within_the_window_and_closes_the_old_session_too() {
    let (mut hand, session) = suspected();
    let since = hand.now;
    hand.pass_silent(SECOND * 60);
    assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);
    assert_eq!(hand.error().root_cause.kind, CauseKind::Silent);
    assert!(hand.error().after <= Policy::interactive().window && hand.now > since);
    assert!(hand.closed_sessions().contains(&session));
}

#[test]
fn a_track_that_ends_on_a_silent_session_is_no_news_and_is_asked_for_again_when_it_speaks() {
    let (mut hand, session) = suspected();
    let (subscription, _) = hand.asked_for.clone().expect("subscribed before");
    hand.give(Input::SubscriptionEnded { subscription });
    assert!(!hand.events().iter().any(|e| matches!(e, Event::TrackInterrupted { .. })));
    report(&mut hand, session, u64::MAX, u64::MAX);
    assert_eq!(hand.call.state(), StateName::Live);
    hand.pass_alive(SECOND);
    assert!(hand.subscription().is_some());
}

#[test]
fn the_end_of_another_session_does_not_take_a_silent_one_away() {
    let (mut hand, session) = suspected();
    hand.pass_silent(SECOND * 3);
    assert_eq!(hand.call.state(), StateName::Recovering);
    let before = format!("{:?}", hand.call);
    let cause = Cause::new(CauseKind::ClosedByRelay);
    hand.give(Input::SessionClosed { session: SessionId(session.0 + 1_000), cause });
    assert_eq!(format!("{:?}", hand.call), before);
}
