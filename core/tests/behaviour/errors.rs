//! R6, R24, R25: the taxonomy, code by code, and what a terminal error contains.

use crate::common::{CallHarness, MIC};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Action, Cause, CauseKind, ErrorCode, Severity};
use holdline_core::{Config, Event, Input, StateName};
use std::time::Duration;

/// The taxonomy as a table: code, whether a retry can help, what the user can do.
const TABLE: [(&str, bool, Action); 15] = [
    ("RELAY_UNREACHABLE", true, Action::CheckNetwork),
    ("SETUP_TIMEOUT", true, Action::CheckNetwork),
    ("SETUP_REJECTED", false, Action::UpdateApp),
    ("PATH_DISCOVERY_TIMEOUT", true, Action::CheckNetwork),
    ("PATH_FAILED", true, Action::CheckFirewall),
    ("SUBSCRIPTION_NOT_READY", true, Action::WaitOrRejoin),
    ("AUTH_REJECTED", false, Action::SignIn),
    ("AUTH_EXPIRED", false, Action::SignIn),
    ("TLS_UNTRUSTED", false, Action::None),
    ("RECOVERY_EXHAUSTED", true, Action::Rejoin),
    ("PEER_LEFT", false, Action::None),
    ("NO_ANSWER", true, Action::CallAgain),
    ("MEDIA_DEVICE_ERROR", false, Action::FixDevice),
    ("UNSUPPORTED_HOST", false, Action::UpdateApp),
    ("CONFIG_INVALID", false, Action::Developer),
];

/// The JSON of a code is its name. Its message for the user is a sentence without jargon.
#[test]
fn every_error_code_matches_the_table() {
    let codes = ErrorCode::ALL.map(|code| (code.as_str(), code.is_retryable(), code.action()));
    assert_eq!(codes, TABLE);
    for code in ErrorCode::ALL {
        let json = serde_json::to_string(&code).expect("a code serialises");
        assert_eq!(json, format!("\"{code}\""));
        let message = code.user_message();
        assert!(message.ends_with('.') && message.len() > 20, "{message}");
        let jargon = ["QUIC", "MoQ", "relay", "session", "subscription", "TURN", "TLS", "_"];
        assert!(
            !jargon.iter().any(|word| message.contains(word)),
            "jargon in a message for the user: {message}"
        );
    }
}

/// The call ends at once, whether it was connecting or live.
#[test]
fn a_final_cause_ends_the_call_with_its_code() {
    for (kind, code) in [
        (CauseKind::CertificateUntrusted, ErrorCode::TlsUntrusted),
        (CauseKind::VersionMismatch, ErrorCode::SetupRejected),
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
        (CauseKind::CredentialExpired, ErrorCode::AuthExpired),
    ] {
        let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
        harness.feed(Input::Connect);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(harness.error().code, code);
        let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
        harness.feed(Input::SessionClosed { session, cause: Cause::new(kind) });
        assert_eq!(harness.error().code, code);
        assert_eq!(harness.call.stats().telemetry.incidents_failed, 1);
    }
}

#[test]
fn a_terminal_error_contains_root_cause_attempts_and_last_cause() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::simple(), 1);
    let root = Cause::with_detail(CauseKind::Reset, "stateless reset");
    harness.feed(Input::SessionClosed { session, cause: root.clone() });
    for _ in 0..3 {
        let session = harness.next_dial().session;
        let cause = Cause::with_detail(CauseKind::NetworkUnavailable, "no route");
        harness.feed(Input::DialFailed { session, cause });
    }
    let error = harness.error();
    assert_eq!((error.code, error.attempts), (ErrorCode::RecoveryExhausted, 3));
    assert_eq!(error.root_cause, root);
    assert_eq!(
        error.last_cause.as_ref().expect("a failed attempt has a cause").kind,
        CauseKind::NetworkUnavailable
    );
    assert_eq!(error.severity(), Severity::Fatal);
    let words = error.to_string();
    for part in
        ["RECOVERY_EXHAUSTED", "join the call again", "stateless reset", "3 attempts", "no route"]
    {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn a_notice_is_emitted_only_when_users_can_act() {
    // The call contains everything that can cause a notice, and more.
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.feed(Input::MediaDeviceError { track: MIC, detail: "unplugged".into() });
    harness.feed(Input::SafetyAlert { detail: "help".into() });
    harness.advance_alive(Duration::from_secs(3));
    harness.pass_silent(Duration::from_secs(4));
    harness.lose(session);
    harness.accept();
    harness.advance_alive(Duration::from_secs(3));
    harness.feed(Input::Close);
    assert_eq!(harness.call.state(), StateName::Closed);
    for event in harness.events() {
        if let Event::Notice { code, .. } = event {
            assert_ne!(code.action(), Action::None, "{code}");
        }
    }
}

#[test]
fn an_invalid_configuration_is_reported_with_code_and_field() {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    config.policy.initial = Duration::ZERO;
    let error = config.validate().expect_err("a pause of zero is invalid");
    assert_eq!((error.code(), error.field), (ErrorCode::ConfigInvalid, "policy.initial"));
    assert!(error.to_string().contains("policy.initial"), "{error}");
}

/// A detail follows the message in parentheses.
#[test]
fn every_cause_has_a_message_of_its_own() {
    let kinds = serde_json::from_str::<Vec<CauseKind>>(
        r#"["name_not_resolved","timed_out","network_unavailable","silent","unacknowledged",
            "closed_by_relay","protocol_error","reset","certificate_untrusted","version_mismatch",
            "unauthorized","credential_expired","credential_unavailable","signed_out","not_ready",
            "requested","nobody_came","host_unsupported","nothing_returned","peer_elsewhere"]"#,
    );
    let kinds = kinds.expect("each name is the name of a kind");
    let words: std::collections::BTreeSet<String> =
        kinds.iter().map(|kind| Cause::new(*kind).to_string()).collect();
    assert_eq!(words.len(), kinds.len());
    assert!(words.iter().all(|words| words.split(' ').count() > 1), "{words:?}");
    let detailed = Cause::with_detail(CauseKind::Reset, "0x1").to_string();
    assert_eq!(detailed, "the relay lost the connection's state (0x1)");
}

#[test]
fn a_notice_is_a_warning_and_a_failed_call_is_fatal() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.feed(Input::MediaDeviceError { track: MIC, detail: "unplugged".into() });
    harness
        .feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::CertificateUntrusted) });
    let severities: Vec<Severity> = harness.events().iter().filter_map(Event::severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Fatal], "other events are no problems");

    let (mut harness, _) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.feed(Input::Close);
    assert!(harness.events().iter().all(|event| event.severity().is_none()));
}
