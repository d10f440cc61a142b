//! What we show a relay to be let in: held as long as it is valid, and refreshed before a dial that
//! would show one that is not (R32).

use crate::api::credential::{Credential, Token};
use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::api::id::RequestId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::context::outbox::Outbox;

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

/// The credentials of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// By relay.
    entries: BTreeMap<String, Entry>,
    newest: Issue,
}

impl Credentials {
    /// What to show `relay` on a dial that may take until `until`; asks for it if there is nothing
    /// that will be valid by then.
    pub(crate) fn present(
        &mut self,
        relay: &str,
        (now, until): (Timestamp, Timestamp),
        config: &Config,
        mint: &mut crate::api::id::Mint,
        out: &mut Outbox,
    ) -> Ticket {
        if !config.directory.credentials {
            return Ticket::NotNeeded;
        }
        let entry = self.entry(relay);
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
        mint: &mut crate::api::id::Mint,
        out: &mut Outbox,
    ) {
        let entry = self.entry(relay);
        // One question serves everybody who waits for its answer.
        if entry.asked.is_none_or(|(_, forgotten_at)| now >= forgotten_at) {
            let request = RequestId(mint.next());
            entry.asked = Some((request, now + config.directory.answer_timeout));
            out.push(Output::AskCredential { request, relay: relay.into() });
        }
    }

    /// What the provider has just answered for `relay`.
    pub(crate) fn held(&self, relay: &str) -> Ticket {
        match self.entries.get(relay) {
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
        let issue = Issue(self.newest.0.saturating_add(1));
        let (relay, entry) = self.asked(request)?;
        entry.asked = None;
        entry.issue = issue;
        entry.held = Some((credential.token, credential.valid_for.map(|valid| now + valid)));
        let relay = relay.clone();
        self.newest = issue;
        Some(relay)
    }

    /// The provider has none: for which relay, if that was asked.
    pub(crate) fn failed(&mut self, request: RequestId) -> Option<String> {
        let (relay, entry) = self.asked(request)?;
        entry.asked = None;
        Some(relay.clone())
    }

    /// A relay does not want to see that one again: the next dial asks for another.
    pub(crate) fn forget(&mut self, relay: &str, issue: Issue) {
        if let Some(entry) = self.entries.get_mut(relay)
            && entry.issue == issue
        {
            entry.held = None;
        }
    }

    /// A relay refused what it was shown: whether another one may help. The next dial asks for it.
    pub(crate) fn refused(&mut self, relay: &str, issue: Issue) -> bool {
        let entry = self.entry(relay);
        if issue < entry.issue || entry.refused == Some(issue) {
            // Dials that raced were shown the same one; or there is a newer one already.
            return true;
        }
        let first = entry.refused.is_none();
        entry.refused = Some(issue);
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
            let unasked = self.entries.iter().find(|(_, entry)| entry.asked.is_none());
            let least = unasked.or(self.entries.first_key_value()).map(|(relay, _)| relay.clone());
            least.and_then(|relay| self.entries.remove(&relay));
        }
        self.entries.entry(relay.into()).or_default()
    }

    fn asked(&mut self, request: RequestId) -> Option<(&String, &mut Entry)> {
        self.entries
            .iter_mut()
            .find(|(_, entry)| entry.asked.is_some_and(|(asked, _)| asked == request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::credential::Secret;
    use crate::api::id::Mint;
    use alloc::format;

    /// Asks what to show a relay; what it is asked for, if it is.
    fn present(credentials: &mut Credentials, relay: &str, mint: &mut Mint) -> Option<RequestId> {
        let mut config = Config::new("north", "room", "alice");
        config.directory.credentials = true;
        let (times, mut out) = ((Timestamp::ZERO, Timestamp::ZERO), Outbox::default());
        credentials.present(relay, times, &config, mint, &mut out);
        match out.pop() {
            Some(Output::AskCredential { request, .. }) => Some(request),
            _ => None,
        }
    }

    #[test]
    fn who_is_forgotten_for_others_is_nobody_who_waits_and_what_was_shown_to_them_is_told_apart() {
        let (mut credentials, mut mint) = (Credentials::default(), Mint::default());
        let token = || Token { token_type: 0, secret: Secret::new("token") };
        let answer = |credentials: &mut Credentials, request| {
            let credential = Credential { token: token(), valid_for: None };
            credentials.answered(request, credential, Timestamp::ZERO)
        };
        let waits = present(&mut credentials, "a waits", &mut mint).expect("asked");
        for number in 0..Config::MOST_RELAYS {
            let request = present(&mut credentials, &format!("b{number:02}"), &mut mint);
            answer(&mut credentials, request.expect("asked")).expect("was asked");
        }
        assert_eq!(credentials.entries.len(), Config::MOST_RELAYS);
        assert_eq!(answer(&mut credentials, waits).as_deref(), Some("a waits"));
        // The first of the others has been forgotten: what it was shown then is not what it is shown now.
        let again = present(&mut credentials, "b00", &mut mint).expect("asked again");
        answer(&mut credentials, again).expect("was asked");
        assert!(credentials.refused("b00", Issue(1)), "that was another one");
        assert!(matches!(credentials.held("b00"), Ticket::Held(..)));
    }
}
