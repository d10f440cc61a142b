//! Tokens, and the credentials that providers hand out.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::credential::secret::Secret;

/// A token that is presented to a relay in SETUP (AUTHORIZATION TOKEN,
/// draft-ietf-moq-transport-18, section 10.3.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The type, by which the relay reads the value; 0 if the type was agreed elsewhere.
    pub token_type: u64,
    /// The value.
    pub secret: Secret,
}

/// A token with the time for which it is valid, as a provider hands it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The token that is presented to the relay.
    pub token: Token,
    /// For how long from now the relay accepts the token; `None` if the token does not expire.
    pub valid_for: Option<Duration>,
}
