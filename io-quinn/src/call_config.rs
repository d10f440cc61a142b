//! The configuration of a call, and the errors of starting one.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdline_core::Config;
use holdline_core::config::{ConfigError, RetryPolicy};

use crate::providers::{CredentialProvider, Providers, RelayProvider};
use crate::relay_url::RelayUrlError;
use crate::trust::{Trust, TrustError};

/// The configuration of a call: its relays, its room, its participant, and how it recovers.
pub struct CallConfig {
    pub(crate) config: Config,
    pub(crate) trust: Option<Trust>,
    pub(crate) seed: Option<u64>,
    pub(crate) journal: Option<Box<dyn Write + Send>>,
    pub(crate) providers: Providers,
    pub(crate) relay_cache: Option<PathBuf>,
}

impl std::fmt::Debug for CallConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The relays are left out, because their addresses may carry tokens.
        f.debug_struct("CallConfig")
            .field("room", &self.config.room)
            .field("participant", &self.config.participant)
            .field("policy", &self.config.policy)
            .finish_non_exhaustive()
    }
}

impl CallConfig {
    /// A call in `room` as `participant` through `relay`, with the default for every other field.
    ///
    /// `relay` is an address in the form `moqt://host[:port][/path][?query]`, see [`RelayUrl`].
    /// `room` and `participant` are names that
    /// [`validate_name`](crate::config::validate_name) accepts:
    /// 1 to 128 bytes without `/` and without control characters. [`Call::connect`] checks all
    /// three.
    ///
    /// [`RelayUrl`]: crate::RelayUrl
    /// [`Call::connect`]: crate::Call::connect
    pub fn new(
        relay: impl Into<String>,
        room: impl Into<String>,
        participant: impl Into<String>,
    ) -> Self {
        let mut config = Config::new(relay, room, participant);
        // `Call::connect` takes it from the clock.
        config.first_epoch = 0;
        Self {
            config,
            trust: None,
            seed: None,
            journal: None,
            providers: Providers::default(),
            relay_cache: None,
        }
    }

    /// Adds a relay. The call tries its relays in the order in which they were added; at most 16.
    #[must_use]
    pub fn relay(mut self, relay: impl Into<String>) -> Self {
        self.config.relays.push(relay.into());
        self
    }

    /// Sets the provider of the list of relays.
    ///
    /// The call uses a list for one hour, then queries the provider again. The relays of this
    /// configuration remain the last resort.
    #[must_use]
    pub fn relay_provider(mut self, provider: impl RelayProvider) -> Self {
        self.config.directory.provider = true;
        self.providers.relays = Some(Arc::new(provider));
        self
    }

    /// Sets a file that keeps the provider's list of relays for the next call.
    ///
    /// The file holds the addresses without their URL query, because it may carry a token. A file
    /// that cannot be read or written is logged and otherwise ignored.
    #[must_use]
    pub fn relay_cache(mut self, file: impl Into<PathBuf>) -> Self {
        self.relay_cache = Some(file.into());
        self
    }

    /// Sets the provider of the credentials that relays require.
    ///
    /// The call queries it before a dial if the credential that it holds would expire during the
    /// dial, and 30 s before the credential of a live session expires: then a new session with
    /// a new credential replaces the old one.
    #[must_use]
    pub fn credential_provider(mut self, provider: impl CredentialProvider) -> Self {
        self.config.directory.credentials = true;
        self.providers.credentials = Some(Arc::new(provider));
        self
    }

    /// Sets how often and for how long the call retries. The default is
    /// [`RetryPolicy::interactive`].
    #[must_use]
    pub fn policy(mut self, policy: RetryPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Sets the certificate authorities that verify a relay's certificate. The default is
    /// [`Trust::host`].
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Sets the seed of the call's randomness. By default it is drawn from the system.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the identifier of the call in its record. The default is the name of the room.
    #[must_use]
    pub fn call_id(mut self, id: impl Into<String>) -> Self {
        self.config.call_id = id.into();
        self
    }

    /// Sets after how long without media in either direction the call closes itself. `None` means
    /// never; the default is 6 minutes.
    #[must_use]
    pub fn idle_timeout(mut self, idle: Option<Duration>) -> Self {
        self.config.idle_timeout = idle;
        self
    }

    /// Records the call's inputs and outputs to `file`, so that the call can be replayed: see
    /// [`journal`](crate::journal).
    ///
    /// A thread of its own writes the file. A write error ends the journal, not the call.
    #[must_use]
    pub fn journal(mut self, file: impl Write + Send + 'static) -> Self {
        self.journal = Some(Box::new(file));
        self
    }
}

/// Why a call cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A field of the configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address of a relay is invalid.
    #[error(transparent)]
    Relay(#[from] RelayUrlError),
    /// There are no certificate authorities to verify relays against.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS or the system's randomness is unavailable.
    #[error("the cryptography of this host cannot be used: {0}")]
    Cryptography(String),
    /// The thread that writes the journal cannot be started.
    #[error("the journal cannot be written: {0}")]
    Journal(String),
}
