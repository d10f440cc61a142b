//! The legs of a call: connections to relays side by side, each from its dial to its end. A session
//! that is up has a path, a credential, and what it was asked.

mod credential_renewal;
mod leg;
mod legs;
mod migration;
mod path_liveness;
mod requests;

use alloc::vec::Vec;

use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::participants::Namespaces;

use migration::Migration;
use path_liveness::PathLiveness;

pub(crate) use credential_renewal::CredentialRenewal;
pub(crate) use leg::{Leg, Phase, Role, Stage};
pub(crate) use legs::Legs;
pub(crate) use path_liveness::Counters;
pub(crate) use requests::Requests;

/// A session that was given our requests.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// That of its leg.
    pub(crate) id: SessionId,
    /// `None` if the credential that the relay was presented never expires.
    pub(crate) renewal: Option<CredentialRenewal>,
    pub(crate) path_liveness: PathLiveness,
    pub(crate) migration: Migration,
    pub(crate) requests: Requests,
}

impl Session {
    /// `participants`: the namespaces that the session has been asked for already.
    fn new(
        id: SessionId,
        expires: Option<Timestamp>,
        participants: Vec<Namespaces>,
        cx: &Context<'_>,
    ) -> Self {
        let stable = cx.config.policy.stable_after;
        Self {
            id,
            renewal: expires.map(|expires| CredentialRenewal::new(expires, cx.now, stable)),
            path_liveness: PathLiveness::new(cx.now, cx.config.probe_interval),
            migration: Migration::default(),
            requests: Requests::new(participants),
        }
    }

    /// When the next path probe or migration is due.
    pub(crate) fn path_deadline(&self) -> Timestamp {
        let probe = self.path_liveness.deadline();
        self.migration.deadline().map_or(probe, |migrate| migrate.min(probe))
    }

    /// Probes the path, and migrates to another one, if that is due.
    pub(crate) fn advance_path(&mut self, incident: Option<IncidentId>, cx: &mut Context<'_>) {
        self.path_liveness.advance(self.id, cx);
        if self.migration.advance(self.id, cx) {
            cx.telemetry.migrations += 1;
            cx.out.event(Event::PathMigrating { incident });
        }
    }
}
