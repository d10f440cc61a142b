//! A probe on a relay that requires a token.

use super::{PROBE_DELAY, SECOND, answer_credential, fail, missing_bob, missing_bob_on};
use crate::common::CallHarness;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::{Input, StateName};

#[test]
fn a_probe_presents_a_token_to_the_other_relay() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    harness.advance(PROBE_DELAY);
    assert!(harness.dials().is_empty(), "the call has no token yet");
    answer_credential(&mut harness);
    assert_eq!(harness.dials().len(), 1);
}

/// The call stays live.
#[test]
fn a_token_refused_to_a_probe_is_not_presented_again() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    // The pause before each of the first three probes.
    for pause in [PROBE_DELAY, SECOND, SECOND * 2] {
        harness.advance(pause);
        assert!(harness.dials().is_empty(), "the call has no token yet");
        answer_credential(&mut harness);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        assert_eq!(harness.call.state(), StateName::Live);
        harness.out.clear();
    }
}

#[test]
fn a_token_that_ended_a_probe_is_not_presented_again() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    harness.advance(PROBE_DELAY);
    answer_credential(&mut harness);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let cause = Cause::new(CauseKind::Unauthorized);
    harness.feed(Input::SessionClosed { session, cause });
    harness.advance(SECOND);
    assert!(harness.dials().is_empty(), "the call has no token yet");
    answer_credential(&mut harness);
    assert_eq!(harness.dials().len(), 1);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_token_refused_to_a_probe_does_not_fail_recovery() {
    let (mut harness, home, _) = missing_bob_on(|config| config.directory.credentials = true);
    let refuse = |harness: &mut CallHarness| {
        answer_credential(harness);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        harness.out.clear();
    };
    harness.advance(PROBE_DELAY);
    refuse(&mut harness);
    harness.lose(home);
    let session = harness.last_dial();
    fail(&mut harness, session);
    harness.advance(SECOND);
    refuse(&mut harness);
    assert_eq!(harness.call.state(), StateName::Recovering, "recovery has had one refusal");
}

#[test]
fn a_probe_without_a_credential_has_no_session_to_close() {
    let (mut harness, namespace_subscriptions) =
        missing_bob(|config| config.directory.credentials = true);
    harness.advance(PROBE_DELAY + SECOND * 4);
    assert!(harness.closed_sessions().is_empty(), "the answer is late");
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.advance(SECOND * 3);
    assert!(harness.closed_sessions().is_empty(), "no participant is missing any more");
    answer_credential(&mut harness);
    assert!(harness.dials().is_empty());
}
