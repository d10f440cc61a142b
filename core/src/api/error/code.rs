//! Error codes, and what a user can do about each.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The machine-readable code of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// No relay could be reached.
    RelayUnreachable,
    /// A relay answered, but no session was set up in time.
    SetupTimeout,
    /// The relay refused the session, or has no version of MoQ in common with us.
    SetupRejected,
    /// No path to a relay was found in time. Reserved: nothing reports this code yet.
    PathDiscoveryTimeout,
    /// No path to a relay works. Reserved: nothing reports this code yet.
    PathFailed,
    /// The relay refused our credentials.
    AuthRejected,
    /// Our credentials have expired, and there are no newer ones.
    AuthExpired,
    /// No authority that we trust has signed the relay's certificate.
    TlsUntrusted,
    /// A recovery used up its attempts or its window.
    RecoveryExhausted,
    /// A subscribed track did not become ready in time, or a pre-call test got no frame back.
    SubscriptionNotReady,
    /// A participant has left. Reserved: nothing reports this code yet.
    PeerLeft,
    /// No participant answered.
    NoAnswer,
    /// The application cannot capture or play a track.
    MediaDeviceError,
    /// This host cannot make calls.
    UnsupportedHost,
    /// The configuration cannot work.
    ConfigInvalid,
}

/// The severity of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The call continues.
    Warning,
    /// The call has ended.
    Fatal,
}

/// What a user can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// The user can do nothing.
    None,
    /// Check the network connection, then try again.
    CheckNetwork,
    /// Check the firewall, then try again.
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
    /// Repair the device, or choose another one.
    FixDevice,
    /// The user can do nothing: the developer must correct the error.
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

    /// The code as it appears in logs and JSON.
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

    /// Whether another try can help.
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

    /// What the user can do about the error.
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

    /// A plain message for the user.
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
