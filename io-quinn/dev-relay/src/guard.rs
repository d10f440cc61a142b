//! Access tokens for a relay that requires them (Common Access Tokens, draft-ietf-moq-c4m).

use std::time::Duration;

use anyhow::Context as _;
use cat_token::{CatToken, Es256Algorithm, MoqtScopeBuilder, encode_token};
use moq_relay_ietf::{AuthPublicKey, ScopeAuthConfig, ScopeConfig};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};

/// A key that signs tokens, and with which a relay verifies them.
pub struct Guard {
    signer: Es256Algorithm,
    public_key: String,
}

impl Guard {
    /// The type of the tokens in MoQ SETUP (draft-ietf-moq-c4m).
    pub const TOKEN_TYPE: u64 = moq_transport::setup::CAT_TOKEN_TYPE;

    /// Creates a guard with a fresh key.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let signer = Es256Algorithm::new_with_key_pair().context("cannot make a key")?;
        let public_key = signer.verifying_key().to_public_key_pem(LineEnding::LF)?;
        Ok(Self { signer, public_key })
    }

    /// Signs a token with full access to `room`. `valid_for` is rounded down to whole seconds.
    ///
    /// # Errors
    ///
    /// If the token cannot be signed.
    pub fn token(&self, room: &str, valid_for: Duration) -> anyhow::Result<Vec<u8>> {
        let scope = || MoqtScopeBuilder::new().full_access();
        let in_room = scope().namespace_prefix(room.as_bytes()).track_prefix(b"").build();
        let token = CatToken::new()
            .with_expires_in(valid_for.as_secs().try_into()?)
            .with_moqt_scope(scope().build())
            .with_moqt_scope(in_room);
        encode_token(&token, &self.signer).context("cannot sign a token")
    }

    /// The configuration of a scope that requires a token of this guard.
    pub fn scope_config(&self) -> ScopeConfig {
        let keys = vec![AuthPublicKey::es256(&self.public_key)];
        // An expired token is refused at once.
        let auth = ScopeAuthConfig::new(keys).with_clock_skew(Duration::from_millis(1));
        let mut config = ScopeConfig::default();
        config.auth = Some(auth);
        config
    }
}
