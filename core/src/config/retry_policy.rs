//! Retry policies as data (requirement R12): the pauses, number and total time of attempts.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};
use crate::api::limits;
use crate::api::time::doubled;

/// The growth of the pause before an attempt, by the number of pauses before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// `initial`, 2 × `initial`, 4 × `initial`, …
    Exponential,
    /// `initial`, 2 × `initial`, 3 × `initial`, …
    Linear,
}

/// The pauses between attempts, their number, and their total time (requirement R12).
///
/// If `racing` is 1, attempts follow one another: a pause starts when the previous attempt failed.
/// If `racing` is greater, a pause starts when the previous attempt *started*. Up to `racing`
/// attempts are in flight at once, and the first to succeed wins. The next one waits until one of
/// them ends, so that each has its whole `attempt_timeout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Whether the first attempt of an incident is made without a pause, if the retry budget is
    /// unused. The first attempt to set up a call never has a pause.
    pub immediate_first: bool,
    /// The first pause, at least 1 ms.
    pub initial: Duration,
    /// The growth of the pause.
    pub growth: Growth,
    /// The longest pause.
    pub max: Duration,
    /// The random share of a pause, in percent (0 to 100). A pause is drawn evenly from
    /// `bound × (100 − jitter_percent) / 100 ..= bound`, where [`RetryPolicy::bound`] is the bound.
    pub jitter_percent: u8,
    /// How many attempts an incident may use, with those of earlier incidents that no uptime has
    /// earned back since (see `stable_after`).
    pub attempts: u32,
    /// How long the recovery of one incident may take in all, until the call is live again.
    pub window: Duration,
    /// How many attempts may be in flight at once, 1 to 16.
    pub racing: u8,
    /// How long one attempt may take, from the query for its credential to MoQ SETUP.
    pub attempt_timeout: Duration,
    /// How long a session must have been live to be stable (requirement R8). Then all attempts are
    /// available again. A session that ends sooner gives back the share of them that it carried
    /// media in both directions of this time.
    pub stable_after: Duration,
}

impl RetryPolicy {
    /// The names that [`RetryPolicy::named`] knows.
    pub const NAMES: [&'static str; 4] = ["interactive", "strict", "patient", "simple"];

    /// The default, for conversations: attempts race, with pauses of 250 to 750 ms before jitter;
    /// 60 attempts; 30 s in all.
    pub const fn interactive() -> Self {
        Self {
            immediate_first: true,
            initial: Duration::from_millis(250),
            growth: Growth::Exponential,
            max: Duration::from_millis(750),
            jitter_percent: 50,
            attempts: 60,
            window: Duration::from_secs(30),
            racing: 8,
            attempt_timeout: Duration::from_secs(3),
            stable_after: Duration::from_secs(10),
        }
    }

    /// The strict schedule of requirement R12: at once, then after 1, 2, 4 and 8 s with jitter;
    /// 5 attempts; 30 s in all.
    pub const fn strict() -> Self {
        Self {
            immediate_first: true,
            initial: Duration::from_secs(1),
            growth: Growth::Exponential,
            max: Duration::from_secs(8),
            jitter_percent: 20,
            attempts: 5,
            window: Duration::from_secs(30),
            racing: 1,
            attempt_timeout: Duration::from_secs(3),
            stable_after: Duration::from_secs(10),
        }
    }

    /// The patient schedule of requirement R12: after 1, 2, 4, 8, 16 s, then every 30 s; 10
    /// attempts. The window of 240 s is long enough for all of them.
    pub const fn patient() -> Self {
        Self {
            immediate_first: false,
            initial: Duration::from_secs(1),
            growth: Growth::Exponential,
            max: Duration::from_secs(30),
            jitter_percent: 10,
            attempts: 10,
            window: Duration::from_secs(240),
            racing: 1,
            attempt_timeout: Duration::from_secs(5),
            stable_after: Duration::from_secs(10),
        }
    }

    /// The simple schedule of requirement R12: after 2, 4 and 6 s; 3 attempts; 30 s in all.
    pub const fn simple() -> Self {
        Self {
            immediate_first: false,
            initial: Duration::from_secs(2),
            growth: Growth::Linear,
            max: Duration::from_secs(6),
            jitter_percent: 10,
            attempts: 3,
            window: Duration::from_secs(30),
            racing: 1,
            attempt_timeout: Duration::from_secs(5),
            stable_after: Duration::from_secs(10),
        }
    }

    /// The policy of that name; `None` if there is none.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "interactive" => Some(Self::interactive()),
            "strict" => Some(Self::strict()),
            "patient" => Some(Self::patient()),
            "simple" => Some(Self::simple()),
            _ => None,
        }
    }

    /// The bound of the next pause after `pauses` earlier ones, before its jitter.
    pub fn bound(&self, pauses: u32) -> Duration {
        let grown = match self.growth {
            Growth::Exponential => doubled(self.initial, pauses, self.max),
            Growth::Linear => self.initial.saturating_mul(pauses.saturating_add(1)),
        };
        grown.min(self.max)
    }

    /// Checks that the policy makes attempts, has pauses and does not contradict itself.
    ///
    /// # Errors
    ///
    /// Names the field that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ensure(self.attempts > 0, "policy.attempts", "must be at least 1")?;
        ensure(
            self.initial >= limits::SHORTEST_PAUSE,
            "policy.initial",
            "must be at least 1 ms: attempts must be paced",
        )?;
        ensure(self.max >= self.initial, "policy.max", "must not be shorter than policy.initial")?;
        ensure(self.jitter_percent <= 100, "policy.jitter_percent", "must be between 0 and 100")?;
        ensure(!self.window.is_zero(), "policy.window", "must be longer than zero")?;
        ensure(
            self.immediate_first || self.window > self.initial,
            "policy.window",
            "must be longer than policy.initial, or no attempt would ever be made",
        )?;
        ensure((1..=16).contains(&self.racing), "policy.racing", "must be between 1 and 16")?;
        ensure(
            !self.attempt_timeout.is_zero(),
            "policy.attempt_timeout",
            "must be longer than zero",
        )?;
        ensure(!self.stable_after.is_zero(), "policy.stable_after", "must be longer than zero")
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::interactive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_named_policy_is_valid_and_an_unknown_name_is_none() {
        for name in RetryPolicy::NAMES {
            RetryPolicy::named(name).expect(name).validate().expect(name);
        }
        assert_eq!(RetryPolicy::named("reckless"), None);
    }

    #[test]
    fn an_unusable_policy_is_refused_by_the_name_of_its_field() {
        let refused = |change: fn(&mut RetryPolicy)| {
            let mut policy = RetryPolicy::interactive();
            change(&mut policy);
            policy.validate().expect_err("must be refused").field
        };
        assert_eq!(refused(|p| p.attempts = 0), "policy.attempts");
        assert_eq!(refused(|p| p.initial = Duration::ZERO), "policy.initial");
        assert_eq!(refused(|p| p.max = Duration::from_millis(1)), "policy.max");
        assert_eq!(refused(|p| p.jitter_percent = 101), "policy.jitter_percent");
        assert_eq!(refused(|p| p.window = Duration::ZERO), "policy.window");
        assert_eq!(
            refused(|p| {
                p.immediate_first = false;
                p.window = p.initial;
            }),
            "policy.window"
        );
        assert_eq!(refused(|p| p.racing = 0), "policy.racing");
        assert_eq!(refused(|p| p.racing = 17), "policy.racing");
        assert_eq!(refused(|p| p.attempt_timeout = Duration::ZERO), "policy.attempt_timeout");
        assert_eq!(refused(|p| p.stable_after = Duration::ZERO), "policy.stable_after");
    }

    #[test]
    fn pauses_grow_to_their_maximum_and_no_further() {
        let patient = RetryPolicy::patient();
        let bounds: Vec<u64> = (0..7).map(|pauses| patient.bound(pauses).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(patient.bound(u32::MAX), patient.max);
    }
}
