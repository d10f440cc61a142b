//! R6, R8: the retry budget. Sessions that drop soon use it up, and uptime earns it back.

use std::time::Duration;

use holdline_core::config::RetryPolicy;
use holdline_core::error::ErrorCode;
use holdline_core::{Event, StateName};

use crate::common::{CallHarness, MS};

const SECOND: Duration = Duration::from_secs(1);

/// A relay that drops each new session after half a second, in which it earns nothing back.
#[test]
fn sessions_that_drop_soon_use_the_retry_budget_up() {
    let (mut harness, mut session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND * 11);
    harness.dials();
    let mut pauses = Vec::new();
    loop {
        let lost_at = harness.now;
        harness.lose(session);
        if harness.call.state() == StateName::Failed {
            break;
        }
        let dial = harness.next_dial();
        pauses.push(dial.at - lost_at);
        harness.accept_on(dial.session);
        session = dial.session;
        harness.advance_alive(MS * 500);
    }
    assert_eq!(pauses.len(), 5, "the call makes five attempts, although each one connects");
    assert_eq!(pauses[0], Duration::ZERO);
    for (pause, bound) in pauses[1..].iter().zip([1, 2, 4, 8]) {
        assert!(*pause >= SECOND * bound * 8 / 10 && *pause <= SECOND * bound, "{pauses:?}");
    }
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
}

#[test]
fn a_stable_session_restores_the_whole_retry_budget() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.lose(session);
    let session = harness.accept();
    harness.advance_alive(SECOND * 11).out.clear();
    harness.lose(session);
    assert_eq!(harness.dials()[0].at, harness.now, "a stable call has its whole retry budget");
}

/// A train through tunnels (R8): each outage is short, and so is the time between two of them. Each
/// incident has a whole window, and uptime earns the attempts back.
#[test]
fn minutes_of_short_outages_do_not_end_the_call() {
    for policy in [RetryPolicy::interactive(), RetryPolicy::strict(), RetryPolicy::simple()] {
        // So much uptime earns back what an outage costs.
        let uptime = policy.stable_after / policy.attempts * 6;
        let (mut harness, mut session) = CallHarness::live(policy, 1);
        let start = harness.now;
        while harness.now - start < SECOND * 300 {
            harness.advance_alive(uptime).lose(session).advance(MS * 1_500);
            harness.dials();
            session = harness.next_dial().session;
            harness.accept_on(session);
        }
        assert_eq!(harness.call.stats().telemetry.incidents_failed, 0);
    }
}

/// Six tenths of `stable_after` give three of five attempts back, however the session ends.
#[test]
fn uptime_earns_attempts_back_in_proportion() {
    for is_silent in [false, true] {
        let (mut harness, mut session) = CallHarness::live(RetryPolicy::strict(), 1);
        for _ in 0..4 {
            harness.lose(session);
            session = harness.next_dial().session;
            harness.accept_on(session);
        }
        harness.events();
        harness.advance_alive(MS * 6_100);
        if is_silent {
            harness.pass_silent(SECOND);
        } else {
            harness.lose(session);
        }
        harness.next_dial();
        let attempts = harness.events().into_iter().filter_map(|event| match event {
            Event::AttemptStarted { attempt, .. } => Some(attempt),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), [2], "three of four came back: {is_silent}");
    }
}

/// A flapping relay has used up all attempts, although each one connected.
#[test]
fn a_drop_after_the_last_attempt_fails_the_call() {
    let (mut harness, mut session) = CallHarness::live(RetryPolicy::strict(), 1);
    for _ in 0..RetryPolicy::strict().attempts {
        harness.dials();
        harness.lose(session);
        session = harness.next_dial().session;
        harness.accept_on(session);
    }
    harness.lose(session);
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
    assert_eq!(harness.error().after, Duration::ZERO);
}
