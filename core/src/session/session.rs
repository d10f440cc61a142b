//! A session that is up: our namespace on the relay, and the pulse of its path.

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
use crate::session::credential_renewal::CredentialRenewal;
use crate::session::migration::Migration;
use crate::session::path_liveness::PathLiveness;

/// How we came to a relay to meet somebody.
#[derive(Clone, Debug)]
pub(crate) struct MovedFrom {
    /// The relay that we left for it.
    pub(crate) relay: String,
    pub(crate) since: Timestamp,
}

/// A session that is up.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) relay: String,
    /// What the relay was shown.
    pub(crate) credential_version: CredentialVersion,
    /// If that expires.
    pub(crate) renewal: Option<CredentialRenewal>,
    pub(crate) path_liveness: PathLiveness,
    pub(crate) migration: Migration,
    /// If it was made to meet somebody.
    pub(crate) moved_from: Option<MovedFrom>,
    /// For the others, as long as the call is here.
    pub(crate) rendezvous: Rendezvous,
    /// Our namespace on the relay, by its epoch; unsent as long as nothing is published. A relay refuses
    /// one that is taken, so each try has another epoch.
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

    /// When our namespace is to be published again.
    pub(crate) fn namespace_deadline(&self) -> Option<Timestamp> {
        self.namespace.deadline()
    }

    pub(crate) fn advance(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        self.advance_path(None, cx);
        if self.namespace.is_due(cx.now) {
            self.publish_namespace(next_epoch, cx);
        }
    }

    /// When the path wants attention.
    pub(crate) fn path_deadline(&self) -> Timestamp {
        let probe = self.path_liveness.deadline();
        self.migration.deadline().map_or(probe, |migrate| migrate.min(probe))
    }

    /// Looks at the path, and moves it if that is due.
    pub(crate) fn advance_path(&mut self, incident: Option<IncidentId>, cx: &mut Context<'_>) {
        self.path_liveness.advance(cx.now, self.id, cx.out);
        if self.migration.advance(cx.now, self.id, cx.out) {
            cx.telemetry.migrations += 1;
            cx.out.event(Event::PathMigrating { incident });
        }
    }

    /// Whether the relay has agreed to announce what we publish.
    pub(crate) fn is_announced(&self) -> bool {
        self.namespace.is_unsent() || self.namespace.is_accepted()
    }

    /// A track was made ready: its namespace must be published, once.
    pub(crate) fn want_namespace(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
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
