//! R18: a session that is to be replaced although nothing is wrong with it.

use crate::common::{Hand, MS};
use holdline_core::{ErrorCode, Input, Policy, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn reconnect_now_on_a_live_call_makes_a_new_session_before_it_closes_the_old_one() {
    let (mut hand, old) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.give(Input::ReconnectNow);
    assert!(hand.closed_sessions().is_empty());
    hand.give(Input::PathReport {
        session: old,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 1,
    });
    assert_eq!(hand.call.state(), StateName::Recovering, "the application wants a new one");
    hand.accept();
    assert_eq!(hand.closed_sessions(), [old]);
}

#[test]
fn what_is_said_while_a_session_is_being_replaced_goes_out_on_it_as_long_as_it_is_alive() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.give(Input::ReconnectNow);
    hand.pass_alive(SECOND);
    assert_eq!(hand.send().sent().len(), 1);
    hand.pass_silent(SECOND * 2);
    assert_eq!(hand.call.state(), StateName::Recovering);
    assert_eq!(hand.send().sent().len(), 0, "a silent path is not fed");
}

#[test]
fn nothing_of_a_session_that_was_closed_while_it_was_being_replaced_is_heard_any_more() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::ReconnectNow);
    hand.object(subscription, 7, 0);
    assert_eq!(hand.delivered().len(), 1, "it is heard for as long as it lives");
    hand.lose(session);
    hand.object(subscription, 7, 1);
    assert!(hand.delivered().is_empty());
}

#[test]
fn a_session_that_was_to_be_replaced_is_kept_if_no_other_can_be_had_and_it_is_alive() {
    for (alive, for_seconds) in [(true, 30), (false, 30), (false, 28)] {
        let mut hand = Hand::new(Policy::interactive(), 1);
        hand.give(Input::Connect);
        let session = hand.accept();
        hand.give(Input::ReconnectNow);
        // As long as the window, and nobody answers.
        if alive {
            hand.pass_alive(SECOND * 30);
            assert_eq!(hand.call.state(), StateName::Live);
            assert!(!hand.closed_sessions().contains(&session));
            hand.out.clear();
            hand.lose(session);
            assert!(!hand.dials().is_empty(), "there was a session all the time");
        } else {
            hand.pass_alive(SECOND * (30 - for_seconds));
            hand.pass_silent(SECOND * for_seconds);
            assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);
        }
    }
}

#[test]
fn a_session_that_was_to_be_replaced_counts_as_alive_as_long_as_its_round_trip_can_explain() {
    for (rtt_micros, state) in [(200_000, StateName::Live), (10_000, StateName::Failed)] {
        let mut hand = Hand::new(Policy::interactive(), 1);
        hand.give(Input::Connect);
        let session = hand.accept();
        let report = |hand: &mut Hand| {
            hand.give(Input::PathReport { session, received: 0, acknowledged: 0, rtt_micros });
        };
        report(&mut hand);
        hand.give(Input::ReconnectNow);
        hand.pass_alive(MS * 29_600);
        for _ in 0..3 {
            hand.pass(MS * 100);
            report(&mut hand);
        }
        hand.pass(MS * 100);
        assert_eq!(hand.call.state(), state, "{rtt_micros}");
    }
}
