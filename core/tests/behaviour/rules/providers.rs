//! R32: which queries the providers of relays and credentials receive, and which credentials the
//! relays are presented.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdline_core::credential::{Credential, Token};
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::{QueryId, SessionId};
use holdline_core::{Input, StateName, Timestamp};

use super::{Rules, Session};

/// How long before a session's credential expires the call queries another one, at most.
const LEAD: Duration = Duration::from_secs(30);
/// How much longer a new credential must be valid for a renewal to be worth it.
const GAIN: Duration = Duration::from_secs(5);
/// How many attempts a renewal makes at the session's own relay before it tries another one.
const ATTEMPTS_AT_RELAY: u32 = 4;
/// How long after a failed renewal the call may wait before the next one.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// A dial: to which relay, why, and with which credential.
#[derive(Clone, Debug)]
pub struct Dialled {
    pub relay: String,
    /// Whether the dial is a probe for missing participants, which carries no media.
    is_probe: bool,
    presented: Option<Presented>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Presented {
    token: Token,
    expires: Option<Timestamp>,
}

/// The queries to the providers, and their answers.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// The open query for relays, and when the call abandons it.
    pub relay_query: Option<(QueryId, Timestamp)>,
    /// The newest relay list, and until when it is valid.
    relay_list: Option<(Vec<String>, Timestamp)>,
    /// The open queries for credentials: for which relay, and when the call abandons them.
    pub credential_queries: BTreeMap<QueryId, (String, Timestamp)>,
    /// The newest credential for each relay.
    newest_credentials: BTreeMap<String, Presented>,
    /// The credentials that each relay refused.
    refused_ever: BTreeMap<String, Vec<Token>>,
    /// Those that it refused since the call was last live, each while it was the newest one.
    /// Refusals of probes do not count.
    refused_since_live: BTreeMap<String, Vec<Token>>,
    /// Until when the call may wait with the next renewal.
    no_renewal_until: Timestamp,
    /// The attempts that have begun and wait for the credential of a relay.
    pub waiting: BTreeMap<SessionId, String>,
    dialled: BTreeSet<SessionId>,
    /// The relay that the last input brought a credential for, or that refused its newest one.
    affected_relay: Option<String>,
}

impl Rules {
    pub(super) fn relays(&self) -> &[String] {
        self.providers.relay_list.as_ref().map_or(&self.config.relays, |(list, _)| list)
    }

    /// The provider returns a relay list. Returns whether there was an open query for it.
    pub(super) fn note_relays(&mut self, query: QueryId, relays: &[String]) -> bool {
        let is_open = self.providers.relay_query.is_some_and(|(open, _)| open == query);
        if is_open {
            self.providers.relay_query = None;
            if !relays.is_empty() {
                let until = self.now + self.config.directory.lifetime;
                self.providers.relay_list = Some((relays.to_vec(), until));
            }
        }
        is_open
    }

    /// The provider returns a credential, or fails. Returns whether there was an open query for it.
    pub(super) fn note_credential(
        &mut self,
        query: QueryId,
        credential: Option<&Credential>,
    ) -> bool {
        self.providers.affected_relay = None;
        let Some((relay, _)) = self.providers.credential_queries.remove(&query) else {
            return false;
        };
        if let Some(Credential { token, valid_for }) = credential {
            let expires = valid_for.map(|valid_for| self.now + valid_for);
            let presented = Presented { token: token.clone(), expires };
            self.providers.affected_relay = Some(relay.clone());
            self.providers.newest_credentials.insert(relay, presented);
        }
        true
    }

    /// A relay refused this dial or closed its session, perhaps because of the credential.
    pub(super) fn note_refusal(&mut self, dial: Dialled, cause: &Cause) {
        self.providers.affected_relay = None;
        let newest = self.providers.newest_credentials.get(&dial.relay);
        if is_refusal(cause)
            && let Some(presented) = dial.presented.filter(|presented| newest == Some(presented))
        {
            let relay = dial.relay;
            self.providers.affected_relay = Some(relay.clone());
            self.providers
                .refused_ever
                .entry(relay.clone())
                .or_default()
                .push(presented.token.clone());
            if !dial.is_probe {
                let refused = self.providers.refused_since_live.entry(relay).or_default();
                if !refused.contains(&presented.token) {
                    refused.push(presented.token);
                }
            }
        }
    }

    /// A session carries the call. Earlier refusals do not count any more.
    pub(super) fn note_session_accepted(&mut self) {
        self.providers.refused_since_live.clear();
    }

    /// The session that carries the call is no probe, even if it began as one.
    pub(super) fn note_carrying(&mut self) {
        self.settle_carrying();
        let carrying = self.carrying_id().and_then(|id| self.sessions.get_mut(&id));
        if let Some(carrying) = carrying {
            carrying.dial.is_probe = false;
        }
    }

    /// The call keeps the session that it meant to renew.
    pub(super) fn note_session_kept(&mut self) {
        self.providers.no_renewal_until = self.now + RENEWAL_PAUSE;
    }

    pub(super) fn note_relay_query(&mut self, query: QueryId) {
        self.mint(query.0);
        assert!(self.config.directory.provider, "only a configured provider is queried");
        let open = self.providers.relay_query;
        let free = open.is_none_or(|(_, abandoned_at)| self.now >= abandoned_at);
        assert!(free, "there is one open query for relays at a time");
        let valid = |(_, until): &(_, Timestamp)| self.now < *until;
        assert!(
            !self.providers.relay_list.as_ref().is_some_and(valid),
            "a valid relay list needs no query"
        );
        let abandoned_at = self.now + self.config.directory.answer_timeout;
        self.providers.relay_query = Some((query, abandoned_at));
    }

    pub(super) fn note_remembered(&self, relays: &[String]) {
        assert_eq!(relays, self.relays(), "the remembered list is the provider's newest one");
    }

    pub(super) fn note_credential_query(&mut self, query: QueryId, relay: &String) {
        self.mint(query.0);
        assert!(self.config.directory.credentials, "only a configured provider is queried");
        let open = self.providers.credential_queries.iter().find(|(_, (of, _))| of == relay);
        if let Some((open, (_, abandoned_at))) = open.map(|(id, query)| (*id, query)) {
            assert!(self.now >= *abandoned_at, "{relay} has one open query at a time");
            self.providers.credential_queries.remove(&open);
        }
        let is_needed = self.providers.waiting.values().any(|waiting| waiting == relay);
        let carrying = self.carrying().filter(|session| session.dial.relay == *relay);
        match self.state {
            StateName::Live if is_needed => {}
            StateName::Live => {
                carrying.inspect(|session| self.check_renewal(session));
            }
            // A probe needs one.
            StateName::Joining => {
                assert!(carrying.is_none(), "no dial needs a credential for {relay}")
            }
            _ => assert!(is_needed, "no dial needs a credential for {relay}"),
        }
        let abandoned_at = self.now + self.config.directory.answer_timeout;
        self.providers.credential_queries.insert(query, (relay.clone(), abandoned_at));
    }

    /// The call queries another credential for a live session only shortly before its own expires.
    fn check_renewal(&self, session: &Session) {
        let presented =
            session.dial.presented.as_ref().expect("the relay was presented a credential");
        let expires = presented.expires.expect("a credential that never expires needs no other");
        let up_for = self.now.since(session.up_at);
        let left = expires.since(self.now);
        assert!(
            left <= LEAD.min(up_for),
            "the credential is valid for {left:?}, and the session is {up_for:?} old"
        );
        assert!(
            left.is_zero() || up_for >= self.config.policy.stable_after,
            "only a stable session is renewed before its credential expires"
        );
    }

    pub(super) fn note_attempt(&mut self, session: SessionId, relay: &String) {
        self.mint(session.0);
        self.newest_ids.sessions.push(session);
        assert!(self.relays().contains(relay), "{relay} is not on the relay list");
        let planned = self.handover.replacing.as_ref();
        if let Some(planned) = planned.filter(|planned| planned.attempts < ATTEMPTS_AT_RELAY) {
            let home = &planned.relay;
            let stays = home == relay || !self.relays().contains(home);
            assert!(stays, "the first attempts of a planned change stay at {home}");
        }
        self.providers.waiting.insert(session, relay.clone());
        self.check_races();
    }

    pub(super) fn note_dial(
        &mut self,
        session: SessionId,
        relay: &String,
        token: Option<&Token>,
        input: &Input,
    ) {
        assert!(self.providers.dialled.insert(session), "session {session} is dialled once");
        let announced = self.providers.waiting.remove(&session);
        let is_probe = announced.is_none();
        if let Some(announced) = announced {
            assert_eq!(announced, *relay, "an attempt dials the relay that it announced");
        } else {
            let up = matches!(self.state, StateName::Joining | StateName::Live);
            assert!(up, "only a call with a session sends a probe");
            let here = self.carrying().expect("a session that carries the call");
            assert_ne!(here.dial.relay, *relay, "a probe dials another relay");
            let missed = self.subscribed.values().any(|(participant, _)| !here.has(participant));
            assert!(missed, "a probe needs a missing participant");
            self.newest_id = self.newest_id.max(session.0);
            self.newest_ids.sessions.push(session);
        }
        assert_eq!(token.is_some(), self.config.directory.credentials);
        let presented = token.map(|token| {
            let held = self.providers.newest_credentials.get(relay).expect("a provider answered");
            assert_eq!(held.token, *token, "the newest credential is presented");
            let refused = self.providers.refused_ever.get(relay);
            let refused = refused.is_some_and(|refused| refused.contains(token));
            assert!(!refused, "{relay} is not presented a credential again that it refused");
            let until = self.now + self.config.policy.attempt_timeout;
            let fresh = matches!(input, Input::CredentialAnswered { .. });
            let lasts = held.expires.is_none_or(|at| until < at);
            assert!(
                fresh || lasts,
                "a credential that may expire during the dial is refreshed before it"
            );
            held.clone()
        });
        self.dials.insert(session, Dialled { relay: relay.clone(), is_probe, presented });
        self.check_races();
    }

    fn check_races(&self) {
        let most = usize::from(self.config.policy.racing).max(1);
        let waiting = if self.knows_waiting_attempts() { self.providers.waiting.len() } else { 0 };
        assert!(self.dials.len() + waiting <= most, "the number of racing attempts is bounded");
    }

    /// A renewal needs a new credential that is worth it.
    pub(super) fn check_worth_renewing(&self, input: &Input) {
        let answered = matches!(input, Input::CredentialAnswered { .. });
        assert!(
            answered && self.state == StateName::Live,
            "a renewal of a live session begins with a credential, not {input:?}"
        );
        let session = self.carrying().expect("a live session");
        assert!(self.gains(session), "the new credential is valid for longer");
    }

    /// Whether the newest credential is valid for enough longer than the session's.
    fn gains(&self, session: &Session) -> bool {
        let held = self
            .providers
            .newest_credentials
            .get(&session.dial.relay)
            .and_then(|held| held.expires);
        let presented = session.dial.presented.as_ref().and_then(|presented| presented.expires);
        presented.is_some_and(|presented| held.is_none_or(|held| held >= presented + GAIN))
    }

    /// In recovery, a refusal is final only when the relay has refused the next credential, too.
    pub(super) fn check_refused(&self, code: ErrorCode, input: &Input) {
        let (Input::DialFailed { cause, .. } | Input::SessionClosed { cause, .. }) = input else {
            return;
        };
        if self.config.directory.credentials && is_refusal(cause) {
            let twice = self.providers.refused_since_live.values().any(|refused| refused.len() > 1);
            assert!(twice || code == ErrorCode::RecoveryExhausted, "{code} after one refusal");
        }
    }

    /// The laws after an answer of the credential provider, and after a refusal by a relay.
    pub(super) fn check_credentials(&self, input: &Input) {
        let affected = self.providers.affected_relay.as_ref();
        match input {
            Input::CredentialAnswered { .. } | Input::CredentialFailed { .. } => {
                for (session, relay) in &self.providers.waiting {
                    let queried =
                        self.providers.credential_queries.values().any(|(of, _)| of == relay);
                    let known = self.knows_waiting_attempts();
                    assert!(queried || !known, "{session} waits without an open query");
                }
                let carrying = self.carrying().filter(|_| self.state == StateName::Live);
                let here = carrying.filter(|session| Some(&session.dial.relay) == affected);
                let gains = here.is_some_and(|session| self.gains(session));
                let pauses = self.now < self.providers.no_renewal_until;
                let begun = self.handover.replacing.is_some();
                assert!(
                    pauses || begun || !gains,
                    "a live session is renewed as soon as it can be"
                );
            }
            Input::DialFailed { cause, .. } | Input::SessionClosed { cause, .. }
                if is_refusal(cause) && self.state != StateName::Live =>
            {
                let refused =
                    affected.and_then(|relay| self.providers.refused_since_live.get(relay));
                let twice = refused.is_some_and(|refused| refused.len() > 1);
                let elsewhere = self.state == StateName::Joining;
                assert!(
                    self.ended || elsewhere || !twice,
                    "a second refusal in a row ends the call"
                );
            }
            _ => {}
        }
    }
}

fn is_refusal(cause: &Cause) -> bool {
    matches!(cause.kind, CauseKind::Unauthorized | CauseKind::CredentialExpired)
}
