//! R6, R12: each named policy has its source's numbers, exact to the attempt and the microsecond.

use crate::common::{CallHarness, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::{Input, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The pause before each attempt, when each attempt lasts `attempt_timeout`.
fn pauses(attempts: &[Duration], attempt_timeout: Duration) -> Vec<Duration> {
    let mut free_at = Duration::ZERO;
    attempts
        .iter()
        .map(|at| {
            let pause = *at - free_at;
            free_at = *at + attempt_timeout;
            pause
        })
        .collect()
}

fn assert_within(pauses: &[Duration], bounds: &[Duration], jitter_percent: u32) {
    assert_eq!(pauses.len(), bounds.len(), "{pauses:?}");
    for (pause, bound) in pauses.iter().zip(bounds) {
        let least = *bound * (100 - jitter_percent) / 100;
        assert!(
            least <= *pause && pause <= bound,
            "{pause:?} is not within {least:?} ..= {bound:?}"
        );
    }
}

/// A live call whose relay never answers again: the times of its attempts, and the ended call.
fn abandoned(policy: &RetryPolicy, seed: u64) -> (Vec<Duration>, CallHarness) {
    let (mut harness, session) = CallHarness::live(policy.clone(), seed);
    harness.advance_alive(SECOND * 20);
    harness.dials();
    harness.lose(session);
    let attempts = harness.abandon();
    (attempts, harness)
}

fn assert_exhausted(harness: &CallHarness, policy: &RetryPolicy, attempts: usize) {
    assert_eq!(harness.call.state(), StateName::Failed);
    let error = harness.error();
    assert_eq!(error.code, ErrorCode::RecoveryExhausted);
    assert_eq!(error.root_cause.kind, CauseKind::ClosedByRelay);
    assert_eq!(error.last_cause, Some(Cause::new(CauseKind::TimedOut)));
    assert_eq!(error.attempts as usize, attempts);
    assert!(error.after <= policy.window, "{:?}", error.after);
}

/// The policy `strict` (S1): the first attempt at once, then pauses of 1, 2, 4 and 8 s; five
/// attempts in a window of 30 s.
#[test]
fn strict_policy_makes_five_attempts_with_doubling_pauses() {
    let policy = RetryPolicy::strict();
    for seed in 0..100 {
        let (attempts, harness) = abandoned(&policy, seed);
        let bounds = [0, 1, 2, 4, 8].map(|s| SECOND * s);
        assert_within(&pauses(&attempts, policy.attempt_timeout), &bounds, 20);
        assert_exhausted(&harness, &policy, 5);
    }
}

/// The policy `patient` (S2): pauses from 1 s, doubling up to 30 s, and ten attempts.
#[test]
fn patient_policy_makes_ten_attempts_with_doubling_pauses() {
    let policy = RetryPolicy::patient();
    for seed in 0..100 {
        let (attempts, harness) = abandoned(&policy, seed);
        let bounds = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].map(|s| SECOND * s);
        assert_within(&pauses(&attempts, policy.attempt_timeout), &bounds, 10);
        assert_exhausted(&harness, &policy, 10);
    }
}

/// The policy `simple` (S4): pauses of 2, 4 and 6 s, three attempts in a window of 30 s.
#[test]
fn simple_policy_makes_three_attempts_with_growing_pauses() {
    let policy = RetryPolicy::simple();
    for seed in 0..100 {
        let (attempts, harness) = abandoned(&policy, seed);
        assert_within(
            &pauses(&attempts, policy.attempt_timeout),
            &[2, 4, 6].map(|s| SECOND * s),
            10,
        );
        assert_exhausted(&harness, &policy, 3);
    }
}

/// The policy `interactive` continues so for its window of 30 s.
#[test]
fn interactive_policy_races_attempts_at_most_750_ms_apart() {
    let policy = RetryPolicy::interactive();
    for seed in 0..100 {
        let (attempts, harness) = abandoned(&policy, seed);
        assert_eq!(attempts[0], Duration::ZERO, "the first attempt is made at once");
        for pair in attempts.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(MS * 125 <= apart && apart <= MS * 750, "{apart:?}");
        }
        assert!(attempts.len() > 40 && attempts.len() <= 60, "{}", attempts.len());
        assert!(attempts.iter().all(|at| *at < policy.window));
        assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
        assert!(harness.error().after <= policy.window);
        assert_eq!(harness.error().attempts as usize, attempts.len());
    }
}

#[test]
fn attempts_that_fail_at_once_are_still_paced() {
    for name in RetryPolicy::NAMES {
        let policy = RetryPolicy::named(name).expect(name);
        let (mut harness, session) = CallHarness::live(policy.clone(), 3);
        harness.dials();
        harness.lose(session);
        let start = harness.now;
        let mut attempts = Vec::new();
        while harness.call.state() == StateName::Recovering {
            for dial in harness.dials() {
                attempts.push(dial.at - start);
                let cause = Cause::new(CauseKind::NetworkUnavailable);
                harness.feed(Input::DialFailed { session: dial.session, cause });
            }
            harness.advance(MS);
        }
        assert!(attempts.len() <= policy.attempts as usize, "{name}");
        let least = policy.initial * u32::from(100 - policy.jitter_percent) / 100;
        assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= least), "{name}: {attempts:?}");
        assert_eq!(harness.error().last_cause, Some(Cause::new(CauseKind::NetworkUnavailable)));
    }
}

#[test]
fn an_attempt_never_outlives_the_window() {
    let policy =
        RetryPolicy { window: MS * 1_500, attempt_timeout: SECOND * 60, ..RetryPolicy::strict() };
    let (attempts, harness) = abandoned(&policy, 1);
    assert_eq!(attempts, [Duration::ZERO], "the first attempt takes the whole window");
    assert_eq!(harness.error().after, policy.window);
}

/// Its code is not that of a failed recovery.
#[test]
fn a_call_that_never_connected_ends_as_relay_unreachable() {
    let mut harness = CallHarness::new(RetryPolicy::simple(), 1);
    harness.feed(Input::Connect);
    let attempts = harness.abandon();
    assert_eq!(attempts.len(), 3);
    assert_eq!(harness.error().code, ErrorCode::RelayUnreachable);
    assert_eq!(harness.error().root_cause.kind, CauseKind::TimedOut);
}
