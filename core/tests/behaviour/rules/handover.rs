//! Planned changes: a session that works is replaced without an incident, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdline_core::error::CauseKind;
use holdline_core::id::{SessionId, SubscriptionId};
use holdline_core::media::Location;
use holdline_core::{Input, StateName, Timestamp};

use super::{Budget, Followed, Rules, Session};

/// How long a session that was replaced is fed, at most.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// A planned change that is under way.
#[derive(Clone, Debug)]
pub(super) struct Replacing {
    pub(super) since: Timestamp,
    pub(super) attempts: u32,
    /// The relay of the session that is replaced.
    pub(super) relay: String,
}

/// Which session carries the call, and which ones are beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Handover {
    carrying: Option<SessionId>,
    pub(super) replacing: Option<Replacing>,
    /// The session that is joined while another one carries the call.
    successor: Option<SessionId>,
    /// The sessions that were replaced, and since when they drain.
    draining: BTreeMap<SessionId, Timestamp>,
    /// The sessions that were sent the frame of the last input, and its Location.
    fed: BTreeSet<SessionId>,
    fed_at: Option<Location>,
}

impl Handover {
    pub(super) fn begin_input(&mut self) {
        self.fed.clear();
        self.fed_at = None;
    }
}

impl Budget {
    /// A session that had been live for `up` is left.
    pub(super) fn earn(&mut self, up: Duration, attempts: u32, stable_after: Duration) {
        if up >= stable_after {
            *self = Self::default();
            return;
        }
        let share = u128::from(attempts) * up.as_micros();
        let earned = share / stable_after.as_micros();
        self.earned += u32::try_from(earned).expect("a share of the attempts");
    }
}

impl Rules {
    pub(super) fn carrying_id(&self) -> Option<SessionId> {
        let Handover { carrying, successor, draining, .. } = &self.handover;
        let open = |id: &SessionId| self.sessions.contains_key(id);
        let known = carrying.filter(open).or(successor.filter(open));
        known.or_else(|| self.sessions.keys().find(|id| !draining.contains_key(id)).copied())
    }

    /// The session that carries the call may be another one since the last input.
    pub(super) fn settle_carrying(&mut self) {
        self.handover.carrying = self.carrying_id();
        self.handover.successor.take_if(|id| Some(*id) == self.handover.carrying);
    }

    /// The session that carries the call.
    pub(super) fn carrying(&self) -> Option<&Session> {
        self.sessions.get(&self.carrying_id()?)
    }

    /// Whether a session works beside the one that carries the call: it is joined to replace it, or
    /// was replaced by it.
    pub(super) fn is_beside(&self, session: SessionId) -> bool {
        let is_successor = self.handover.successor == Some(session);
        self.handover.draining.contains_key(&session)
            || is_successor && self.carrying_id() != Some(session)
    }

    pub(super) fn sessions_beside(&self) -> usize {
        self.sessions.keys().filter(|session| self.is_beside(**session)).count()
    }

    /// Whether objects may be sent on a session.
    pub(super) fn may_be_fed(&self, session: SessionId) -> bool {
        let up = matches!(self.state, StateName::Joining | StateName::Live);
        up || self.is_beside(session)
    }

    /// Whether a session that has connected is held, although another one carries the call.
    pub(super) fn is_candidate_of_planned_change(&self, session: SessionId) -> bool {
        self.handover.replacing.is_some()
            && self.state == StateName::Live
            && self.carrying_id() != Some(session)
            && !self.is_beside(session)
            && self.sessions[&session].namespace_subscriptions.is_empty()
    }

    pub(super) fn note_succeeded(&mut self, session: SessionId) {
        if self.handover.replacing.is_some() && self.state == StateName::Live {
            assert!(self.carrying_id() != Some(session), "the old session stays");
            self.handover.successor = Some(session);
            self.note_session_taken();
            self.providers.waiting.clear();
        } else {
            self.handover.carrying = Some(session);
        }
    }

    pub(super) fn note_replacing(&mut self, cause: CauseKind, input: &Input) {
        assert_eq!(self.state, StateName::Live, "only a live session is replaced as planned");
        assert!(self.incident.is_none() && self.handover.replacing.is_none());
        match cause {
            CauseKind::Requested => assert_eq!(*input, Input::ReconnectNow),
            CauseKind::CredentialRenewed => self.check_worth_renewing(input),
            other => panic!("no planned change is caused by {other:?}"),
        }
        self.note_attempts_begin();
        if self.now.since(self.live_since) >= self.config.policy.stable_after {
            self.planned_budget = Budget::default();
        }
        let relay = self.carrying().expect("a live session").dial.relay.clone();
        self.handover.replacing = Some(Replacing { since: self.now, attempts: 0, relay });
        self.last_attempt = None;
    }

    pub(super) fn note_replaced(&mut self, duration: Duration) {
        let replacing = self.handover.replacing.take().expect("a planned change is under way");
        assert_eq!(duration, self.now.since(replacing.since));
        let old = self.carrying_id().expect("the session that carried the call");
        let new = self.handover.successor.take().expect("the session that takes over");
        assert_ne!(old, new);
        assert!(
            self.is_agreed(&self.sessions[&new]),
            "the relay has accepted what a session needs"
        );
        let (old_tracks, new_tracks) = (&self.sessions[&old], &self.sessions[&new]);
        for track in old_tracks.subscriptions.values() {
            let gone = !old_tracks.has(&track.0) || !new_tracks.has(&track.0);
            let there = new_tracks.subscriptions.values().any(|other| other == track);
            assert!(there || gone, "{track:?} is subscribed to on the session that takes over");
        }
        self.handover.draining.insert(old, self.now);
        self.handover.carrying = Some(new);
        self.earn_budgets();
        self.live_since = self.now;
        self.providers.waiting.clear();
        self.note_session_accepted();
    }

    pub(super) fn note_kept(&mut self) {
        let replacing = self.handover.replacing.take().expect("a planned change is under way");
        self.handover.successor = None;
        self.planned_budget.used -= replacing.attempts;
        self.providers.waiting.clear();
        self.note_session_kept();
    }

    pub(super) fn earn_budgets(&mut self) {
        let (policy, up) = (&self.config.policy, self.now.since(self.live_since));
        for budget in [&mut self.budget, &mut self.planned_budget] {
            budget.earn(up, policy.attempts, policy.stable_after);
        }
    }

    /// One frame goes once to each session, at one Location.
    pub(super) fn note_fed(&mut self, session: SessionId, location: Location) -> bool {
        assert!(self.may_be_fed(session), "no objects are sent on a silent path");
        assert!(self.handover.fed.insert(session), "a frame is sent once on {session}");
        let first = self.handover.fed_at.is_none();
        let at = *self.handover.fed_at.get_or_insert(location);
        assert_eq!(at, location, "a frame has one Location on all sessions");
        first
    }

    /// Every session that can be fed was sent the frame.
    pub(super) fn check_fed(&self, input: &Input) {
        let Input::Send { track, .. } = input else { return };
        let Some(name) = self.published.get(track).filter(|name| !self.finished.contains(*name))
        else {
            return;
        };
        for (id, session) in &self.sessions {
            let offered = session.publications.values().any(|other| other == name);
            if offered && self.may_be_fed(*id) {
                assert!(self.handover.fed.contains(id), "{id} was not sent a frame of {name}");
            }
        }
    }

    pub(super) fn follow(&mut self, id: SubscriptionId) -> Option<&mut Followed> {
        self.sessions.values_mut().find_map(|session| session.followed.get_mut(&id))
    }

    /// A subscription that flows is ended only for another one of the track, or if the track, or
    /// the namespace that it is under, is gone.
    pub(super) fn check_unsubscribed(&mut self, id: SubscriptionId, input: &Input) {
        let has = |session: &&mut Session| session.subscriptions.contains_key(&id);
        let session = self.sessions.values_mut().find(has);
        let session = session.expect("a subscription is ended once, while it is open");
        let wanted = session.subscriptions.remove(&id).expect("an open subscription");
        let followed = session.followed.remove(&id).expect("an open subscription");
        let mut reported =
            session.namespace_subscriptions.values().filter(|n| n.participant == wanted.0);
        let announced = reported.any(|reported| reported.epochs.contains(&followed.epoch));
        let listens = self.subscribed.iter().any(|(track, other)| {
            let over = self.closed_tracks.contains(track) || self.over_tracks.contains(track);
            *other == wanted && !over
        });
        let left = matches!(input, Input::Unsubscribe { .. } | Input::EndOfTrack { .. });
        let dead = matches!(input, Input::FetchEnded { .. });
        if followed.flows && announced && listens && !left && !dead {
            let other = self.sessions.values().any(|session| {
                session
                    .subscriptions
                    .iter()
                    .any(|(other, track)| *track == wanted && session.followed[other].is_alive())
            });
            assert!(other, "{wanted:?} is unsubscribed from, and does not flow elsewhere");
        }
    }

    pub(super) fn check_handover(&self, open: u64) {
        assert_eq!(open, u64::from(self.handover.replacing.is_some()));
        for (session, since) in &self.handover.draining {
            let drains = self.now.since(*since);
            let over = drains > LONGEST_DRAIN + Duration::from_millis(1);
            let closed = !self.sessions.contains_key(session);
            assert!(closed || !over || !self.exact, "{session} drains for {drains:?}");
        }
    }
}
