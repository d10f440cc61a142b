//! R2, R9, R10: a silent path is suspected, migrated and raced before the user is told.

use crate::common::{CallHarness, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::SessionId;
use holdline_core::{Event, Input, Output, StateName, Timestamp};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn migrations(harness: &mut CallHarness) -> Vec<Timestamp> {
    let moves = harness.drain(|o| match o {
        Output::Migrate { .. } => Some(()),
        _ => None,
    });
    moves.into_iter().map(|(at, ())| at).collect()
}

fn report(harness: &mut CallHarness, session: SessionId, received: u64, acknowledged: u64) {
    harness.feed(Input::PathReport { session, received, acknowledged, rtt_micros: 10_000 });
}

/// A call whose path has just gone silent.
fn suspected() -> (CallHarness, SessionId) {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    while harness.call.state() == StateName::Live {
        harness.pass_silent(MS);
    }
    (harness, session)
}

/// The dial begins 250 ms after the migration.
#[test]
fn a_silent_path_migrates_at_once_then_a_dial_races() {
    let (mut harness, _) = suspected();
    let since = harness.now;
    assert_eq!(harness.call.state(), StateName::Suspect);
    assert_eq!(migrations(&mut harness), [since]);
    assert!(harness.dials().is_empty());
    harness.pass_silent(MS * 250);
    assert_eq!(harness.dials()[0].at, since + MS * 250);
}

/// The interval is twice the RTT, and at least 500 ms.
#[test]
fn migrations_of_a_silent_path_keep_a_minimum_interval() {
    let (mut harness, session) = suspected();
    let first = migrations(&mut harness)[0];
    harness.pass_silent(SECOND * 2);
    let then: Vec<Duration> = migrations(&mut harness).into_iter().map(|at| at - first).collect();
    assert_eq!(then, [500, 1_000, 1_500, 2_000].map(|ms| MS * ms));
    harness.feed(Input::PathReport { session, received: 0, acknowledged: 0, rtt_micros: 600_000 });
    harness.advance(SECOND * 3);
    let then: Vec<Duration> = migrations(&mut harness).into_iter().map(|at| at - first).collect();
    assert_eq!(
        then,
        [3_200, 4_400].map(|ms| MS * ms),
        "the migrations are 1.2 s apart at an RTT of 600 ms"
    );
}

#[test]
fn recovery_races_during_the_grace_before_it_is_reported() {
    let (mut harness, _) = suspected();
    let since = harness.now;
    harness.pass_silent(MS * 2_999);
    assert_eq!(harness.call.state(), StateName::Suspect);
    assert!(harness.dials().len() > 3, "the race did not wait for the grace");
    harness.pass_silent(MS);
    assert_eq!((harness.call.state(), harness.now - since), (StateName::Recovering, SECOND * 3));
    assert_eq!(
        harness.events().iter().filter(|e| matches!(e, Event::IncidentStarted { .. })).count(),
        1
    );
}

#[test]
fn a_call_that_recovers_within_the_grace_is_never_recovering() {
    let (mut harness, _) = suspected();
    harness.pass_silent(SECOND);
    harness.accept();
    let states: Vec<StateName> = harness
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::StateChanged { to, .. } => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(states, [StateName::Suspect, StateName::Joining, StateName::Live]);
}

/// The recovery is reported at once, too. A final cause ends the call instead.
#[test]
fn a_suspected_session_that_closes_is_redialled_at_once() {
    let (mut harness, session) = suspected();
    harness.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(harness.call.state(), StateName::Recovering);
    assert_eq!(harness.dials()[0].at, harness.now, "a closed path gets no head start");

    let (mut harness, session) = suspected();
    harness.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(harness.error().code, ErrorCode::AuthRejected);
    assert!(harness.dials().is_empty(), "no attempt follows a final cause");
}

/// Its incident has a cause of its own.
#[test]
fn one_way_silence_is_suspected_until_both_directions_progress() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    let start = harness.now.as_micros() + 1_000;
    let mut received = start;
    while harness.call.state() == StateName::Live {
        harness.advance(MS * 100);
        received += 1;
        report(&mut harness, session, received, start);
    }
    let cause = harness.events().into_iter().find_map(|event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(cause, Some(CauseKind::Unacknowledged));
    report(&mut harness, session, received + 1, start);
    assert_eq!(harness.call.state(), StateName::Suspect, "only one direction makes progress");
    report(&mut harness, session, received + 1, start + 1);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(migrations(&mut harness).len() == 1);
    harness.advance_alive(SECOND * 2);
    assert!(migrations(&mut harness).is_empty(), "a path that answers again does not migrate");
}

#[test]
fn network_changes_migrate_a_live_session_at_a_limited_rate() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    let first = harness.now;
    for _ in 0..10 {
        harness.feed(Input::NetworkChanged);
    }
    assert_eq!(migrations(&mut harness), [first]);
    harness.advance_alive(SECOND * 3);
    assert_eq!(migrations(&mut harness), [first + MS * 500], "the last change is acted upon later");
    assert_eq!(harness.call.state(), StateName::Live);
    assert_eq!(harness.call.stats().telemetry.migrations, 2);
    assert_eq!(harness.call.stats().telemetry.incidents, 0);
}

#[test]
fn a_network_change_in_recovery_makes_the_planned_attempt() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::patient(), 1);
    harness.lose(session);
    harness.dials();
    harness.feed(Input::NetworkChanged).feed(Input::NetworkChanged);
    assert_eq!(harness.dials().len(), 1);
}

/// The call closes the old session, too.
#[test]
fn lasting_silence_ends_the_call_within_the_window() {
    let (mut harness, session) = suspected();
    let since = harness.now;
    harness.pass_silent(SECOND * 60);
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
    assert_eq!(harness.error().root_cause.kind, CauseKind::Silent);
    assert!(harness.error().after <= RetryPolicy::interactive().window && harness.now > since);
    assert!(harness.closed_sessions().contains(&session));
}

/// Its end is not reported as an interruption.
#[test]
fn a_track_ended_during_silence_is_requested_after_it() {
    let (mut harness, session) = suspected();
    let (subscription, _) =
        harness.last_subscription.clone().expect("a subscription was requested before");
    harness.feed(Input::SubscriptionEnded { subscription });
    assert!(!harness.events().iter().any(|e| matches!(e, Event::TrackInterrupted { .. })));
    report(&mut harness, session, u64::MAX, u64::MAX);
    assert_eq!(harness.call.state(), StateName::Live);
    harness.advance_alive(SECOND);
    assert!(harness.subscription().is_some());
}

#[test]
fn the_end_of_an_unknown_session_keeps_the_silent_one() {
    let (mut harness, session) = suspected();
    harness.pass_silent(SECOND * 3);
    assert_eq!(harness.call.state(), StateName::Recovering);
    let before = format!("{:?}", harness.call);
    let cause = Cause::new(CauseKind::ClosedByRelay);
    harness.feed(Input::SessionClosed { session: SessionId(session.0 + 1_000), cause });
    assert_eq!(format!("{:?}", harness.call), before);
}
