//! What a relay is shown to let a call in (R32).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::credential::secret::Secret;

/// What a relay is shown (AUTHORIZATION TOKEN, draft-ietf-moq-transport-18, section 10.3.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// How the relay is to read it; 0 if that was agreed elsewhere.
    pub token_type: u64,
    /// Its value.
    pub secret: Secret,
}

/// A credential as its provider hands it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// What the relay is shown.
    pub token: Token,
    /// For how long from now the relay will accept it; `None` if it does not expire.
    pub valid_for: Option<Duration>,
}
