//! What we show a relay to be let in: held as long as it is valid, and refreshed before a dial that
//! would show one that is not (R32).

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::id::RequestId;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::secret::Secret;
use crate::time::Timestamp;

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

/// Which of the credentials that a relay was ever shown: they are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Issue(u32);

/// What there is to show a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// Nothing: relays of this call ask for nothing.
    NotNeeded,
    /// With when it expires.
    Held(Token, Issue, Option<Timestamp>),
    /// The provider is being asked.
    Asked,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    held: Option<(Token, Option<Timestamp>)>,
    issue: Issue,
    /// The newest one that the relay refused.
    refused: Option<Issue>,
    asked: Option<(RequestId, Timestamp)>,
}

/// The credentials of a call, by relay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials(BTreeMap<String, Entry>);

impl Credentials {
    /// What to show `relay` on a dial that may take until `until`; asks for it if there is nothing
    /// that will be valid by then.
    pub(crate) fn present(
        &mut self,
        relay: &str,
        (now, until): (Timestamp, Timestamp),
        config: &Config,
        mint: &mut crate::id::Mint,
        out: &mut Outbox,
    ) -> Ticket {
        if !config.directory.credentials {
            return Ticket::NotNeeded;
        }
        if !self.0.contains_key(relay) {
            if self.0.len() >= Config::MOST_RELAYS {
                // A directory that has changed leaves relays behind that are dialled no more.
                self.0.pop_first();
            }
            self.0.insert(relay.into(), Entry::default());
        }
        let Some(entry) = self.0.get_mut(relay) else { return Ticket::Asked };
        match &entry.held {
            Some((token, expires)) if expires.is_none_or(|at| until < at) => {
                return Ticket::Held(token.clone(), entry.issue, *expires);
            }
            _ => entry.held = None,
        }
        self.ask(relay, now, config, mint, out);
        Ticket::Asked
    }

    /// Asks for another one, whatever is held.
    pub(crate) fn ask(
        &mut self,
        relay: &str,
        now: Timestamp,
        config: &Config,
        mint: &mut crate::id::Mint,
        out: &mut Outbox,
    ) {
        // One question serves everybody who waits for its answer.
        if let Some(entry) = self.0.get_mut(relay)
            && entry.asked.is_none_or(|(_, forgotten_at)| now >= forgotten_at)
        {
            let request = RequestId(mint.next());
            entry.asked = Some((request, now + config.directory.answer_timeout));
            out.push(Output::AskCredential { request, relay: relay.into() });
        }
    }

    /// What the provider has just answered for `relay`.
    pub(crate) fn held(&self, relay: &str) -> Ticket {
        match self.0.get(relay) {
            Some(Entry { held: Some((token, expires)), issue, .. }) => {
                Ticket::Held(token.clone(), *issue, *expires)
            }
            _ => Ticket::Asked,
        }
    }

    /// The provider answered: for which relay, if that was asked.
    pub(crate) fn answered(
        &mut self,
        request: RequestId,
        credential: Credential,
        now: Timestamp,
    ) -> Option<String> {
        let (relay, entry) = self.asked(request)?;
        entry.asked = None;
        entry.issue.0 = entry.issue.0.saturating_add(1);
        entry.held = Some((credential.token, credential.valid_for.map(|valid| now + valid)));
        Some(relay.clone())
    }

    /// The provider has none: for which relay, if that was asked.
    pub(crate) fn failed(&mut self, request: RequestId) -> Option<String> {
        let (relay, entry) = self.asked(request)?;
        entry.asked = None;
        Some(relay.clone())
    }

    /// A relay refused what it was shown: whether another one may help. The next dial asks for it.
    pub(crate) fn refused(&mut self, relay: &str, issue: Issue) -> bool {
        let Some(entry) = self.0.get_mut(relay) else { return false };
        if issue < entry.issue || entry.refused == Some(issue) {
            // Dials that raced were shown the same one; or there is a newer one already.
            return true;
        }
        let first = entry.refused.is_none();
        entry.refused = Some(issue);
        entry.held = None;
        first
    }

    /// A relay let us in.
    pub(crate) fn accepted(&mut self, relay: &str) {
        if let Some(entry) = self.0.get_mut(relay) {
            entry.refused = None;
        }
    }

    fn asked(&mut self, request: RequestId) -> Option<(&String, &mut Entry)> {
        self.0.iter_mut().find(|(_, entry)| entry.asked.is_some_and(|(asked, _)| asked == request))
    }
}
