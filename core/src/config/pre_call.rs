//! The configuration of a pre-call test (requirement R30).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};

/// The length of a pre-call test, and the frames that it sends (requirement R30).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreCallConfig {
    /// How long the whole test may take: longer than `frames` times `interval`. Default: 5 s.
    pub limit: Duration,
    /// The number of frames that are sent through the relay and back, at least 1. Default: 50.
    pub frames: u32,
    /// The time between two frames. Default: 20 ms.
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
