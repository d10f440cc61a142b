//! Which call to make, and what can be wrong with it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdline_core::{Config, ConfigError, Policy};

use crate::providers::{CredentialProvider, Providers, RelayProvider};
use crate::relay_url::RelayUrlError;
use crate::trust::{Trust, TrustError};

/// Which call to make, and how.
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
        // Not the relays: their addresses may carry tokens.
        f.debug_struct("CallConfig")
            .field("room", &self.config.room)
            .field("participant", &self.config.participant)
            .field("policy", &self.config.policy)
            .finish_non_exhaustive()
    }
}

impl CallConfig {
    /// A call in `room` as `participant` through the relay at `relay` (`moqt://host:port`), with
    /// every default.
    pub fn new(
        relay: impl Into<String>,
        room: impl Into<String>,
        participant: impl Into<String>,
    ) -> Self {
        let mut config = Config::new(relay, room, participant);
        // Taken from the clock when the call is made.
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

    /// One more relay, tried in turn.
    #[must_use]
    pub fn relay(mut self, relay: impl Into<String>) -> Self {
        self.config.relays.push(relay.into());
        self
    }

    /// Whom to ask which relays there are. What it answers is used for an hour; the relays that were
    /// named here remain the last resort.
    #[must_use]
    pub fn relay_provider(mut self, provider: impl RelayProvider) -> Self {
        self.config.directory.provider = true;
        self.providers.relays = Some(Arc::new(provider));
        self
    }

    /// A file that remembers what the provider answered, for the next call. The queries of the
    /// relays' addresses are left out, because they may carry tokens.
    #[must_use]
    pub fn relay_cache(mut self, file: impl Into<PathBuf>) -> Self {
        self.relay_cache = Some(file.into());
        self
    }

    /// Whom to ask for what relays want to be shown. It is asked before a dial that would otherwise
    /// show something that expires on the way, and half a minute before what a live session has shown
    /// expires: then the session is replaced.
    #[must_use]
    pub fn credential_provider(mut self, provider: impl CredentialProvider) -> Self {
        self.config.directory.credentials = true;
        self.providers.credentials = Some(Arc::new(provider));
        self
    }

    /// How hard and how long to try; [`Policy::interactive`] if not said.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Whose certificates to believe; the host's authorities if not said.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// The seed of the call's randomness; drawn from the system if not said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The identifier of the call in its record; the room if not said.
    #[must_use]
    pub fn call_id(mut self, id: impl Into<String>) -> Self {
        self.config.call_id = id.into();
        self
    }

    /// After how long without media either way the call closes itself; `None` for never, 6 minutes
    /// if not said.
    #[must_use]
    pub fn idle_timeout(mut self, idle: Option<Duration>) -> Self {
        self.config.idle_timeout = idle;
        self
    }

    /// Records everything that decides the call, so that it can be replayed: see [`journal`](crate::journal).
    #[must_use]
    pub fn journal(mut self, file: impl Write + Send + 'static) -> Self {
        self.journal = Some(Box::new(file));
        self
    }
}

/// A call that cannot be made as asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A field of the configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A relay's address is none.
    #[error(transparent)]
    Relay(#[from] RelayUrlError),
    /// There are no certificates to believe.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS or the system's randomness cannot be used.
    #[error("the cryptography of this host cannot be used: {0}")]
    Cryptography(String),
    /// The journal cannot be written.
    #[error("the journal cannot be written: {0}")]
    Journal(String),
}
