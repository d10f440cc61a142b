//! Where relays and credentials come from: the application's providers. When they are asked, and
//! what their answers mean, is the core's.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use holdline_core::{Cause, CauseKind, Credential, Input, RequestId};

/// Knows which relays there are.
#[async_trait]
pub trait RelayProvider: Debug + Send + Sync + 'static {
    /// The relays' addresses (`moqt://host:port`), best first; at most 16 are used.
    ///
    /// # Errors
    ///
    /// If it cannot say now. The call goes on with what it knows.
    async fn relays(&self) -> Result<Vec<String>, Unavailable>;
}

/// Hands out what relays want to be shown.
#[async_trait]
pub trait CredentialProvider: Debug + Send + Sync + 'static {
    /// A credential for the relay of that address.
    ///
    /// # Errors
    ///
    /// If there is none now, or the user is signed out.
    async fn credential(&self, relay: &str) -> Result<Credential, NoCredential>;
}

/// The provider cannot answer now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum NoCredential {
    /// The user must sign in again: the call ends with `AUTH_EXPIRED`, unless it has a session.
    #[error("the user is signed out")]
    SignedOut,
    /// Not now; the attempt has failed, the next one asks again.
    #[error("{0}")]
    Unavailable(String),
}

/// What a call may ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Providers {
    pub(crate) relays: Option<Arc<dyn RelayProvider>>,
    pub(crate) credentials: Option<Arc<dyn CredentialProvider>>,
}

impl Providers {
    pub(crate) async fn query_relays(self) -> Vec<String> {
        let Some(provider) = self.relays else { return Vec::new() };
        provider.relays().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the provider of relays cannot answer");
            Vec::new()
        })
    }

    pub(crate) async fn query_credential(self, request: RequestId, relay: String) -> Input {
        let answer = match self.credentials {
            Some(provider) => provider.credential(&relay).await,
            None => Err(NoCredential::Unavailable("nobody can be asked".into())),
        };
        match answer {
            Ok(credential) => Input::CredentialAnswered { request, credential },
            Err(error) => {
                let kind = match error {
                    NoCredential::SignedOut => CauseKind::SignedOut,
                    NoCredential::Unavailable(_) => CauseKind::CredentialUnavailable,
                };
                Input::CredentialFailed {
                    request,
                    cause: Cause::with_detail(kind, error.to_string()),
                }
            }
        }
    }
}
