//! The legs of a call, side by side.

use alloc::vec::Vec;

use super::Session;
use super::leg::{Leg, Phase, Role, Stage};
use crate::api::id::SessionId;
use crate::api::time::Timestamp;
use crate::context::Context;

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

    pub(crate) fn with(&self, role: Role) -> impl Iterator<Item = &Leg> {
        self.0.iter().filter(move |leg| leg.role == role)
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

/// The leg that carries the call, or did so last.
impl Legs {
    pub(crate) fn active(&self) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.role == Role::Active)
    }

    pub(crate) fn active_mut(&mut self) -> Option<&mut Leg> {
        self.0.iter_mut().find(|leg| leg.role == Role::Active)
    }

    pub(crate) fn stage(&self) -> Option<Stage> {
        match self.active()?.phase {
            Phase::Open(_, stage) => Some(stage),
            Phase::Dialing { .. } | Phase::Reached { .. } => None,
        }
    }

    pub(crate) fn set_stage(&mut self, to: Stage) {
        if let Some(Leg { phase: Phase::Open(_, stage), .. }) = self.active_mut() {
            *stage = to;
        }
    }

    /// The session that carries the application's requests, if there is one.
    pub(crate) fn current(&self) -> Option<&Session> {
        match &self.active()?.phase {
            Phase::Open(session, Stage::Joining { .. } | Stage::Up { .. }) => Some(session),
            Phase::Open(_, Stage::Suspect | Stage::Replaced)
            | Phase::Dialing { .. }
            | Phase::Reached { .. } => None,
        }
    }

    /// The same session, mutably.
    pub(crate) fn current_mut(&mut self) -> Option<&mut Session> {
        match &mut self.active_mut()?.phase {
            Phase::Open(session, Stage::Joining { .. } | Stage::Up { .. }) => Some(session),
            Phase::Open(_, Stage::Suspect | Stage::Replaced)
            | Phase::Dialing { .. }
            | Phase::Reached { .. } => None,
        }
    }

    /// The session that holds our requests, whether it carries the call or may come back.
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
}
