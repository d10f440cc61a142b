//! The retry budget: how many of a policy's attempts are used, and the next pause.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::config::RetryPolicy;
use crate::context::backoff::jittered;

/// How many of the policy's attempts and pauses are used (R8).
///
/// It outlives the incident: a session that comes up and drops again finds the budget as it was.
/// Only time in which a session carried media in both directions earns it back. (The window is not
/// part of it: each incident has its own.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryBudget {
    pub(crate) attempts: u32,
    pub(crate) pauses: u32,
}

/// A bound for a policy of very many, very short pauses.
const MOST_PAUSES_EARNED: u32 = 256;

impl RetryBudget {
    /// Draws the next pause of the policy, and counts it.
    pub(crate) fn pause(&mut self, policy: &RetryPolicy, rng: &mut ChaCha8Rng) -> Duration {
        let bound = policy.bound(self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        jittered(bound, policy.jitter_percent, rng)
    }

    /// Whether nothing of the budget is used.
    pub(crate) fn is_whole(&self) -> bool {
        self.attempts == 0 && self.pauses == 0
    }

    /// Earns back the share of all attempts that `carried` is of the policy's `stable_after`, and
    /// the pauses that are not longer than it: a session that drops again and again is redialled
    /// no sooner than attempts that fail.
    pub(crate) fn earn(&mut self, carried: Duration, policy: &RetryPolicy) {
        let share = u128::from(policy.attempts) * carried.as_micros();
        let earned = share.checked_div(policy.stable_after.as_micros()).unwrap_or(u128::MAX);
        self.attempts = self.attempts.saturating_sub(u32::try_from(earned).unwrap_or(u32::MAX));
        let mut left = carried;
        for _ in 0..MOST_PAUSES_EARNED {
            let Some(pauses) = self.pauses.checked_sub(1) else { break };
            let Some(rest) = left.checked_sub(policy.bound(pauses)) else { break };
            (self.pauses, left) = (pauses, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_earned_back_in_proportion_to_carried_time() {
        let policy = RetryPolicy::interactive();
        for (millis, attempts) in [(0, 40), (166, 40), (167, 39), (5_000, 10), (6_667, 0)] {
            let mut budget = RetryBudget { attempts: 40, pauses: 0 };
            budget.earn(Duration::from_millis(millis), &policy);
            assert_eq!(budget.attempts, attempts, "{millis} ms");
        }
    }

    /// The pauses of `interactive` are 250, 500, 750, 750 ms …; the last one is earned first.
    #[test]
    fn a_pause_is_earned_back_by_as_much_carried_time() {
        let policy = RetryPolicy::interactive();
        for (millis, pauses) in [(749, 4), (750, 3), (1_500, 2), (2_000, 1), (2_249, 1), (2_250, 0)]
        {
            let mut budget = RetryBudget { attempts: 60, pauses: 4 };
            budget.earn(Duration::from_millis(millis), &policy);
            assert_eq!(budget.pauses, pauses, "{millis} ms");
        }
        let mut budget = RetryBudget { attempts: u32::MAX, pauses: 256 };
        budget.earn(Duration::MAX, &policy);
        assert!(budget.is_whole());
    }
}
