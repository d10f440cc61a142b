//! The token issuer: the provider of the credentials that relays require.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_dev_relay::Guard;
use holdline_quinn::{CredentialProvider, NoCredential};

use crate::script::Script;
use crate::stack::clock;

/// One second, in microseconds.
const SECOND: u64 = 1_000_000;

/// Issues signed tokens to one participant.
pub(crate) struct TokenIssuer {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
    pub(crate) guard: Arc<Guard>,
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("who", &self.who).finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for TokenIssuer {
    async fn credential(&self, _relay: &str) -> Result<Credential, NoCredential> {
        let at = clock::now();
        let unavailable = |why: String| NoCredential::Unavailable(why);
        let token = self.script.conditions.token(self.who, at);
        let token = token.ok_or_else(|| unavailable("none is issued now".into()))?;
        // Signed expiry times are in whole seconds: relays accept a token slightly longer, never
        // shorter.
        let until = token.expires.unwrap_or(self.script.end).div_ceil(SECOND);
        let seconds = until.saturating_sub(at / SECOND);
        let value = self.guard.token("room", Duration::from_secs(seconds));
        let value = value.map_err(|error| unavailable(format!("{error:#}")))?;
        Ok(Credential {
            token: Token { token_type: Guard::TOKEN_TYPE, secret: Secret::new(value) },
            valid_for: token.valid_for(at),
        })
    }
}
