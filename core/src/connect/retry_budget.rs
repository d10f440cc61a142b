//! The retry budget: how much of the attempts and the time of a policy is used, and the next pause.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::config::RetryPolicy;
use crate::context::backoff::jittered;

/// How much of the policy's attempts and window is used.
///
/// It outlives the incident: a session that comes up and drops again finds the budget as it was,
/// and only stable uptime makes it whole (R8). Time with a session up does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryBudget {
    pub(crate) attempts: u32,
    pub(crate) pauses: u32,
    pub(crate) spent: Duration,
}

impl RetryBudget {
    /// Draws the next pause of the policy, and counts it.
    pub(crate) fn pause(&mut self, policy: &RetryPolicy, rng: &mut ChaCha8Rng) -> Duration {
        let bound = policy.bound(self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        jittered(bound, policy.jitter_percent, rng)
    }
}
