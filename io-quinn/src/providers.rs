//! The application's providers of relays and credentials. The core decides when they are queried,
//! and what follows from their responses.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use holdline_core::Input;
use holdline_core::credential::Credential;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::QueryId;

/// An application's source of the list of relays, such as a query to its own service.
#[async_trait]
pub trait RelayProvider: Debug + Send + Sync + 'static {
    /// Returns the addresses of the relays (`moqt://host:port`), best first. At most 16 are used,
    /// and invalid ones are left out.
    ///
    /// # Errors
    ///
    /// If the list is unavailable now. The call continues with the relays that it knows.
    async fn relays(&self) -> Result<Vec<String>, Unavailable>;
}

/// An application's source of the credentials that relays require.
#[async_trait]
pub trait CredentialProvider: Debug + Send + Sync + 'static {
    /// Returns a credential for a relay. `relay` is its address without the URL query.
    ///
    /// # Errors
    ///
    /// If there is no credential now, or the user is signed out.
    async fn credential(&self, relay: &str) -> Result<Credential, NoCredential>;
}

/// The list of relays is unavailable now, with the reason for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum NoCredential {
    /// The user must sign in again: the call ends with `AUTH_EXPIRED`, unless it has a session.
    #[error("the user is signed out")]
    SignedOut,
    /// It is unavailable now. The attempt fails, and the next attempt queries the provider again.
    #[error("{0}")]
    Unavailable(String),
}

/// The providers of a call.
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

    pub(crate) async fn query_credential(self, query: QueryId, relay: String) -> Input {
        let answer = match self.credentials {
            Some(provider) => provider.credential(&relay).await,
            None => Err(NoCredential::Unavailable("nobody can be asked".into())),
        };
        match answer {
            Ok(credential) => Input::CredentialAnswered { query, credential },
            Err(error) => {
                let kind = match error {
                    NoCredential::SignedOut => CauseKind::SignedOut,
                    NoCredential::Unavailable(_) => CauseKind::CredentialUnavailable,
                };
                Input::CredentialFailed {
                    query,
                    cause: Cause::with_detail(kind, error.to_string()),
                }
            }
        }
    }
}
