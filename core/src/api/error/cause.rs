//! Causes of failure, as the driver saw them.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::api::error::code::ErrorCode;

/// The kind of a failure: why a dial failed, a session ended or an incident began. The driver
/// reports it as a fact, and the core decides what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CauseKind {
    /// The relay's name could not be resolved to an address.
    NameNotResolved,
    /// No answer from the relay in time.
    TimedOut,
    /// The local network refused to send (no route, no interface, no socket).
    NetworkUnavailable,
    /// No packets arrive any more while the session is up.
    Silent,
    /// Packets arrive, but none of ours is acknowledged.
    Unacknowledged,
    /// The relay closed the connection.
    ClosedByRelay,
    /// The connection or the MoQ session broke a protocol rule.
    ProtocolError,
    /// The relay lost the connection's state (stateless reset, RFC 9000, section 10.3).
    Reset,
    /// The relay's certificate did not verify.
    CertificateUntrusted,
    /// There is no common version of QUIC or MoQ.
    VersionMismatch,
    /// The relay refused our credentials.
    Unauthorized,
    /// The relay reports that our credentials have expired.
    CredentialExpired,
    /// The application's provider has no credentials now, but may have some later.
    CredentialUnavailable,
    /// The application's provider has no credentials any more: the user is signed out.
    SignedOut,
    /// The relay accepted the session, but not our namespace or our namespace subscriptions in
    /// time.
    NotReady,
    /// The application requested a new session.
    Requested,
    /// The session is replaced by one whose credential is valid for longer.
    CredentialRenewed,
    /// No participant that we listen to arrived.
    NobodyCame,
    /// Participants that we listen to are on another relay.
    PeerElsewhere,
    /// This host cannot send UDP, or trusts no authority for certificates.
    HostUnsupported,
    /// No frame of a pre-call test came back through the relay.
    NothingReturned,
}

/// The consequence of a cause for the call.
enum Consequence {
    /// Another attempt cannot help: the call ends with this code.
    Final(ErrorCode),
    /// Another attempt may help. A call that was never up ends with this code once its attempts are
    /// used up.
    WorthAnotherTry(ErrorCode),
}

impl CauseKind {
    /// Whether the relay refused the presented token, and may accept another one.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Unauthorized | Self::CredentialExpired)
    }

    /// The code with which this cause ends a call at once; `None` if another attempt may help.
    pub const fn final_code(self) -> Option<ErrorCode> {
        match self.consequence() {
            Consequence::Final(code) => Some(code),
            Consequence::WorthAnotherTry(_) => None,
        }
    }

    /// The code with which a call that was never up ends, once its attempts are used up.
    pub(crate) const fn setup_code(self) -> ErrorCode {
        match self.consequence() {
            Consequence::Final(code) | Consequence::WorthAnotherTry(code) => code,
        }
    }

    const fn consequence(self) -> Consequence {
        use Consequence::{Final, WorthAnotherTry};
        match self {
            Self::CertificateUntrusted => Final(ErrorCode::TlsUntrusted),
            Self::VersionMismatch => Final(ErrorCode::SetupRejected),
            Self::Unauthorized => Final(ErrorCode::AuthRejected),
            Self::CredentialExpired | Self::SignedOut => Final(ErrorCode::AuthExpired),
            Self::HostUnsupported => Final(ErrorCode::UnsupportedHost),
            Self::NotReady => WorthAnotherTry(ErrorCode::SetupTimeout),
            Self::NothingReturned => WorthAnotherTry(ErrorCode::SubscriptionNotReady),
            Self::NobodyCame => WorthAnotherTry(ErrorCode::NoAnswer),
            Self::NameNotResolved
            | Self::TimedOut
            | Self::NetworkUnavailable
            | Self::Silent
            | Self::Unacknowledged
            | Self::ClosedByRelay
            | Self::ProtocolError
            | Self::Reset
            | Self::CredentialUnavailable
            | Self::Requested
            | Self::CredentialRenewed
            | Self::PeerElsewhere => WorthAnotherTry(ErrorCode::RelayUnreachable),
        }
    }

    /// A description in a few words, for a developer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NameNotResolved => "the relay's name could not be resolved",
            Self::TimedOut => "no answer from the relay in time",
            Self::NetworkUnavailable => "the local network refused to send",
            Self::Silent => "packets stopped coming back",
            Self::Unacknowledged => "nothing that was sent is acknowledged",
            Self::ClosedByRelay => "the relay closed the connection",
            Self::ProtocolError => "the connection broke a protocol rule",
            Self::Reset => "the relay lost the connection's state",
            Self::CertificateUntrusted => "the relay's certificate is not trusted",
            Self::VersionMismatch => "no common protocol version",
            Self::Unauthorized => "the relay refused the credentials",
            Self::CredentialExpired => "the credentials have expired",
            Self::CredentialUnavailable => "no credentials could be had",
            Self::SignedOut => "the user is signed out",
            Self::NotReady => "the relay did not accept the tracks in time",
            Self::Requested => "the application asked for a new session",
            Self::CredentialRenewed => "what the relay was shown is about to expire",
            Self::NobodyCame => "nobody came",
            Self::HostUnsupported => "this host cannot make calls",
            Self::NothingReturned => "what was sent did not come back",
            Self::PeerElsewhere => "the others are on another relay",
        }
    }
}

/// Why something failed: a kind, with the driver's detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The kind of failure.
    pub kind: CauseKind,
    /// The transport's own words, for a developer; may be empty.
    pub detail: String,
}

impl Cause {
    /// A cause without detail.
    pub const fn new(kind: CauseKind) -> Self {
        Self { kind, detail: String::new() }
    }

    /// A cause with a detail in the transport's own words.
    pub fn with_detail(kind: CauseKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}
