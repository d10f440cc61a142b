//! R13: a session on another relay than home is held for a moment, so that home can answer, too.

use std::time::Duration;

use holdline_core::id::SessionId;
use holdline_core::{Input, Timestamp};

use super::Rules;

/// How long a session elsewhere is held for home, at most.
const HOME_WAIT: Duration = Duration::from_secs(1);

/// What the attempts of a setup, or of an incident, have shown about home so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Homing {
    /// The session that is held on a fallback relay, and since when.
    fallback_session: Option<(SessionId, Timestamp)>,
    /// Whether an attempt has become a session.
    had_session: bool,
    /// Whether an attempt at home began without a pause.
    dialled: bool,
    /// Whether the call abandoned attempts that wait for a credential. No output tells which ones.
    unsure: bool,
}

impl Rules {
    /// A setup or an incident begins its attempts.
    pub(super) fn note_attempts_begin(&mut self) {
        self.homing = Homing::default();
    }

    /// The call joins on a session.
    pub(super) fn note_session_taken(&mut self) {
        self.homing = Homing { fallback_session: None, had_session: true, ..self.homing };
    }

    /// A session connected, but the call does not join on it: it is held for home.
    pub(super) fn note_fallback_session(&mut self, session: SessionId) {
        assert!(
            self.config.policy.racing > 1,
            "without racing, the call joins on the first session"
        );
        assert!(!self.homing.had_session, "a session is held for home once");
        let here = self.sessions[&session].dial.relay.clone();
        self.providers.waiting.retain(|_, relay| *relay != here);
        let mut dialled: Vec<&String> = self.dials.values().map(|dial| &dial.relay).collect();
        dialled.dedup();
        let mut waiting: Vec<&String> = self.providers.waiting.values().collect();
        waiting.sort();
        waiting.dedup();
        match (&dialled[..], &waiting[..]) {
            ([home], _) | ([], [home]) => {
                let home = (*home).clone();
                assert_ne!(home, here, "the held session is on another relay than home");
                self.note_other_attempts_abandoned(&home);
            }
            ([], [_, ..]) => self.homing.unsure = true,
            _ => panic!("a session is held for one relay, not {dialled:?} {waiting:?}"),
        }
        self.homing.fallback_session = Some((session, self.now));
        self.homing.had_session = true;
    }

    /// Whether an attempt may begin without a pause because a session elsewhere has connected.
    pub(super) fn may_dial_home(&mut self, relay: &String, input: &Input) -> bool {
        let connected = matches!(input, Input::Connected { .. });
        let may = connected && !self.homing.had_session && !self.homing.dialled;
        if may {
            self.homing.dialled = true;
            self.note_other_attempts_abandoned(relay);
        }
        may
    }

    /// The call abandons attempts elsewhere that wait for a credential. It emits no event for that.
    fn note_other_attempts_abandoned(&mut self, home: &String) {
        self.providers.waiting.retain(|_, relay| relay == home);
    }

    /// Whether the rules know which attempts wait for a credential.
    pub(super) fn knows_waiting_attempts(&self) -> bool {
        !self.homing.unsure
    }

    /// Whether that session is held for home.
    pub(super) fn is_fallback_session(&self, session: SessionId) -> bool {
        self.homing
            .fallback_session
            .is_some_and(|(fallback_session, _)| fallback_session == session)
    }

    /// How many sessions are held for home: none, or one.
    pub(super) fn sessions_waiting_for_home(&self) -> usize {
        let Some((session, since)) = self.homing.fallback_session else { return 0 };
        let Some(held) = self.sessions.get(&session) else { return 0 };
        let unused = held.namespace_subscriptions.is_empty() && held.publications.is_empty();
        assert!(unused, "the call requests nothing on a session that is held for home");
        assert!(
            !self.exact || self.now.since(since) < HOME_WAIT,
            "the session is held for home since {since}"
        );
        1
    }
}
