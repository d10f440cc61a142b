//! The owner of a [`Context`] in unit tests of single parts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::api::id::Mint;
use crate::api::stats::Telemetry;
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::context::Context;
use crate::context::outbox::Outbox;

/// Owns what a [`Context`] borrows.
pub(crate) struct TestBench {
    pub(crate) now: Timestamp,
    pub(crate) config: Config,
    pub(crate) out: Outbox,
    rng: ChaCha8Rng,
    mint: Mint,
    telemetry: Telemetry,
}

impl Default for TestBench {
    fn default() -> Self {
        Self {
            now: Timestamp::ZERO,
            config: Config::new("north", "room", "alice"),
            out: Outbox::default(),
            rng: ChaCha8Rng::seed_from_u64(7),
            mint: Mint::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl TestBench {
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            now: self.now,
            config: &self.config,
            rng: &mut self.rng,
            mint: &mut self.mint,
            out: &mut self.out,
            telemetry: &mut self.telemetry,
        }
    }
}
