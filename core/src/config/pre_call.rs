//! How to test a call before it is made (R30).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};

/// How to test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreCallConfig {
    /// How long the test may take in all.
    pub limit: Duration,
    /// How many frames go through the relay and back.
    pub frames: u32,
    /// How far they are apart.
    pub interval: Duration,
}

impl Default for PreCallConfig {
    fn default() -> Self {
        Self { limit: Duration::from_secs(5), frames: 50, interval: Duration::from_millis(20) }
    }
}

impl PreCallConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        ensure(self.frames > 0, "pre_call.frames", "must be at least 1")?;
        ensure(!self.interval.is_zero(), "pre_call.interval", "must be longer than zero")?;
        ensure(
            self.interval.saturating_mul(self.frames) < self.limit,
            "pre_call.limit",
            "must be longer than all frames take",
        )
    }
}
