//! A look on a relay that wants to see something.

use super::{POLITE, SECOND, fail, missing_bob, missing_bob_on, show};
use crate::common::CallHarness;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::{Input, StateName};

#[test]
fn a_look_shows_what_the_other_relay_wants_to_see() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    harness.advance(POLITE);
    assert!(harness.dials().is_empty(), "nothing to show yet");
    show(&mut harness);
    assert_eq!(harness.dials().len(), 1);
}

#[test]
fn what_the_other_relay_refused_is_not_shown_again_and_the_call_goes_on() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    // Before each look, up to the third pause.
    for until_asked in [POLITE, SECOND, SECOND * 2] {
        harness.advance(until_asked);
        assert!(harness.dials().is_empty(), "nothing to show yet");
        show(&mut harness);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        assert_eq!(harness.call.state(), StateName::Live);
        harness.out.clear();
    }
}

#[test]
fn what_the_other_relay_ends_a_look_for_is_not_shown_again_either() {
    let (mut harness, _) = missing_bob(|config| config.directory.credentials = true);
    harness.advance(POLITE);
    show(&mut harness);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let cause = Cause::new(CauseKind::Unauthorized);
    harness.feed(Input::SessionClosed { session, cause });
    harness.advance(SECOND);
    assert!(harness.dials().is_empty(), "nothing to show yet");
    show(&mut harness);
    assert_eq!(harness.dials().len(), 1);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn what_was_refused_to_a_look_is_no_verdict_on_the_call() {
    let (mut harness, home, _) = missing_bob_on(|config| config.directory.credentials = true);
    let refuse = |harness: &mut CallHarness| {
        show(harness);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        harness.out.clear();
    };
    harness.advance(POLITE);
    refuse(&mut harness);
    harness.lose(home);
    let session = harness.last_dial();
    fail(&mut harness, session);
    harness.advance(SECOND);
    refuse(&mut harness);
    assert_eq!(harness.call.state(), StateName::Recovering, "it has been refused once");
}

#[test]
fn a_look_that_waits_for_a_credential_has_not_gone_out_and_is_not_closed() {
    let (mut harness, namespace_subscriptions) =
        missing_bob(|config| config.directory.credentials = true);
    harness.advance(POLITE + SECOND * 4);
    assert!(harness.closed_sessions().is_empty(), "late");
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.advance(SECOND * 3);
    assert!(harness.closed_sessions().is_empty(), "nobody is missing any more");
    show(&mut harness);
    assert!(harness.dials().is_empty());
}
