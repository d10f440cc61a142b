//! Where relays and credentials come from (R32).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};
use crate::api::limits;

/// A list of relays that was answered earlier, perhaps in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedRelays {
    /// Their addresses, as the driver understands them.
    pub relays: Vec<String>,
    /// How old the answer is.
    pub age: Duration,
}

/// Where relays and credentials come from, beyond the configuration's own list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryConfig {
    /// Whether there is somebody to ask for relays
    /// ([`Output::QueryDirectory`](crate::Output::QueryDirectory)).
    pub provider: bool,
    /// What was answered last time.
    pub remembered: Option<RememberedRelays>,
    /// How long an answer is valid.
    pub lifetime: Duration,
    /// How long the provider may take to answer.
    pub answer_timeout: Duration,
    /// Whether relays want to be shown a credential, which there is somebody to ask for
    /// ([`Output::QueryCredential`](crate::Output::QueryCredential)).
    pub credentials: bool,
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self {
            provider: false,
            remembered: None,
            lifetime: Duration::from_secs(3_600),
            answer_timeout: Duration::from_secs(2),
            credentials: false,
        }
    }
}

impl DirectoryConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        ensure(!self.lifetime.is_zero(), "directory.lifetime", "must be longer than zero")?;
        ensure(
            !self.answer_timeout.is_zero(),
            "directory.answer_timeout",
            "must be longer than zero",
        )?;
        let remembered = self.remembered.as_ref().map_or(1, |known| known.relays.len());
        ensure(
            (1..=limits::MOST_RELAYS).contains(&remembered),
            "directory.remembered",
            "must name 1 to 16 relays, or be none",
        )
    }
}
