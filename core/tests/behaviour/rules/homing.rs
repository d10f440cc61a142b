//! R13: a session that is up on another relay than home gives home a moment to answer, too.

use std::time::Duration;

use holdline_core::id::SessionId;
use holdline_core::{Input, Timestamp};

use super::Rules;

/// How long the moment is, at most.
const MOMENT: Duration = Duration::from_secs(1);

/// What is known of it since the call was set up, or since an incident began.
#[derive(Clone, Debug, Default)]
pub(super) struct Homing {
    second_best: Option<(SessionId, Timestamp)>,
    /// Whether there was a session.
    had_session: bool,
    /// Whether home was dialled without a pause.
    dialled: bool,
    /// Whether some of what waits for a credential was given up, and nobody outside can know which.
    unsure: bool,
}

impl Rules {
    /// Attempts begin anew.
    pub(super) fn note_campaign(&mut self) {
        self.homing = Homing::default();
    }

    /// A session is taken.
    pub(super) fn note_taken(&mut self) {
        self.homing = Homing { second_best: None, had_session: true, ..self.homing };
    }

    /// A session that is up is not taken.
    pub(super) fn note_second_best(&mut self, session: SessionId) {
        assert!(self.config.policy.racing > 1, "a session that is up is joined");
        assert!(!self.homing.had_session, "home is waited for once");
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
                assert_ne!(home, here, "it is another relay");
                self.note_others_given_up(&home);
            }
            ([], [_, ..]) => self.homing.unsure = true,
            _ => panic!("one relay is waited for: {dialled:?} {waiting:?}"),
        }
        self.homing.second_best = Some((session, self.now));
        self.homing.had_session = true;
    }

    /// Whether an attempt may begin without a pause because a session elsewhere is up.
    pub(super) fn may_dial_home(&mut self, relay: &String, input: &Input) -> bool {
        let connected = matches!(input, Input::Connected { .. });
        let may = connected && !self.homing.had_session && !self.homing.dialled;
        if may {
            self.homing.dialled = true;
            self.note_others_given_up(relay);
        }
        may
    }

    /// Attempts elsewhere that wait for a credential are given up, which nobody is told.
    fn note_others_given_up(&mut self, home: &String) {
        self.providers.waiting.retain(|_, relay| relay == home);
    }

    /// Whether it is known which attempts wait for a credential.
    pub(super) fn knows_who_waits(&self) -> bool {
        !self.homing.unsure
    }

    /// Whether that session waits for home.
    pub(super) fn is_second_best(&self, session: SessionId) -> bool {
        self.homing.second_best.is_some_and(|(second_best, _)| second_best == session)
    }

    /// How many sessions wait for home.
    pub(super) fn waiting_for_home(&self) -> usize {
        let Some((session, since)) = self.homing.second_best else { return 0 };
        let Some(waits) = self.sessions.get(&session) else { return 0 };
        let unused = waits.namespace_subscriptions.is_empty() && waits.publications.is_empty();
        assert!(unused, "nothing is asked for on a session that waits for home");
        assert!(!self.exact || self.now.since(since) < MOMENT, "since {since}");
        1
    }
}
