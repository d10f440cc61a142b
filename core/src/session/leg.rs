//! A leg of the call: one connection to a relay, from its dial to its end.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Session;
use crate::api::error::CauseKind;
use crate::api::id::{PublicationId, SessionId, TrackId};
use crate::api::media::MediaKind;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::connect::{ConnectResources, CredentialStatus, CredentialVersion};
use crate::context::Context;
use crate::participants::Namespaces;

/// For how long a leg that is being left is fed with video.
const DRAIN_VIDEO: Duration = Duration::from_secs(1);

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It races to carry the call.
    Candidate,
    /// It carries the call, or did so last.
    Active,
    /// It was given our requests while the active leg still carries the call, and takes over once
    /// it is ready.
    Successor,
    /// Another leg took over. It is fed for a little longer, until the listeners have followed.
    Draining { since: Timestamp, until: Timestamp },
    /// It looks for missing participants on another relay.
    Probe,
}

/// How far the connection is.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The dial waits for a credential, and nothing has been sent yet; or it is in flight.
    Dialing { awaits_credential: bool, since: Timestamp, until: Timestamp },
    /// The session is up, and nothing is published on it: it waits for a better one, or asks its
    /// relay for participants.
    Reached { until: Timestamp, participants: Vec<Namespaces> },
    /// The session has been given our requests.
    Open(Box<Session>, Stage),
}

/// Whether an open session carries the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It must pass the readiness gate `until` then.
    Joining { until: Timestamp },
    /// It is past the gate. `stable_at`: when the retry budget becomes whole again; `None` once it
    /// is.
    Up { stable_at: Option<Timestamp> },
    /// Its path is silent. It migrates, is not fed, and may come back.
    Suspect,
}

/// One connection to a relay.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) id: SessionId,
    pub(crate) relay: String,
    /// The version of the credential that the relay was presented.
    pub(crate) credential_version: CredentialVersion,
    /// When that credential expires; `None` if it never does.
    expires: Option<Timestamp>,
    pub(crate) role: Role,
    pub(crate) phase: Phase,
}

impl Leg {
    /// A dial that has not been sent.
    pub(crate) fn new(relay: String, role: Role, cx: &mut Context<'_>) -> Self {
        let (since, until) = (cx.now, cx.now + cx.config.policy.attempt_timeout);
        Self {
            id: SessionId(cx.mint.next()),
            relay,
            credential_version: CredentialVersion::default(),
            expires: None,
            role,
            phase: Phase::Dialing { awaits_credential: true, since, until },
        }
    }

    /// Dials now if no credential is needed or one is held; otherwise waits for one.
    pub(crate) fn dial(&mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) {
        if let Phase::Dialing { until, .. } = self.phase {
            let status = resources.credentials.present(&self.relay, until, cx);
            self.present(status, cx);
        }
    }

    /// Dials with the credential that arrived. There is no fresher one, however soon it expires.
    pub(crate) fn dial_with_arrived(&mut self, resources: &ConnectResources, cx: &mut Context<'_>) {
        let status = resources.credentials.held(&self.relay);
        self.present(status, cx);
    }

    fn present(&mut self, status: CredentialStatus, cx: &mut Context<'_>) {
        let Phase::Dialing { awaits_credential, .. } = &mut self.phase else { return };
        let token = match status {
            CredentialStatus::Pending => return,
            CredentialStatus::NotNeeded => None,
            CredentialStatus::Held(token, credential_version, expires) => {
                (self.credential_version, self.expires) = (credential_version, expires);
                Some(token)
            }
        };
        *awaits_credential = false;
        let (session, relay) = (self.id, self.relay.clone());
        cx.out.push(Output::Dial { session, relay, token });
    }

    /// Whether it waits for the credential of `relay`.
    pub(crate) fn waits_for(&self, relay: &str) -> bool {
        self.awaits_credential() && self.relay == relay
    }

    pub(crate) fn awaits_credential(&self) -> bool {
        matches!(self.phase, Phase::Dialing { awaits_credential: true, .. })
    }

    /// Whether the dial has been sent, and has had no outcome.
    pub(crate) fn is_in_flight(&self) -> bool {
        matches!(self.phase, Phase::Dialing { awaits_credential: false, .. })
    }

    pub(crate) fn is_reached(&self) -> bool {
        matches!(self.phase, Phase::Reached { .. })
    }

    /// When its dial, or its wait, is over; `None` once it is open.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Dialing { until, .. } | Phase::Reached { until, .. } => Some(until),
            Phase::Open(..) => None,
        }
    }

    /// Why its dial timed out: it had no credential, or got no session.
    pub(crate) fn timeout_cause(&self) -> CauseKind {
        if self.awaits_credential() {
            CauseKind::CredentialUnavailable
        } else {
            CauseKind::TimedOut
        }
    }

    /// The session is given our requests from now on, and must pass the readiness gate.
    pub(crate) fn join(&mut self, role: Role, until: Timestamp, cx: &mut Context<'_>) {
        let participants = match &mut self.phase {
            Phase::Dialing { .. } => Vec::new(),
            Phase::Reached { participants, .. } => core::mem::take(participants),
            Phase::Open(..) => return,
        };
        let session = Session::new(self.id, self.expires, participants, cx);
        self.role = role;
        self.phase = Phase::Open(Box::new(session), Stage::Joining { until });
    }

    /// Whether frames are sent on it: its path carries, as far as is known. Nothing is sent on a
    /// silent path: packets in flight there block its recovery.
    pub(crate) fn is_fed(&self) -> bool {
        matches!(self.phase, Phase::Open(_, Stage::Joining { .. } | Stage::Up { .. }))
    }

    /// Whether a leg that is fed still gets frames of that kind. A listener follows within a
    /// second; twice the video for longer would make speech late on a narrow line.
    fn is_fed_with(&self, kind: MediaKind, now: Timestamp) -> bool {
        match self.role {
            Role::Draining { since, .. } if kind == MediaKind::Video => now < since + DRAIN_VIDEO,
            Role::Draining { .. }
            | Role::Active
            | Role::Successor
            | Role::Candidate
            | Role::Probe => self.is_fed(),
        }
    }

    /// The publication of a track, if frames of it are sent on this leg.
    pub(crate) fn feeds(
        &self,
        track: TrackId,
        kind: MediaKind,
        now: Timestamp,
    ) -> Option<PublicationId> {
        match &self.phase {
            Phase::Open(session, _) if self.is_fed_with(kind, now) => {
                session.requests.publication(track)?.id()
            }
            Phase::Open(..) | Phase::Dialing { .. } | Phase::Reached { .. } => None,
        }
    }

    /// Abandons the dial, or closes the session. The driver knows nothing of a dial that waits for
    /// its credential.
    pub(crate) fn close(&self, cx: &mut Context<'_>) {
        if !self.awaits_credential() {
            cx.out.push(Output::CloseSession { session: self.id });
        }
    }
}
