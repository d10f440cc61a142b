//! Why something failed, as the driver saw it.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::api::error::code::ErrorCode;

/// Why a dial failed or a session ended, as the driver saw it. A fact, not a judgement: what
/// follows from it is decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CauseKind {
    /// The relay's name could not be resolved to an address.
    NameNotResolved,
    /// No answer within the time that was given.
    TimedOut,
    /// The local network refused to send (no route, no interface, no socket).
    NetworkUnavailable,
    /// Packets stopped coming back while the session was up.
    Silent,
    /// Packets still come, but none of ours is acknowledged.
    Unacknowledged,
    /// The relay closed the connection.
    ClosedByRelay,
    /// The connection or the MoQ session broke a protocol rule.
    ProtocolError,
    /// The relay lost the connection's state (stateless reset, RFC 9000 section 10.3).
    Reset,
    /// The relay's certificate did not verify.
    CertificateUntrusted,
    /// No common version of QUIC or MoQ.
    VersionMismatch,
    /// The relay refused our credentials.
    Unauthorized,
    /// The relay says that our credentials have expired.
    CredentialExpired,
    /// The application could not say which credentials to show; later it may.
    CredentialUnavailable,
    /// The application has no credentials to show any more: the user is signed out.
    SignedOut,
    /// The relay accepted the session but not what we publish or ask for, in time.
    NotReady,
    /// The application asked for a new session.
    Requested,
    /// The session is replaced by one with a credential that is valid for longer.
    CredentialRenewed,
    /// Nobody whom we listen to has come.
    NobodyCame,
    /// Those whom we listen to are on another relay.
    PeerElsewhere,
    /// This host cannot send UDP, or has no authority to believe a certificate by.
    HostUnsupported,
    /// What was sent through the relay did not come back.
    NothingReturned,
}

/// What a cause means for the call.
enum Consequence {
    /// Trying again cannot help: the call ends under this code.
    Final(ErrorCode),
    /// It may pass. A call that was never up ends under this code once its attempts are used up.
    WorthAnotherTry(ErrorCode),
}

impl CauseKind {
    /// Whether a relay does not let us in with what it was shown, and might with something else.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Unauthorized | Self::CredentialExpired)
    }

    /// The code under which this cause ends a call for good, if trying again cannot help.
    pub const fn final_code(self) -> Option<ErrorCode> {
        match self.consequence() {
            Consequence::Final(code) => Some(code),
            Consequence::WorthAnotherTry(_) => None,
        }
    }

    /// The code under which a call that was never up ends, once its attempts are used up.
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

    /// In a few words, for a developer.
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

/// A cause with the driver's detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What kind of thing happened.
    pub kind: CauseKind,
    /// The transport's own words, for a developer. May be empty.
    pub detail: String,
}

impl Cause {
    /// A cause with nothing to add.
    pub const fn new(kind: CauseKind) -> Self {
        Self { kind, detail: String::new() }
    }

    /// A cause in the transport's own words.
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
