//! R32: what whoever knows relays and credentials is asked, and what relays are shown of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdline_core::credential::{Credential, Token};
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::{QueryId, SessionId};
use holdline_core::{Input, StateName, Timestamp};

use super::{Rules, Session};

/// A credential is asked for so long before the one that a session has expires, at most.
const LEAD: Duration = Duration::from_secs(30);
/// A session is replaced for a credential that is valid for so much longer, at least.
const GAIN: Duration = Duration::from_secs(5);
/// So often the renewal of a session is tried where it is, before it is tried elsewhere.
const STAYS: u32 = 4;
/// How long a renewal that was in vain is not tried again, at most.
const REST: Duration = Duration::from_secs(30);

/// What a relay was dialled with.
#[derive(Clone, Debug)]
pub struct Dialled {
    pub relay: String,
    /// It looks for the others, and carries nothing.
    looks: bool,
    shown: Option<Shown>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    token: Token,
    expires: Option<Timestamp>,
}

/// What was asked and answered.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// The open question for relays, and when it is forgotten.
    pub asked_for_relays: Option<(QueryId, Timestamp)>,
    /// The newest list, and until when it is valid.
    list: Option<(Vec<String>, Timestamp)>,
    /// The open questions for credentials: for which relay, and when they are forgotten.
    pub asked: BTreeMap<QueryId, (String, Timestamp)>,
    /// The newest credential for each relay.
    held: BTreeMap<String, Shown>,
    /// Those that it refused.
    unwelcome: BTreeMap<String, Vec<Token>>,
    /// Those of them that it was shown to get the call up again, each when it was the newest.
    refused: BTreeMap<String, Vec<Token>>,
    /// Until when the renewal of a session may rest.
    rests_until: Timestamp,
    /// Attempts that have begun and wait for the credential of a relay.
    pub waiting: BTreeMap<SessionId, String>,
    dialled: BTreeSet<SessionId>,
    /// The relay that the last input gave a credential for, or that has refused its newest one.
    concerned: Option<String>,
}

impl Rules {
    pub(super) fn relays(&self) -> &[String] {
        self.providers.list.as_ref().map_or(&self.config.relays, |(list, _)| list)
    }

    /// The session that carries the call: a later one only looks for the others.
    fn carrying(&self) -> Option<&Session> {
        self.sessions.values().next()
    }

    /// The application says which relays there are; whether it was asked.
    pub(super) fn note_relays(&mut self, request: QueryId, relays: &[String]) -> bool {
        let asked = self.providers.asked_for_relays.is_some_and(|(asked, _)| asked == request);
        if asked {
            self.providers.asked_for_relays = None;
            if !relays.is_empty() {
                let until = self.now + self.config.directory.lifetime;
                self.providers.list = Some((relays.to_vec(), until));
            }
        }
        asked
    }

    /// The application has a credential, or none; whether it was asked for one.
    pub(super) fn note_credential(
        &mut self,
        request: QueryId,
        credential: Option<&Credential>,
    ) -> bool {
        self.providers.concerned = None;
        let Some((relay, _)) = self.providers.asked.remove(&request) else { return false };
        if let Some(Credential { token, valid_for }) = credential {
            let expires = valid_for.map(|valid_for| self.now + valid_for);
            let shown = Shown { token: token.clone(), expires };
            self.providers.concerned = Some(relay.clone());
            self.providers.held.insert(relay, shown);
        }
        true
    }

    /// A relay that was shown this does not want us, perhaps because of it.
    pub(super) fn note_refusal(&mut self, dial: Dialled, cause: &Cause) {
        self.providers.concerned = None;
        let newest = self.providers.held.get(&dial.relay);
        if is_refusal(cause)
            && let Some(shown) = dial.shown.filter(|shown| newest == Some(shown))
        {
            let relay = dial.relay;
            self.providers.concerned = Some(relay.clone());
            self.providers.unwelcome.entry(relay.clone()).or_default().push(shown.token.clone());
            if !dial.looks {
                let refused = self.providers.refused.entry(relay).or_default();
                if !refused.contains(&shown.token) {
                    refused.push(shown.token);
                }
            }
        }
    }

    /// A session carries the call. What was refused before that does not count any more.
    pub(super) fn note_let_in(&mut self) {
        self.providers.refused.clear();
    }

    /// A session carries the call, perhaps one that has found the others.
    pub(super) fn note_carrying(&mut self) {
        if let Some(carrying) = self.sessions.values_mut().next() {
            carrying.dial.looks = false;
        }
    }

    /// The session that was to be renewed is kept.
    pub(super) fn note_kept(&mut self) {
        self.providers.rests_until = self.now + REST;
    }

    pub(super) fn note_question_for_relays(&mut self, request: QueryId) {
        self.mint(request.0);
        assert!(self.config.directory.provider, "there is somebody to ask");
        let asked = self.providers.asked_for_relays;
        assert!(asked.is_none_or(|(_, forgotten)| self.now >= forgotten), "one at a time");
        let valid = |(_, until): &(_, Timestamp)| self.now < *until;
        assert!(!self.providers.list.as_ref().is_some_and(valid), "there is a list already");
        let forgotten = self.now + self.config.directory.answer_timeout;
        self.providers.asked_for_relays = Some((request, forgotten));
    }

    pub(super) fn note_remembered(&self, relays: &[String]) {
        assert_eq!(relays, self.relays(), "what was answered is what is remembered");
    }

    pub(super) fn note_question(&mut self, request: QueryId, relay: &String) {
        self.mint(request.0);
        assert!(self.config.directory.credentials, "there is somebody to ask");
        let open = self.providers.asked.iter().find(|(_, (of, _))| of == relay);
        if let Some((open, (_, forgotten))) = open.map(|(id, asked)| (*id, asked)) {
            assert!(self.now >= *forgotten, "one at a time for {relay}");
            self.providers.asked.remove(&open);
        }
        let waited_for = self.providers.waiting.values().any(|waits| waits == relay);
        let carrying = self.carrying().filter(|session| session.dial.relay == *relay);
        match self.state {
            StateName::Live => {
                carrying.inspect(|session| self.check_renewal(session));
            }
            // To look for the others.
            StateName::Joining => assert!(carrying.is_none(), "nobody needs one for {relay}"),
            _ => assert!(waited_for, "nobody needs one for {relay}"),
        }
        let forgotten = self.now + self.config.directory.answer_timeout;
        self.providers.asked.insert(request, (relay.clone(), forgotten));
    }

    /// For a session that is live another credential is asked for when it is time to, and not before.
    fn check_renewal(&self, session: &Session) {
        let shown = session.dial.shown.as_ref().expect("it was shown one");
        let expires = shown.expires.expect("what never expires needs no other");
        let up_for = self.now.since(session.up_at);
        let left = expires.since(self.now);
        assert!(left <= LEAD.min(up_for), "{left:?} are left, and it is up for {up_for:?}");
        assert!(left.is_zero() || up_for >= self.config.policy.stable_after, "it is not stable");
    }

    pub(super) fn note_attempt(&mut self, session: SessionId, relay: &String) {
        self.mint(session.0);
        self.lately.sessions.push(session);
        assert!(self.relays().contains(relay), "{relay} is no relay that is known");
        let renews = self.incident.as_ref().filter(|incident| incident.attempts < STAYS);
        if let Some(home) = renews.and_then(|incident| incident.renews.as_ref()) {
            let there = home == relay || !self.relays().contains(home);
            assert!(there, "to be renewed is no reason to leave {home}");
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
        assert!(self.providers.dialled.insert(session), "{session} is dialled once");
        let waited = self.providers.waiting.remove(&session);
        let looks = waited.is_none();
        if let Some(waits) = waited {
            assert_eq!(waits, *relay, "an attempt is made where it was announced");
        } else {
            let up = matches!(self.state, StateName::Joining | StateName::Live);
            assert!(up, "who has no session does not look for others");
            let here = self.carrying().expect("up");
            assert_ne!(here.dial.relay, *relay, "the others are not here");
            let missed = self.subscribed.values().any(|(participant, _)| !here.has(participant));
            assert!(missed, "everybody is here");
            self.newest_id = self.newest_id.max(session.0);
            self.lately.sessions.push(session);
        }
        assert_eq!(token.is_some(), self.config.directory.credentials);
        let shown = token.map(|token| {
            let held = self.providers.held.get(relay).expect("somebody was asked");
            assert_eq!(held.token, *token, "the newest is shown");
            let refused = self.providers.unwelcome.get(relay);
            let refused = refused.is_some_and(|refused| refused.contains(token));
            assert!(!refused, "what {relay} has refused is shown to it no more");
            let until = self.now + self.config.policy.attempt_timeout;
            let fresh = matches!(input, Input::CredentialAnswered { .. });
            let lasts = held.expires.is_none_or(|at| until < at);
            assert!(fresh || lasts, "what may expire during the dial is refreshed before it");
            held.clone()
        });
        self.dials.insert(session, Dialled { relay: relay.clone(), looks, shown });
        self.check_races();
    }

    fn check_races(&self) {
        let most = usize::from(self.config.policy.racing).max(1);
        let waiting = if self.knows_who_waits() { self.providers.waiting.len() } else { 0 };
        assert!(self.dials.len() + waiting <= most, "races are bounded");
    }

    /// A session is to be renewed: there must be something to renew it with. Which relay it is at.
    pub(super) fn is_worth_renewing(&self, input: &Input) -> String {
        let answered = matches!(input, Input::CredentialAnswered { .. });
        assert!(answered && self.state == StateName::Live, "there is a credential now: {input:?}");
        let session = self.carrying().expect("live");
        assert!(self.gains(session), "it is worth it");
        session.dial.relay.clone()
    }

    /// Whether the newest credential lets a session last longer.
    fn gains(&self, session: &Session) -> bool {
        let held = self.providers.held.get(&session.dial.relay).and_then(|held| held.expires);
        let shown = session.dial.shown.as_ref().and_then(|shown| shown.expires);
        shown.is_some_and(|shown| held.is_none_or(|held| held >= shown + GAIN))
    }

    /// In recovery, a refused credential is final only when the relay has refused the one after it as well.
    pub(super) fn check_refused(&self, code: ErrorCode, input: &Input) {
        let (Input::DialFailed { cause, .. } | Input::SessionClosed { cause, .. }) = input else {
            return;
        };
        if self.config.directory.credentials && is_refusal(cause) {
            let twice = self.providers.refused.values().any(|refused| refused.len() > 1);
            assert!(twice || code == ErrorCode::RecoveryExhausted, "{code} after one refusal");
        }
    }

    /// What must be so after an input that brought a credential, or the news that there is none.
    pub(super) fn expect_of_credentials(&self, input: &Input) {
        let concerned = self.providers.concerned.as_ref();
        match input {
            Input::CredentialAnswered { .. } | Input::CredentialFailed { .. } => {
                for (session, relay) in &self.providers.waiting {
                    let asked = self.providers.asked.values().any(|(of, _)| of == relay);
                    let known = self.knows_who_waits();
                    assert!(asked || !known, "{session} waits for what nobody was asked for");
                }
                let carrying = self.carrying().filter(|_| self.state == StateName::Live);
                let here = carrying.filter(|session| Some(&session.dial.relay) == concerned);
                let gains = here.is_some_and(|session| self.gains(session));
                let rests = self.now < self.providers.rests_until;
                assert!(rests || !gains, "a live session is renewed when it can be");
            }
            Input::DialFailed { cause, .. } | Input::SessionClosed { cause, .. }
                if is_refusal(cause) && self.state != StateName::Live =>
            {
                let refused = concerned.and_then(|relay| self.providers.refused.get(relay));
                let twice = refused.is_some_and(|refused| refused.len() > 1);
                let elsewhere = self.state == StateName::Joining;
                assert!(self.ended || elsewhere || !twice, "refused twice in a row is final");
            }
            _ => {}
        }
    }
}

fn is_refusal(cause: &Cause) -> bool {
    matches!(cause.kind, CauseKind::Unauthorized | CauseKind::CredentialExpired)
}
