//! A session that is up: its relay, its path, its credential, and what it was asked.

mod credential_renewal;
mod migration;
mod path_liveness;
mod requests;

use alloc::string::String;

use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::connect::{CredentialVersion, Dial};
use crate::context::Context;
use crate::participants::Rendezvous;

use migration::Migration;
use path_liveness::PathLiveness;

pub(crate) use credential_renewal::CredentialRenewal;
pub(crate) use path_liveness::Counters;
pub(crate) use requests::Requests;

/// The move of the call to a relay where it meets a peer.
#[derive(Clone, Debug)]
pub(crate) struct MovedFrom {
    /// The relay that the call left.
    pub(crate) relay: String,
    pub(crate) since: Timestamp,
}

/// A session that is up.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) relay: String,
    /// The credential that the relay was presented.
    pub(crate) credential_version: CredentialVersion,
    /// `None` if that credential never expires.
    pub(crate) renewal: Option<CredentialRenewal>,
    pub(crate) path_liveness: PathLiveness,
    pub(crate) migration: Migration,
    /// Set if the call moved to this session to meet a peer.
    pub(crate) moved_from: Option<MovedFrom>,
    /// The search for missing participants, as long as the call is on this session.
    pub(crate) rendezvous: Rendezvous,
    pub(crate) requests: Requests,
}

impl Session {
    pub(crate) fn new(dial: Dial, now: Timestamp, config: &Config) -> Self {
        let stable = config.policy.stable_after;
        Self {
            id: dial.session,
            relay: dial.relay,
            credential_version: dial.credential_version,
            renewal: dial.expires.map(|expires| CredentialRenewal::new(expires, now, stable)),
            path_liveness: PathLiveness::new(now, config.probe_interval),
            migration: Migration::default(),
            moved_from: None,
            rendezvous: Rendezvous::default(),
            requests: Requests::default(),
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
