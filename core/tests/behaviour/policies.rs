//! R6, R12: each named policy keeps its source's numbers, to the attempt and to the microsecond.

use crate::common::{Hand, MS};
use holdline_core::{Cause, CauseKind, ErrorCode, Input, Policy, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The pauses between attempts that each last `attempt_timeout`, and the one before the first.
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

/// A live call whose relay never comes back: the attempts, and the hand to ask how it ended.
fn abandoned(policy: &Policy, seed: u64) -> (Vec<Duration>, Hand) {
    let (mut hand, session) = Hand::live(policy.clone(), seed);
    hand.pass_alive(SECOND * 20);
    hand.dials();
    hand.lose(session);
    let attempts = hand.abandon();
    (attempts, hand)
}

fn assert_exhausted(hand: &Hand, policy: &Policy, attempts: usize) {
    assert_eq!(hand.call.state(), StateName::Failed);
    let error = hand.error();
    assert_eq!(error.code, ErrorCode::RecoveryExhausted);
    assert_eq!(error.root_cause.kind, CauseKind::ClosedByRelay);
    assert_eq!(error.last_cause, Some(Cause::new(CauseKind::TimedOut)));
    assert_eq!(error.attempts as usize, attempts);
    assert!(error.after <= policy.window, "{:?}", error.after);
}

#[test]
fn strict_is_s1_at_once_then_1_2_4_8_seconds_five_attempts_thirty_seconds() {
    let policy = Policy::strict();
    for seed in 0..100 {
        let (attempts, hand) = abandoned(&policy, seed);
        let bounds = [0, 1, 2, 4, 8].map(|s| SECOND * s);
        assert_within(&pauses(&attempts, policy.attempt_timeout), &bounds, 20);
        assert_exhausted(&hand, &policy, 5);
    }
}

#[test]
fn patient_is_s2_one_second_doubling_to_thirty_ten_attempts() {
    let policy = Policy::patient();
    for seed in 0..100 {
        let (attempts, hand) = abandoned(&policy, seed);
        let bounds = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].map(|s| SECOND * s);
        assert_within(&pauses(&attempts, policy.attempt_timeout), &bounds, 10);
        assert_exhausted(&hand, &policy, 10);
    }
}

#[test]
fn simple_is_s4_two_seconds_growing_three_attempts_thirty_seconds() {
    let policy = Policy::simple();
    for seed in 0..100 {
        let (attempts, hand) = abandoned(&policy, seed);
        assert_within(
            &pauses(&attempts, policy.attempt_timeout),
            &[2, 4, 6].map(|s| SECOND * s),
            10,
        );
        assert_exhausted(&hand, &policy, 3);
    }
}

#[test]
fn interactive_races_attempts_at_most_750_ms_apart_for_thirty_seconds() {
    let policy = Policy::interactive();
    for seed in 0..100 {
        let (attempts, hand) = abandoned(&policy, seed);
        assert_eq!(attempts[0], Duration::ZERO, "the first is made at once");
        for pair in attempts.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(MS * 125 <= apart && apart <= MS * 750, "{apart:?}");
        }
        assert!(attempts.len() > 40 && attempts.len() <= 60, "{}", attempts.len());
        assert!(attempts.iter().all(|at| *at < policy.window));
        assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);
        assert!(hand.error().after <= policy.window);
        assert_eq!(hand.error().attempts as usize, attempts.len());
    }
}

#[test]
fn attempts_that_fail_at_once_are_paced_all_the_same() {
    for name in Policy::NAMES {
        let policy = Policy::named(name).expect(name);
        let (mut hand, session) = Hand::live(policy.clone(), 3);
        hand.dials();
        hand.lose(session);
        let start = hand.now;
        let mut attempts = Vec::new();
        while hand.call.state() == StateName::Recovering {
            for dial in hand.dials() {
                attempts.push(dial.at - start);
                let cause = Cause::new(CauseKind::NetworkUnavailable);
                hand.give(Input::DialFailed { session: dial.session, cause });
            }
            hand.pass(MS);
        }
        assert!(attempts.len() <= policy.attempts as usize, "{name}");
        let least = policy.initial * u32::from(100 - policy.jitter_percent) / 100;
        assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= least), "{name}: {attempts:?}");
        assert_eq!(hand.error().last_cause, Some(Cause::new(CauseKind::NetworkUnavailable)));
    }
}

#[test]
fn an_attempt_never_outlives_the_window() {
    let policy = Policy { window: MS * 1_500, attempt_timeout: SECOND * 60, ..Policy::strict() };
    let (attempts, hand) = abandoned(&policy, 1);
    assert_eq!(attempts, [Duration::ZERO], "the first takes the whole window");
    assert_eq!(hand.error().after, policy.window);
}

#[test]
fn a_call_that_was_never_up_ends_as_unreachable_not_as_a_failed_recovery() {
    let mut hand = Hand::new(Policy::simple(), 1);
    hand.give(Input::Connect);
    let attempts = hand.abandon();
    assert_eq!(attempts.len(), 3);
    assert_eq!(hand.error().code, ErrorCode::RelayUnreachable);
    assert_eq!(hand.error().root_cause.kind, CauseKind::TimedOut);
}
