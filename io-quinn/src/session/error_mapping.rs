//! What the transport's errors say, in the core's words. Facts only: what follows from a cause is
//! the core's to decide.

use holdline_core::{Cause, CauseKind};
use quinn::{ConnectionError, TransportErrorCode};

/// Why a QUIC connection ended or was never made.
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

/// An error that we found.
fn local_error(code: TransportErrorCode) -> CauseKind {
    match u64::from(code) {
        // bad, unsupported, revoked, expired, unknown certificate; unknown authority; a signature
        // that does not verify (an impostor with the name of a trusted authority).
        0x12a..=0x12e | 0x130 | 0x133 => CauseKind::CertificateUntrusted,
        NO_APPLICATION_PROTOCOL => CauseKind::VersionMismatch,
        _ => CauseKind::ProtocolError,
    }
}

/// An error that the relay found. Its words about certificates would be about ours, and we have none.
fn relay_error(code: TransportErrorCode) -> CauseKind {
    match u64::from(code) {
        NO_APPLICATION_PROTOCOL => CauseKind::VersionMismatch,
        _ => CauseKind::ClosedByRelay,
    }
}

/// Session termination codes of draft-ietf-moq-transport-18, section 15.10.1.
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

/// Why MoQ did not start, or stopped, on a connection. The connection's own reason comes first:
/// on raw QUIC, a clean close can surface as a decode error of MoQ.
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
    fn certificate_alerts_are_told_from_other_errors() {
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
    fn only_the_code_for_it_means_unauthorized() {
        assert_eq!(termination_code(0x2), CauseKind::Unauthorized);
        assert_eq!(termination_code(0x0), CauseKind::ClosedByRelay);
        assert_eq!(termination_code(0x15), CauseKind::VersionMismatch);
        assert_eq!(termination_code(0x18), CauseKind::CredentialExpired);
    }
}
