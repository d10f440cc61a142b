//! What can go wrong, in words for machines, users and developers (requirement R24).

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Machine-readable code of an error: the taxonomy of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No relay could be reached.
    RelayUnreachable,
    /// A relay answered, but no session was set up in time.
    SetupTimeout,
    /// The relay refused the session, or speaks no version of MoQ that we speak.
    SetupRejected,
    /// No way to a relay was found in time, directly or through TURN.
    PathDiscoveryTimeout,
    /// No way to a relay works, directly or through TURN.
    PathFailed,
    /// The relay refused our credentials.
    AuthRejected,
    /// Our credentials have expired, and there are no newer ones.
    AuthExpired,
    /// The relay's certificate is not signed by an authority that we trust.
    TlsUntrusted,
    /// Recovery used up its attempts or its window.
    RecoveryExhausted,
    /// A subscribed track did not become ready in time.
    SubscriptionNotReady,
    /// A participant has left.
    PeerLeft,
    /// Nobody answered.
    NoAnswer,
    /// The application cannot capture or play.
    MediaDeviceError,
    /// This host cannot make calls.
    UnsupportedHost,
    /// The configuration cannot work.
    ConfigInvalid,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The call goes on.
    Warning,
    /// The call has ended.
    Fatal,
}

/// What the user can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    None,
    /// Look at the network connection, then try again.
    CheckNetwork,
    /// Look at what the firewall lets through, then try again.
    CheckFirewall,
    /// Join the call again.
    Rejoin,
    /// Sign in again.
    SignIn,
    /// Update the application.
    UpdateApp,
    /// Wait, or join the call again.
    WaitOrRejoin,
    /// Call again.
    CallAgain,
    /// Mend or choose another device.
    FixDevice,
    /// Nothing for a user: the developer must mend it.
    Developer,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 15] = [
        Self::RelayUnreachable,
        Self::SetupTimeout,
        Self::SetupRejected,
        Self::PathDiscoveryTimeout,
        Self::PathFailed,
        Self::SubscriptionNotReady,
        Self::AuthRejected,
        Self::AuthExpired,
        Self::TlsUntrusted,
        Self::RecoveryExhausted,
        Self::PeerLeft,
        Self::NoAnswer,
        Self::MediaDeviceError,
        Self::UnsupportedHost,
        Self::ConfigInvalid,
    ];

    /// The code as it is written in logs and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RelayUnreachable => "RELAY_UNREACHABLE",
            Self::SetupTimeout => "SETUP_TIMEOUT",
            Self::SetupRejected => "SETUP_REJECTED",
            Self::PathDiscoveryTimeout => "PATH_DISCOVERY_TIMEOUT",
            Self::PathFailed => "PATH_FAILED",
            Self::AuthRejected => "AUTH_REJECTED",
            Self::AuthExpired => "AUTH_EXPIRED",
            Self::TlsUntrusted => "TLS_UNTRUSTED",
            Self::RecoveryExhausted => "RECOVERY_EXHAUSTED",
            Self::SubscriptionNotReady => "SUBSCRIPTION_NOT_READY",
            Self::PeerLeft => "PEER_LEFT",
            Self::NoAnswer => "NO_ANSWER",
            Self::MediaDeviceError => "MEDIA_DEVICE_ERROR",
            Self::UnsupportedHost => "UNSUPPORTED_HOST",
            Self::ConfigInvalid => "CONFIG_INVALID",
        }
    }

    /// Whether trying again can help.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RelayUnreachable
            | Self::SetupTimeout
            | Self::PathDiscoveryTimeout
            | Self::PathFailed
            | Self::RecoveryExhausted
            | Self::SubscriptionNotReady
            | Self::NoAnswer => true,
            Self::SetupRejected
            | Self::AuthRejected
            | Self::AuthExpired
            | Self::TlsUntrusted
            | Self::PeerLeft
            | Self::MediaDeviceError
            | Self::UnsupportedHost
            | Self::ConfigInvalid => false,
        }
    }

    /// What the user can do about it.
    pub const fn action(self) -> Action {
        match self {
            Self::RelayUnreachable | Self::SetupTimeout | Self::PathDiscoveryTimeout => {
                Action::CheckNetwork
            }
            Self::PathFailed => Action::CheckFirewall,
            Self::SetupRejected | Self::UnsupportedHost => Action::UpdateApp,
            Self::AuthRejected | Self::AuthExpired => Action::SignIn,
            Self::TlsUntrusted | Self::PeerLeft => Action::None,
            Self::RecoveryExhausted => Action::Rejoin,
            Self::SubscriptionNotReady => Action::WaitOrRejoin,
            Self::NoAnswer => Action::CallAgain,
            Self::MediaDeviceError => Action::FixDevice,
            Self::ConfigInvalid => Action::Developer,
        }
    }

    /// A plain sentence for the user.
    pub const fn user_message(self) -> &'static str {
        match self {
            Self::RelayUnreachable => {
                "The call server could not be reached. Check your network connection and try again."
            }
            Self::SetupTimeout => {
                "The call server did not answer in time. Check your network connection and try again."
            }
            Self::SetupRejected => {
                "The call server does not accept this version of the app. Update it and try again."
            }
            Self::PathDiscoveryTimeout => {
                "No way to the call server was found in time. Check your network connection and try again."
            }
            Self::PathFailed => {
                "Your network does not let calls through. Check its firewall, or try another network."
            }
            Self::AuthRejected => "The call server did not accept your sign-in. Sign in again.",
            Self::AuthExpired => "Your sign-in has expired. Sign in again.",
            Self::TlsUntrusted => {
                "The call server could not prove who it is, so the call was not made."
            }
            Self::RecoveryExhausted => {
                "The connection was lost and could not be restored. You can join the call again."
            }
            Self::SubscriptionNotReady => {
                "The other side cannot be heard yet. Wait a moment, or join the call again."
            }
            Self::PeerLeft => "The other side has left the call.",
            Self::NoAnswer => "Nobody answered. You can call again.",
            Self::MediaDeviceError => {
                "Your microphone, camera or speaker does not work. Check it, or choose another."
            }
            Self::UnsupportedHost => {
                "Calls cannot be made from this device as it is. Update it and the app, then try again."
            }
            Self::ConfigInvalid => "The app asked for a call that cannot be made.",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a dial failed or a session ended, as the driver saw it. A fact, not a judgement: what
/// follows from it is decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Nobody whom we listen to has come.
    NobodyCame,
    /// Those whom we listen to are on another relay.
    PeerElsewhere,
    /// This host cannot send UDP, or has no authority to believe a certificate by.
    HostUnsupported,
    /// What was sent through the relay did not come back.
    NothingReturned,
}

impl CauseKind {
    /// The code under which this cause ends a call for good, if trying again cannot help.
    pub const fn final_code(self) -> Option<ErrorCode> {
        match self {
            Self::CertificateUntrusted => Some(ErrorCode::TlsUntrusted),
            Self::VersionMismatch => Some(ErrorCode::SetupRejected),
            Self::Unauthorized => Some(ErrorCode::AuthRejected),
            Self::CredentialExpired | Self::SignedOut => Some(ErrorCode::AuthExpired),
            Self::HostUnsupported => Some(ErrorCode::UnsupportedHost),
            Self::NameNotResolved
            | Self::TimedOut
            | Self::NetworkUnavailable
            | Self::Silent
            | Self::Unacknowledged
            | Self::ClosedByRelay
            | Self::ProtocolError
            | Self::Reset
            | Self::NotReady
            | Self::CredentialUnavailable
            | Self::Requested
            | Self::PeerElsewhere
            | Self::NothingReturned
            | Self::NobodyCame => None,
        }
    }

    /// The code under which a call that was never up ends, once its attempts are used up.
    pub(crate) const fn setup_code(self) -> ErrorCode {
        match self {
            Self::NotReady => ErrorCode::SetupTimeout,
            Self::CertificateUntrusted => ErrorCode::TlsUntrusted,
            Self::VersionMismatch => ErrorCode::SetupRejected,
            Self::Unauthorized => ErrorCode::AuthRejected,
            Self::CredentialExpired | Self::SignedOut | Self::CredentialUnavailable => {
                ErrorCode::AuthExpired
            }
            Self::NameNotResolved
            | Self::TimedOut
            | Self::NetworkUnavailable
            | Self::Silent
            | Self::Unacknowledged
            | Self::ClosedByRelay
            | Self::ProtocolError
            | Self::Reset
            | Self::PeerElsewhere
            | Self::Requested => ErrorCode::RelayUnreachable,
            Self::HostUnsupported => ErrorCode::UnsupportedHost,
            Self::NothingReturned => ErrorCode::SubscriptionNotReady,
            Self::NobodyCame => ErrorCode::NoAnswer,
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

/// The error that ended a call: with its root cause and what was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The machine-readable code.
    pub code: ErrorCode,
    /// What started it.
    pub root_cause: Cause,
    /// What the last attempt ended with, if there was one.
    pub last_cause: Option<Cause>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How long recovery, or the first connection, was tried for.
    pub after: Duration,
}

impl CallError {
    /// How bad it is: an error that ends a call is fatal.
    pub const fn severity(&self) -> Severity {
        Severity::Fatal
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} Root cause: {}; {} attempt{} in {:.1} s",
            self.code,
            self.code.user_message(),
            self.root_cause,
            self.attempts,
            if self.attempts == 1 { "" } else { "s" },
            self.after.as_secs_f64(),
        )?;
        if let Some(last) = self.last_cause.as_ref().filter(|last| **last != self.root_cause) {
            write!(f, "; the last one ended with: {last}")?;
        }
        f.write_str(".")
    }
}

impl core::error::Error for CallError {}
