//! One dial: a try to reach a relay, with a credential if the relay needs one.

use alloc::string::String;

use crate::api::error::CauseKind;
use crate::api::id::SessionId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::connect::credentials::{CredentialStatus, CredentialVersion};
use crate::connect::resources::ConnectResources;
use crate::context::Context;

/// A dial that waits for its credential, or is in flight.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) session: SessionId,
    pub(crate) relay: String,
    pub(crate) since: Timestamp,
    pub(crate) deadline: Timestamp,
    /// The version of the credential that the relay is presented.
    pub(crate) credential_version: CredentialVersion,
    /// When that credential expires.
    pub(crate) expires: Option<Timestamp>,
    /// Whether it waits for a credential, and nothing has been sent yet.
    awaits_credential: bool,
}

impl Dial {
    /// A dial that has not been sent.
    pub(crate) fn new(relay: String, cx: &mut Context<'_>) -> Self {
        let session = SessionId(cx.mint.next());
        let since = cx.now;
        let deadline = since + cx.config.policy.attempt_timeout;
        let credential_version = CredentialVersion::default();
        Self {
            session,
            relay,
            since,
            deadline,
            credential_version,
            expires: None,
            awaits_credential: true,
        }
    }

    /// Dials now if no credential is needed or one is held; otherwise waits for one.
    pub(crate) fn start(mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) -> Self {
        let status = resources.credentials.present(&self.relay, self.deadline, cx);
        self.present(status, cx);
        self
    }

    /// Whether this dial waits for the credential of `relay`.
    pub(crate) fn waits_for(&self, relay: &str) -> bool {
        self.awaits_credential && self.relay == relay
    }

    /// Whether this is the dial of `session`, and it has been sent.
    pub(crate) fn is_in_flight(&self, session: SessionId) -> bool {
        self.session == session && !self.awaits_credential
    }

    /// Why it timed out: it had no credential, or got no session.
    pub(crate) fn timeout_cause(&self) -> CauseKind {
        if self.awaits_credential { CauseKind::CredentialUnavailable } else { CauseKind::TimedOut }
    }

    /// Dials with the credential that arrived. There is no fresher one, however soon it expires.
    pub(crate) fn send_pending(&mut self, resources: &ConnectResources, cx: &mut Context<'_>) {
        let status = resources.credentials.held(&self.relay);
        self.present(status, cx);
    }

    /// Abandons the dial, or closes its session. The driver knows nothing of a dial that waits.
    pub(crate) fn close(&self, cx: &mut Context<'_>) {
        if !self.awaits_credential {
            cx.out.push(Output::CloseSession { session: self.session });
        }
    }

    fn present(&mut self, status: CredentialStatus, cx: &mut Context<'_>) {
        let token = match status {
            CredentialStatus::Pending => return,
            CredentialStatus::NotNeeded => None,
            CredentialStatus::Held(token, credential_version, expires) => {
                (self.credential_version, self.expires) = (credential_version, expires);
                Some(token)
            }
        };
        self.awaits_credential = false;
        let (session, relay) = (self.session, self.relay.clone());
        cx.out.push(Output::Dial { session, relay, token });
    }
}
