//! The legs of a call, side by side.

use alloc::vec::Vec;

use super::Session;
use super::leg::{Leg, Phase, Role, Stage};
use crate::api::id::{SessionId, SubscriptionId, TrackId};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::subscribe::{Source, Subscription};

/// The legs of a call, in the order of their dials. A leg that is gone is not in the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Legs(Vec<Leg>);

impl Legs {
    /// Adds a leg without spare capacity: legs are few, large, and seldom added.
    pub(crate) fn add(&mut self, leg: Leg) -> &mut Leg {
        self.0.reserve_exact(1);
        self.0.push(leg);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Leg> {
        self.0.iter_mut().find(|leg| leg.id == id)
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Leg> {
        let index = self.0.iter().position(|leg| leg.id == id)?;
        Some(self.0.remove(index))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter()
    }

    pub(crate) fn with(&self, role: Role) -> impl Iterator<Item = &Leg> {
        self.0.iter().filter(move |leg| leg.role == role)
    }

    pub(crate) fn first_where(&self, is_one: impl Fn(&Leg) -> bool) -> Option<SessionId> {
        self.0.iter().find(|leg| is_one(leg)).map(|leg| leg.id)
    }

    /// The first leg with a role that `is_one`.
    pub(crate) fn find(&self, role: Role, is_one: impl Fn(&Leg) -> bool) -> Option<&Leg> {
        self.with(role).find(|leg| is_one(leg))
    }

    pub(crate) fn with_mut(&mut self, role: Role) -> impl Iterator<Item = &mut Leg> {
        self.0.iter_mut().filter(move |leg| leg.role == role)
    }

    /// The dials that wait for the credential of `relay`.
    pub(crate) fn waiting_for(&mut self, relay: &str) -> impl Iterator<Item = &mut Leg> {
        self.0.iter_mut().filter(move |leg| leg.waits_for(relay))
    }

    /// When the first leg with a role has dialled or waited for long enough.
    pub(crate) fn first_until(&self, role: Role) -> Option<Timestamp> {
        self.with(role).filter_map(Leg::until).min()
    }

    /// Closes the legs with a role that `is_one`; returns how many they were.
    pub(crate) fn close_where(
        &mut self,
        role: Role,
        is_one: impl Fn(&Leg) -> bool,
        cx: &mut Context<'_>,
    ) -> u64 {
        let is_one = |leg: &mut Leg| leg.role == role && is_one(leg);
        self.0.extract_if(.., is_one).map(|leg| leg.close(cx)).count() as u64
    }

    /// Closes every leg: the call is over.
    pub(crate) fn close_all(&mut self, cx: &mut Context<'_>) {
        for leg in core::mem::take(&mut self.0) {
            leg.close(cx);
        }
    }
}

/// The legs whose sessions were given our requests.
impl Legs {
    pub(crate) fn open(&self) -> impl Iterator<Item = (&Leg, &Session, Stage)> {
        self.0.iter().filter_map(|leg| match &leg.phase {
            Phase::Open(session, stage) => Some((leg, &**session, *stage)),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        })
    }

    pub(crate) fn sessions_mut(&mut self) -> impl Iterator<Item = (&mut Session, Stage)> {
        self.0.iter_mut().filter_map(|leg| match &mut leg.phase {
            Phase::Open(session, stage) => Some((&mut **session, *stage)),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        })
    }

    /// An open leg: its role, its session, and how that stands.
    pub(crate) fn open_mut(&mut self, id: SessionId) -> Option<(Role, &mut Session, Stage)> {
        let leg = self.get_mut(id)?;
        match &mut leg.phase {
            Phase::Open(session, stage) => Some((leg.role, session, *stage)),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        }
    }

    pub(crate) fn session_mut(&mut self, id: SessionId) -> Option<(&mut Session, Stage)> {
        self.sessions_mut().find(|(session, _)| session.id == id)
    }

    /// The legs that must have all our requests: the active one if its path carries, and its
    /// successor.
    pub(crate) fn attachable(&self) -> [Option<SessionId>; 2] {
        let fed = |leg: Option<&Leg>| leg.filter(|leg| leg.is_fed()).map(|leg| leg.id);
        [fed(self.active()), fed(self.successor())]
    }

    /// Whether frames and answers are sent on a session.
    pub(crate) fn is_fed(&self, id: SessionId) -> bool {
        self.get(id).is_some_and(Leg::is_fed)
    }

    /// Whether a track flows on another session than `except`.
    pub(crate) fn flows_elsewhere(&self, track: TrackId, except: SessionId) -> bool {
        self.open().any(|(leg, session, _)| {
            leg.id != except
                && leg.is_fed()
                && session.requests.subscription(track).is_some_and(Subscription::is_ready)
        })
    }

    /// The track of a subscription, and its session.
    pub(crate) fn subscribed_by(&self, id: SubscriptionId) -> Option<(TrackId, SessionId)> {
        self.open().find_map(|(leg, session, _)| {
            session.requests.subscription_by(id).map(|subscription| (subscription.track, leg.id))
        })
    }

    /// A track as it comes from one session.
    pub(crate) fn source(&mut self, track: TrackId, session: SessionId) -> Option<Source<'_>> {
        let elsewhere = self.flows_elsewhere(track, session);
        let up = self.is_fed(session);
        let (open, _) = self.session_mut(session)?;
        let subscription = open.requests.subscription_mut(track)?;
        Some(Source { session, subscription, up, elsewhere })
    }

    /// The subscriptions to a track on all sessions.
    pub(crate) fn subscriptions_to(
        &mut self,
        track: TrackId,
    ) -> impl Iterator<Item = &mut Subscription> {
        self.sessions_mut().filter_map(move |(session, _)| session.requests.subscription_mut(track))
    }
}

/// The leg that carries the call, or did so last, and its successor.
impl Legs {
    pub(crate) fn active(&self) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.role == Role::Active)
    }

    pub(crate) fn active_mut(&mut self) -> Option<&mut Leg> {
        self.0.iter_mut().find(|leg| leg.role == Role::Active)
    }

    pub(crate) fn successor(&self) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.role == Role::Successor)
    }

    pub(crate) fn stage(&self) -> Option<Stage> {
        self.attached().map(|(_, stage)| stage)
    }

    pub(crate) fn set_stage(&mut self, to: Stage) {
        if let Some(Leg { phase: Phase::Open(_, stage), .. }) = self.active_mut() {
            *stage = to;
        }
    }

    /// The session that carries the application's requests, if there is one.
    pub(crate) fn current(&self) -> Option<&Session> {
        self.attached().filter(|(_, stage)| *stage != Stage::Suspect).map(|(session, _)| session)
    }

    /// The same session, mutably.
    pub(crate) fn current_mut(&mut self) -> Option<&mut Session> {
        let attached = self.attached_mut();
        attached.filter(|(_, stage)| *stage != Stage::Suspect).map(|(session, _)| session)
    }

    /// The session of the active leg, whether it carries the call or may come back.
    pub(crate) fn attached(&self) -> Option<(&Session, Stage)> {
        match &self.active()?.phase {
            Phase::Open(session, stage) => Some((session, *stage)),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        }
    }

    /// The same session, mutably.
    pub(crate) fn attached_mut(&mut self) -> Option<(&mut Session, Stage)> {
        match &mut self.active_mut()?.phase {
            Phase::Open(session, stage) => Some((session, *stage)),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        }
    }

    /// Whether the successor has all that the active leg has: each track that flows there is ready.
    pub(crate) fn successor_lacks_nothing(&self) -> bool {
        let (Some(active), Some(successor)) =
            (self.attached(), self.open().find(|(leg, ..)| leg.role == Role::Successor))
        else {
            return false;
        };
        let requests = &successor.1.requests;
        let has = |track| requests.subscription(track).is_some_and(Subscription::is_ready);
        let mut flowing = active.0.requests.subscriptions().iter().filter(|s| s.is_ready());
        requests.are_agreed() && requests.are_decided() && flowing.all(|s| has(s.track))
    }
}
