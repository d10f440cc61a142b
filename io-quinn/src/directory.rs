//! Where relays and credentials come from: the application's providers, and a file that remembers
//! the relays for the next call. When they are asked, and what their answers mean, is the core's.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use holdline_core::{Cause, CauseKind, Credential, Input, RememberedRelays, RequestId};
use serde::{Deserialize, Serialize};

use crate::relay_url::{RelayUrl, RelayUrlError};

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
    pub(crate) cache: Option<RelayCache>,
}

impl Providers {
    pub(crate) async fn ask_relays(self) -> Vec<String> {
        let Some(provider) = self.relays else { return Vec::new() };
        provider.relays().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the provider of relays cannot answer");
            Vec::new()
        })
    }

    pub(crate) async fn ask_credential(self, request: RequestId, relay: String) -> Input {
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

/// The relays by the names that the core knows them by: their addresses without the query, which
/// may carry a token.
#[derive(Debug, Default)]
pub(crate) struct RelayBook(BTreeMap<String, RelayUrl>);

impl RelayBook {
    pub(crate) fn get(&self, name: &str) -> Option<&RelayUrl> {
        self.0.get(name)
    }

    /// Enters a list and names its relays, each differently.
    pub(crate) fn enter(&mut self, addresses: &[String]) -> Result<Vec<String>, RelayUrlError> {
        let mut names = Vec::new();
        for address in addresses {
            let url = RelayUrl::from_str(address)?;
            let plain = format!("{url:?}");
            let mut name = plain.clone();
            for number in 2.. {
                if !names.contains(&name) {
                    break;
                }
                name = format!("{plain} ({number})");
            }
            self.0.insert(name.clone(), url);
            names.push(name);
        }
        Ok(names)
    }

    /// Likewise, without what is no relay's address.
    pub(crate) fn enter_usable(&mut self, addresses: Vec<String>) -> Vec<String> {
        let usable: Vec<String> = addresses
            .into_iter()
            .filter(|address| match RelayUrl::from_str(address) {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(%error, "a relay is left out");
                    false
                }
            })
            .collect();
        self.enter(&usable).unwrap_or_default()
    }
}

/// A file that remembers the relays, without the queries of their addresses.
#[derive(Clone, Debug)]
pub(crate) struct RelayCache(PathBuf);

/// The version of the file's format.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct CacheFile {
    holdline_relays: u32,
    relays: Vec<String>,
    /// Milliseconds since 1970.
    answered_at: u64,
}

impl RelayCache {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What it remembers. A file that cannot be used is as good as none.
    pub(crate) fn load(&self, unix_millis: u64) -> Option<RememberedRelays> {
        let text = std::fs::read(&self.0).ok()?;
        let file: CacheFile = serde_json::from_slice(&text)
            .inspect_err(|error| {
                tracing::warn!(file = %self.0.display(), %error, "the remembered relays are left out");
            })
            .ok()?;
        // A list from the future says nothing about its age.
        let age = unix_millis.checked_sub(file.answered_at)?;
        let usable = file.holdline_relays == VERSION && !file.relays.is_empty();
        usable.then_some(RememberedRelays { relays: file.relays, age: Duration::from_millis(age) })
    }

    /// Remembers a list. A file that cannot be written costs a question next time, no more.
    pub(crate) fn store(&self, relays: Vec<String>, unix_millis: u64) {
        let file = CacheFile { holdline_relays: VERSION, relays, answered_at: unix_millis };
        let stored =
            serde_json::to_vec_pretty(&file).map_err(std::io::Error::from).and_then(|text| {
                // Written aside and moved, so that nobody ever reads half of it.
                let aside = self.0.with_extension("new");
                std::fs::write(&aside, text)?;
                std::fs::rename(&aside, &self.0)
            });
        if let Err(error) = stored {
            tracing::warn!(file = %self.0.display(), %error, "the relays are not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_named_without_their_query_and_each_differently() {
        let mut book = RelayBook::default();
        let addresses = ["moqt://a:1?jwt=secret", "moqt://a:1?jwt=other", "moqt://b:2"];
        let names = book.enter(&addresses.map(str::to_owned)).expect("addresses");
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(|name| !name.contains("jwt")), "{names:?}");
        assert!(book.get(&names[0]) != book.get(&names[1]));
        let usable = book.enter_usable(vec!["nonsense".into(), "moqt://c:3".into()]);
        assert_eq!(usable.len(), 1);
        assert!(book.get(&usable[0]).is_some() && book.get(&names[2]).is_some());
    }

    #[test]
    fn the_cache_remembers_with_its_age_and_is_not_trusted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relays.json");
        let cache = RelayCache::new(path.clone());
        assert_eq!(cache.load(5_000), None, "there is none yet");
        cache.store(vec!["moqt://a:1".into()], 2_000);
        let age = Duration::from_secs(3);
        let relays = vec!["moqt://a:1".into()];
        assert_eq!(cache.load(5_000), Some(RememberedRelays { relays, age }));
        assert_eq!(cache.load(1_999), None, "from the future");
        for text in ["", "{", "{\"holdline_relays\":2,\"relays\":[\"a\"],\"answered_at\":0}"] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(cache.load(5_000), None, "{text}");
        }
        RelayCache::new(folder.path().join("no/such/folder")).store(Vec::new(), 0);
    }
}
