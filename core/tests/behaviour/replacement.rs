//! R18: a session that is to be replaced although nothing is wrong with it.

use crate::common::{CallHarness, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::error::ErrorCode;
use holdline_core::{Input, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn reconnect_now_on_a_live_call_makes_a_new_session_before_it_closes_the_old_one() {
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
    assert_eq!(harness.call.state(), StateName::Recovering, "the application wants a new one");
    harness.accept();
    assert_eq!(harness.closed_sessions(), [old]);
}

#[test]
fn what_is_said_while_a_session_is_being_replaced_goes_out_on_it_as_long_as_it_is_alive() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.feed(Input::ReconnectNow);
    harness.advance_alive(SECOND);
    assert_eq!(harness.send().sent().len(), 1);
    harness.pass_silent(SECOND * 2);
    assert_eq!(harness.call.state(), StateName::Recovering);
    assert_eq!(harness.send().sent().len(), 0, "a silent path is not fed");
}

#[test]
fn nothing_of_a_session_that_was_closed_while_it_was_being_replaced_is_heard_any_more() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::ReconnectNow);
    harness.object(subscription, 7, 0);
    assert_eq!(harness.delivered().len(), 1, "it is heard for as long as it lives");
    harness.lose(session);
    harness.object(subscription, 7, 1);
    assert!(harness.delivered().is_empty());
}

#[test]
fn a_session_that_was_to_be_replaced_is_kept_if_no_other_can_be_had_and_it_is_alive() {
    for (alive, for_seconds) in [(true, 30), (false, 30), (false, 28)] {
        let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
        harness.feed(Input::Connect);
        let session = harness.accept();
        harness.feed(Input::ReconnectNow);
        // As long as the window, and nobody answers.
        if alive {
            harness.advance_alive(SECOND * 30);
            assert_eq!(harness.call.state(), StateName::Live);
            assert!(!harness.closed_sessions().contains(&session));
            harness.out.clear();
            harness.lose(session);
            assert!(!harness.dials().is_empty(), "there was a session all the time");
        } else {
            harness.advance_alive(SECOND * (30 - for_seconds));
            harness.pass_silent(SECOND * for_seconds);
            assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
        }
    }
}

#[test]
fn a_session_that_was_to_be_replaced_counts_as_alive_as_long_as_its_round_trip_can_explain() {
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
        assert_eq!(harness.call.state(), state, "{rtt_micros}");
    }
}
