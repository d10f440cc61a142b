//! The context of one input: what every part of the state machine needs, passed as an argument.

pub(crate) mod backoff;
pub(crate) mod outbox;
pub(crate) mod request;
pub(crate) mod soonest;
#[cfg(test)]
pub(crate) mod testing;

use core::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::api::id::Mint;
use crate::api::stats::Telemetry;
use crate::api::time::{Timestamp, doubled};
use crate::config::Config;
use crate::context::backoff::jittered;
use crate::context::outbox::Outbox;

/// The time of one call of [`Supervisor::handle`](crate::Supervisor::handle), and what outlives the
/// states.
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) config: &'a Config,
    pub(crate) rng: &'a mut ChaCha8Rng,
    pub(crate) mint: &'a mut Mint,
    pub(crate) out: &'a mut Outbox,
    pub(crate) telemetry: &'a mut Telemetry,
}

/// Pauses before a request to a healthy relay is repeated: 100 ms, doubling to 2 s, half of each
/// random. The policy does not apply here, because the call itself is not in danger.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

impl Context<'_> {
    /// When to repeat a request that has failed `failures` times in a row.
    pub(crate) fn retry_at(&mut self, failures: u32) -> Timestamp {
        let bound = doubled(FIRST_RETRY, failures.saturating_sub(1), LONGEST_RETRY);
        self.now + jittered(bound, 50, self.rng)
    }
}

/// The [`Context`] of a supervisor. Borrows the fields one by one, so that the state stays free.
macro_rules! cx {
    ($call:ident) => {
        &mut $crate::context::Context {
            now: $call.now,
            config: &$call.config,
            rng: &mut $call.rng,
            mint: &mut $call.mint,
            out: &mut $call.out,
            telemetry: &mut $call.telemetry,
        }
    };
}

pub(crate) use cx;
