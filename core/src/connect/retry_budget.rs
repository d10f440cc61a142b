//! The budget of an incident: how many attempts and how much time are left, and the next pause.

use crate::context::backoff::jittered;
use core::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::config::RetryPolicy;

/// What has been used of the policy's attempts and window.
///
/// It outlives the incident: a session that comes up and drops again finds the budget as it left
/// it, and only stable uptime makes it whole (R8). Time with a session up is not spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryBudget {
    pub(crate) attempts: u32,
    pub(crate) pauses: u32,
    pub(crate) spent: Duration,
}

impl RetryBudget {
    /// Takes the next pause.
    pub(crate) fn pause(&mut self, policy: &RetryPolicy, rng: &mut ChaCha8Rng) -> Duration {
        let bound = policy.bound(self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        jittered(bound, policy.jitter_percent, rng)
    }
}
