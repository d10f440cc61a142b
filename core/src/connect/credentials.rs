//! What we show a relay to be let in: held as long as it is valid, and refreshed before a dial that
//! would show one that is not (R32).

use crate::api::credential::{Credential, Token};
use crate::connect::provider_query::ProviderQuery;
use crate::context::Context;
use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::api::id::QueryId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;

/// Which of the credentials that a relay was ever shown: they are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CredentialVersion(u32);

/// What there is to show a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialStatus {
    /// Nothing: relays of this call ask for nothing.
    NotNeeded,
    /// With when it expires.
    Held(Token, CredentialVersion, Option<Timestamp>),
    /// The provider is being asked.
    Pending,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    held: Option<(Token, Option<Timestamp>)>,
    version: CredentialVersion,
    /// The newest one that the relay refused.
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
    /// What to show `relay` on a dial that may take until `until`; asks for it if there is nothing
    /// that will be valid by then.
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

    /// Asks for another one, whatever is held.
    pub(crate) fn query(&mut self, relay: &str, cx: &mut Context<'_>) {
        let timeout = cx.config.directory.answer_timeout;
        if let Some(query_id) = self.entry(relay).query.open(timeout, cx) {
            cx.out.push(Output::QueryCredential { query: query_id, relay: relay.into() });
        }
    }

    /// What the provider has just answered for `relay`.
    pub(crate) fn held(&self, relay: &str) -> CredentialStatus {
        match self.entries.get(relay) {
            Some(Entry { held: Some((token, expires)), version, .. }) => {
                CredentialStatus::Held(token.clone(), *version, *expires)
            }
            _ => CredentialStatus::Pending,
        }
    }

    /// The provider answered: for which relay, if that was asked.
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

    /// The provider has none: for which relay, if that was asked.
    pub(crate) fn failed(&mut self, query_id: QueryId) -> Option<String> {
        let (relay, entry) = self.pending(query_id)?;
        entry.query.close();
        Some(relay.clone())
    }

    /// A relay does not want to see that one again: the next dial asks for another.
    pub(crate) fn forget(&mut self, relay: &str, version: CredentialVersion) {
        if let Some(entry) = self.entries.get_mut(relay)
            && entry.version == version
        {
            entry.held = None;
        }
    }

    /// A relay refused what it was shown: whether another one may help. The next dial asks for it.
    pub(crate) fn refused(&mut self, relay: &str, version: CredentialVersion) -> bool {
        let entry = self.entry(relay);
        if version < entry.version || entry.refused == Some(version) {
            // Dials that raced were shown the same one; or there is a newer one already.
            return true;
        }
        let first = entry.refused.is_none();
        entry.refused = Some(version);
        entry.held = None;
        first
    }

    /// A relay let us in: who refused what before that has no part in what follows.
    pub(crate) fn accepted(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.refused = None);
    }

    fn entry(&mut self, relay: &str) -> &mut Entry {
        if self.entries.len() >= Config::MOST_RELAYS && !self.entries.contains_key(relay) {
            // A directory that has changed leaves relays behind that are dialled no more.
            let unasked = self.entries.iter().find(|(_, entry)| !entry.query.is_open());
            let least = unasked.or(self.entries.first_key_value()).map(|(relay, _)| relay.clone());
            least.and_then(|relay| self.entries.remove(&relay));
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
    fn who_is_forgotten_for_others_is_nobody_who_waits_and_what_was_shown_to_them_is_told_apart() {
        let (mut credentials, mut bench) = (Credentials::default(), TestBench::default());
        let token = || Token { token_type: 0, secret: Secret::new("token") };
        let answer = |credentials: &mut Credentials, query_id| {
            let credential = Credential { token: token(), valid_for: None };
            credentials.answered(query_id, credential, Timestamp::ZERO)
        };
        let waits = present(&mut credentials, "a waits", &mut bench).expect("asked");
        for number in 0..Config::MOST_RELAYS {
            let query_id = present(&mut credentials, &format!("b{number:02}"), &mut bench);
            answer(&mut credentials, query_id.expect("asked")).expect("was asked");
        }
        assert_eq!(credentials.entries.len(), Config::MOST_RELAYS);
        assert_eq!(answer(&mut credentials, waits).as_deref(), Some("a waits"));
        // The first of the others has been forgotten: what it was shown then is not what it is shown now.
        let again = present(&mut credentials, "b00", &mut bench).expect("asked again");
        answer(&mut credentials, again).expect("was asked");
        assert!(credentials.refused("b00", CredentialVersion(1)), "that was another one");
        assert!(matches!(credentials.held("b00"), CredentialStatus::Held(..)));
    }
}
