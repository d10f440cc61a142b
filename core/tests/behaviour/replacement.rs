//! R18: the replacement of a session that still works.

use crate::common::{CallHarness, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::error::ErrorCode;
use holdline_core::{Input, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn reconnect_now_connects_a_new_session_before_closing_the_old() {
    let (mut harness, old) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.feed(Input::ReconnectNow);
    assert!(harness.closed_sessions().is_empty());
    harness.feed(Input::PathReport {
        session: old,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 1,
    });
    assert_eq!(
        harness.call.state(),
        StateName::Recovering,
        "the application requested a new session"
    );
    harness.accept();
    assert_eq!(harness.closed_sessions(), [old]);
}

#[test]
fn frames_are_sent_on_the_old_session_while_it_lives() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.feed(Input::ReconnectNow);
    harness.advance_alive(SECOND);
    assert_eq!(harness.send().sent().len(), 1);
    harness.pass_silent(SECOND * 2);
    assert_eq!(harness.call.state(), StateName::Recovering);
    assert_eq!(harness.send().sent().len(), 0, "no frames are sent on a silent path");
}

#[test]
fn objects_of_a_session_closed_during_replacement_are_not_delivered() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::ReconnectNow);
    harness.object(subscription, 7, 0);
    assert_eq!(
        harness.delivered().len(),
        1,
        "objects of the old session are delivered while it is connected"
    );
    harness.lose(session);
    harness.object(subscription, 7, 1);
    assert!(harness.delivered().is_empty());
}

#[test]
fn a_failed_replacement_keeps_the_old_session_if_it_lives() {
    for (alive, for_seconds) in [(true, 30), (false, 30), (false, 28)] {
        let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
        harness.feed(Input::Connect);
        let session = harness.accept();
        harness.feed(Input::ReconnectNow);
        // The whole window passes, and no relay answers.
        if alive {
            harness.advance_alive(SECOND * 30);
            assert_eq!(harness.call.state(), StateName::Live);
            assert!(!harness.closed_sessions().contains(&session));
            harness.out.clear();
            harness.lose(session);
            assert!(!harness.dials().is_empty(), "the lost session was the call's session");
        } else {
            harness.advance_alive(SECOND * (30 - for_seconds));
            harness.pass_silent(SECOND * for_seconds);
            assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
        }
    }
}

/// The window ends after 400 ms without an acknowledgement. That is silence at an RTT of 10 ms, but
/// not at 200 ms.
#[test]
fn a_long_round_trip_explains_silence_of_the_old_session() {
    for (rtt_micros, state) in [(200_000, StateName::Live), (10_000, StateName::Failed)] {
        let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
        harness.feed(Input::Connect);
        let session = harness.accept();
        let report = |harness: &mut CallHarness| {
            harness.feed(Input::PathReport { session, received: 0, acknowledged: 0, rtt_micros });
        };
        report(&mut harness);
        harness.feed(Input::ReconnectNow);
        harness.advance_alive(MS * 29_600);
        for _ in 0..3 {
            harness.advance(MS * 100);
            report(&mut harness);
        }
        harness.advance(MS * 100);
        assert_eq!(harness.call.state(), state, "RTT {rtt_micros} µs");
    }
}
