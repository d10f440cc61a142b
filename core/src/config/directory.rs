//! The sources of relays and credentials (requirement R32).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};
use crate::api::limits;

/// A list of relays that the provider returned earlier, perhaps to another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedRelays {
    /// The relays' addresses, in the format of the driver: 1 to 16.
    pub relays: Vec<String>,
    /// The age of the list. A list as old as [`DirectoryConfig::lifetime`] is not used.
    pub age: Duration,
}

/// The sources of relays beside [`Config::relays`](crate::Config::relays), and the source of
/// credentials (requirement R32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryConfig {
    /// Whether a provider answers queries for relays
    /// ([`Output::QueryDirectory`](crate::Output::QueryDirectory)).
    pub provider: bool,
    /// The list that the provider returned last time.
    pub remembered: Option<RememberedRelays>,
    /// How long a list is valid. Then the provider is queried again. Default: 1 h.
    pub lifetime: Duration,
    /// How long a provider may take to answer. Then the call continues without the list, and an
    /// unanswered query may be repeated. Default: 2 s.
    pub answer_timeout: Duration,
    /// Whether relays require a credential, which a provider hands out
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
