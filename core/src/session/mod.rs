//! A session that is up: its relay, its path, its credential, and our namespace on the relay.

mod credential_renewal;
mod migration;
mod path_liveness;

use alloc::string::String;

use crate::api::event::Event;
use crate::api::id::{IncidentId, SessionId};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::connect::{CredentialVersion, Dial};
use crate::context::Context;
use crate::context::request::Request;
use crate::participants::Rendezvous;

use migration::Migration;
use path_liveness::PathLiveness;

pub(crate) use credential_renewal::CredentialRenewal;
pub(crate) use path_liveness::Counters;

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
    /// Our namespace on the relay, by its epoch; unsent as long as nothing is published. A relay
    /// refuses a namespace that is taken, so each try has another epoch.
    namespace: Request<u64>,
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
            namespace: Request::default(),
        }
    }

    /// When our namespace is published again, if that failed.
    pub(crate) fn namespace_deadline(&self) -> Option<Timestamp> {
        self.namespace.deadline()
    }

    pub(crate) fn advance(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        self.advance_path(None, cx);
        if self.namespace.is_due(cx.now) {
            self.publish_namespace(next_epoch, cx);
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

    /// Whether the relay has accepted our namespace, or none was sent.
    pub(crate) fn is_announced(&self) -> bool {
        self.namespace.is_unsent() || self.namespace.is_accepted()
    }

    /// A track was made ready: our namespace must be published, once.
    pub(crate) fn ensure_namespace(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        if self.namespace.is_unsent() {
            self.publish_namespace(next_epoch, cx);
        }
    }

    pub(crate) fn namespace_accepted(&mut self, epoch: u64) {
        self.namespace.accepted(epoch);
    }

    pub(crate) fn namespace_refused(&mut self, epoch: u64, cx: &mut Context<'_>) {
        self.namespace.failed(epoch, cx);
    }

    fn publish_namespace(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        let epoch = *next_epoch;
        *next_epoch = next_epoch.saturating_add(1);
        self.namespace.sent(epoch);
        cx.out.push(Output::PublishNamespace {
            session: self.id,
            namespace: namespace::of_session(&cx.config.room, &cx.config.participant, epoch),
            epoch,
        });
    }
}
