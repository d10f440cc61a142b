//! The credentials that relays are presented (R32). A credential is held while it is valid, and a
//! new one is queried before a dial that could present an expired one.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::api::credential::{Credential, Token};
use crate::api::id::QueryId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::connect::provider_query::ProviderQuery;
use crate::context::Context;

/// The number of a credential among all that the provider gave this call; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CredentialVersion(u32);

/// Whether there is a credential to present to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialStatus {
    /// The relays of this call need no credential.
    NotNeeded,
    /// The token, its version, and when it expires.
    Held(Token, CredentialVersion, Option<Timestamp>),
    /// The provider has not answered yet.
    Pending,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    held: Option<(Token, Option<Timestamp>)>,
    version: CredentialVersion,
    /// The newest version that the relay refused.
    refused: Option<CredentialVersion>,
    query: ProviderQuery,
}

/// The credentials of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// By relay.
    entries: BTreeMap<String, Entry>,
    newest: CredentialVersion,
}

impl Credentials {
    /// The credential for a dial to `relay` that may take until `until`. Queries the provider if no
    /// credential is held that is still valid then.
    pub(crate) fn present(
        &mut self,
        relay: &str,
        until: Timestamp,
        cx: &mut Context<'_>,
    ) -> CredentialStatus {
        if !cx.config.directory.credentials {
            return CredentialStatus::NotNeeded;
        }
        let entry = self.entry(relay);
        match &entry.held {
            Some((token, expires)) if expires.is_none_or(|at| until < at) => {
                return CredentialStatus::Held(token.clone(), entry.version, *expires);
            }
            _ => entry.held = None,
        }
        self.query(relay, cx);
        CredentialStatus::Pending
    }

    /// Queries the provider for another credential, whatever is held.
    pub(crate) fn query(&mut self, relay: &str, cx: &mut Context<'_>) {
        let timeout = cx.config.directory.answer_timeout;
        if let Some(query_id) = self.entry(relay).query.open(timeout, cx) {
            cx.out.push(Output::QueryCredential { query: query_id, relay: relay.into() });
        }
    }

    /// The credential for `relay` that the provider has just answered with.
    pub(crate) fn held(&self, relay: &str) -> CredentialStatus {
        match self.entries.get(relay) {
            Some(Entry { held: Some((token, expires)), version, .. }) => {
                CredentialStatus::Held(token.clone(), *version, *expires)
            }
            _ => CredentialStatus::Pending,
        }
    }

    /// The provider answered; returns for which relay, if the query is open.
    pub(crate) fn answered(
        &mut self,
        query_id: QueryId,
        credential: Credential,
        now: Timestamp,
    ) -> Option<String> {
        let version = CredentialVersion(self.newest.0.saturating_add(1));
        let (relay, entry) = self.pending(query_id)?;
        entry.query.close();
        entry.version = version;
        entry.held = Some((credential.token, credential.valid_for.map(|valid| now + valid)));
        let relay = relay.clone();
        self.newest = version;
        Some(relay)
    }

    /// The provider has no credential; returns for which relay, if the query is open.
    pub(crate) fn failed(&mut self, query_id: QueryId) -> Option<String> {
        let (relay, entry) = self.pending(query_id)?;
        entry.query.close();
        Some(relay.clone())
    }

    /// A relay refused that version to a probe: the next dial queries another one.
    pub(crate) fn forget(&mut self, relay: &str, version: CredentialVersion) {
        if let Some(entry) = self.entries.get_mut(relay)
            && entry.version == version
        {
            entry.held = None;
        }
    }

    /// A relay refused the version that it was presented. Returns whether another one may help: the
    /// next dial queries it.
    pub(crate) fn refused(&mut self, relay: &str, version: CredentialVersion) -> bool {
        let entry = self.entry(relay);
        if version < entry.version || entry.refused == Some(version) {
            // Another dial of a race presented the same version, or a newer one has arrived.
            return true;
        }
        let first = entry.refused.is_none();
        entry.refused = Some(version);
        entry.held = None;
        first
    }

    /// A relay accepted a session: earlier refusals do not count any more.
    pub(crate) fn accepted(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.refused = None);
    }

    fn entry(&mut self, relay: &str) -> &mut Entry {
        if self.entries.len() >= Config::MOST_RELAYS && !self.entries.contains_key(relay) {
            // A relay list that changed leaves entries of relays that are dialled no more.
            let idle = self.entries.iter().find(|(_, entry)| !entry.query.is_open());
            let evicted = idle.or(self.entries.first_key_value()).map(|(relay, _)| relay.clone());
            evicted.and_then(|relay| self.entries.remove(&relay));
        }
        self.entries.entry(relay.into()).or_default()
    }

    fn pending(&mut self, query_id: QueryId) -> Option<(&String, &mut Entry)> {
        self.entries.iter_mut().find(|(_, entry)| entry.query.is(query_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::credential::Secret;
    use crate::context::testing::TestBench;
    use alloc::format;

    /// Presents a credential to a relay; the query that this opens, if it opens one.
    fn present(
        credentials: &mut Credentials,
        relay: &str,
        bench: &mut TestBench,
    ) -> Option<QueryId> {
        bench.config.directory.credentials = true;
        credentials.present(relay, Timestamp::ZERO, &mut bench.context());
        match bench.out.pop() {
            Some(Output::QueryCredential { query: query_id, .. }) => Some(query_id),
            _ => None,
        }
    }

    #[test]
    fn evicting_a_relay_keeps_pending_queries_and_credential_versions() {
        let (mut credentials, mut bench) = (Credentials::default(), TestBench::default());
        let token = || Token { token_type: 0, secret: Secret::new("token") };
        let answer = |credentials: &mut Credentials, query_id| {
            let credential = Credential { token: token(), valid_for: None };
            credentials.answered(query_id, credential, Timestamp::ZERO)
        };
        let pending = present(&mut credentials, "a waits", &mut bench).expect("queried");
        for number in 0..Config::MOST_RELAYS {
            let query_id = present(&mut credentials, &format!("b{number:02}"), &mut bench);
            answer(&mut credentials, query_id.expect("queried")).expect("is open");
        }
        assert_eq!(credentials.entries.len(), Config::MOST_RELAYS);
        assert_eq!(answer(&mut credentials, pending).as_deref(), Some("a waits"));
        // The first of the others was evicted. Its version of then is not its version of now.
        let again = present(&mut credentials, "b00", &mut bench).expect("queried again");
        answer(&mut credentials, again).expect("is open");
        assert!(credentials.refused("b00", CredentialVersion(1)), "another version");
        assert!(matches!(credentials.held("b00"), CredentialStatus::Held(..)));
    }
}
