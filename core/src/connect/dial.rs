//! One try to reach a relay: with a credential, if the relay wants one.

use alloc::string::String;

use crate::api::error::CauseKind;
use crate::api::id::SessionId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::connect::credentials::{CredentialStatus, CredentialVersion};
use crate::connect::resources::ConnectResources;
use crate::context::Context;

/// A dial in flight.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) session: SessionId,
    pub(crate) relay: String,
    pub(crate) since: Timestamp,
    pub(crate) deadline: Timestamp,
    /// What it showed the relay.
    pub(crate) credential_version: CredentialVersion,
    /// When that expires.
    pub(crate) expires: Option<Timestamp>,
    /// It waits for a credential; nothing has been sent yet.
    waits: bool,
}

impl Dial {
    /// A dial that has not begun.
    pub(crate) fn new(relay: String, cx: &mut Context<'_>) -> Self {
        let session = SessionId(cx.mint.next());
        let since = cx.now;
        let deadline = since + cx.config.policy.attempt_timeout;
        let credential_version = CredentialVersion::default();
        Self { session, relay, since, deadline, credential_version, expires: None, waits: true }
    }

    /// Goes out if it has everything that it needs, and waits for that else.
    pub(crate) fn start(mut self, resources: &mut ConnectResources, cx: &mut Context<'_>) -> Self {
        let status = resources.credentials.present(&self.relay, self.deadline, cx);
        self.present(status, cx);
        self
    }

    /// Whether it waits for the credential of `relay`.
    pub(crate) fn waits_for(&self, relay: &str) -> bool {
        self.waits && self.relay == relay
    }

    /// Whether it is out and may succeed.
    pub(crate) fn is_in_flight(&self, session: SessionId) -> bool {
        self.session == session && !self.waits
    }

    /// What it has not had in time.
    pub(crate) fn timeout_cause(&self) -> CauseKind {
        if self.waits { CauseKind::CredentialUnavailable } else { CauseKind::TimedOut }
    }

    /// What it waited for has come. Nothing fresher is to be had, however soon that expires.
    pub(crate) fn send_pending(&mut self, resources: &ConnectResources, cx: &mut Context<'_>) {
        let status = resources.credentials.held(&self.relay);
        self.present(status, cx);
    }

    /// Gives it up, or closes the session that it has become. Of one that waits nobody outside knows.
    pub(crate) fn close(&self, cx: &mut Context<'_>) {
        if !self.waits {
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
        self.waits = false;
        let (session, relay) = (self.session, self.relay.clone());
        cx.out.push(Output::Dial { session, relay, token });
    }
}
