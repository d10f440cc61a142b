//! Maps the errors of QUIC and MoQ to the core's causes. The core decides what follows from a
//! cause.

use holdline_core::error::{Cause, CauseKind};
use quinn::{ConnectionError, TransportErrorCode};

/// The cause of the end of a QUIC connection, or of a dial that failed.
pub(crate) fn connection_cause(error: &ConnectionError) -> Cause {
    let kind = match error {
        ConnectionError::VersionMismatch => CauseKind::VersionMismatch,
        ConnectionError::TransportError(error) => local_error(error.code),
        ConnectionError::ConnectionClosed(close) => relay_error(close.error_code),
        ConnectionError::ApplicationClosed(close) => {
            termination_code(close.error_code.into_inner())
        }
        ConnectionError::Reset => CauseKind::Reset,
        ConnectionError::TimedOut => CauseKind::TimedOut,
        ConnectionError::LocallyClosed => CauseKind::Requested,
        ConnectionError::CidsExhausted => CauseKind::NetworkUnavailable,
    };
    Cause::with_detail(kind, error.to_string())
}

/// TLS alerts travel as QUIC error codes 0x100 + alert (RFC 9001 section 4.8, RFC 8446 section 6).
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// The cause of a QUIC error that this endpoint detected.
fn local_error(code: TransportErrorCode) -> CauseKind {
    match u64::from(code) {
        // Bad, unsupported, revoked, expired or unknown certificate; unknown authority; and
        // decrypt_error, a bad signature (an impostor that uses the name of a trusted authority).
        0x12a..=0x12e | 0x130 | 0x133 => CauseKind::CertificateUntrusted,
        NO_APPLICATION_PROTOCOL => CauseKind::VersionMismatch,
        _ => CauseKind::ProtocolError,
    }
}

/// The cause of a QUIC error that the relay detected. Its certificate alerts are about a client
/// certificate, which we do not have, so they are not special.
fn relay_error(code: TransportErrorCode) -> CauseKind {
    match u64::from(code) {
        NO_APPLICATION_PROTOCOL => CauseKind::VersionMismatch,
        _ => CauseKind::ClosedByRelay,
    }
}

/// The cause of a session termination code (draft-ietf-moq-transport-18, section 15.10.1).
fn termination_code(code: u64) -> CauseKind {
    const UNAUTHORIZED: u64 = 0x2;
    const VERSION_NEGOTIATION_FAILED: u64 = 0x15;
    const EXPIRED_AUTH_TOKEN: u64 = 0x18;
    match code {
        UNAUTHORIZED => CauseKind::Unauthorized,
        VERSION_NEGOTIATION_FAILED => CauseKind::VersionMismatch,
        EXPIRED_AUTH_TOKEN => CauseKind::CredentialExpired,
        _ => CauseKind::ClosedByRelay,
    }
}

/// The cause of the end of a MoQ session, or of a SETUP that failed. The reason of the connection
/// takes precedence: on raw QUIC, a clean close can surface as a decode error of MoQ.
pub(crate) fn session_cause(
    connection: &quinn::Connection,
    error: &dyn std::fmt::Display,
) -> Cause {
    match connection.close_reason() {
        Some(reason) => connection_cause(&reason),
        None => Cause::with_detail(CauseKind::ProtocolError, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_alerts_are_distinguished_from_other_errors() {
        for (alert, own, relays) in [
            (42, CauseKind::CertificateUntrusted, CauseKind::ClosedByRelay),
            (45, CauseKind::CertificateUntrusted, CauseKind::ClosedByRelay),
            (48, CauseKind::CertificateUntrusted, CauseKind::ClosedByRelay),
            (51, CauseKind::CertificateUntrusted, CauseKind::ClosedByRelay),
            (120, CauseKind::VersionMismatch, CauseKind::VersionMismatch),
            (40, CauseKind::ProtocolError, CauseKind::ClosedByRelay),
        ] {
            let code = TransportErrorCode::crypto(alert);
            assert_eq!((local_error(code), relay_error(code)), (own, relays), "alert {alert}");
        }
        assert_eq!(local_error(TransportErrorCode::FLOW_CONTROL_ERROR), CauseKind::ProtocolError);
    }

    #[test]
    fn each_termination_code_has_its_own_cause() {
        assert_eq!(termination_code(0x2), CauseKind::Unauthorized);
        assert_eq!(termination_code(0x0), CauseKind::ClosedByRelay);
        assert_eq!(termination_code(0x15), CauseKind::VersionMismatch);
        assert_eq!(termination_code(0x18), CauseKind::CredentialExpired);
    }
}
