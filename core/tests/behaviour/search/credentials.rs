//! A look on a relay that wants to see something.

use super::{POLITE, SECOND, fail, missing_bob, missing_bob_on, show};
use crate::common::Hand;
use holdline_core::{Cause, CauseKind, Input, StateName};

#[test]
fn a_look_shows_what_the_other_relay_wants_to_see() {
    let (mut hand, _) = missing_bob(|config| config.directory.credentials = true);
    hand.pass(POLITE);
    assert!(hand.dials().is_empty(), "nothing to show yet");
    show(&mut hand);
    assert_eq!(hand.dials().len(), 1);
}

#[test]
fn what_the_other_relay_refused_is_not_shown_again_and_the_call_goes_on() {
    let (mut hand, _) = missing_bob(|config| config.directory.credentials = true);
    // Before each look, up to the third pause.
    for until_asked in [POLITE, SECOND, SECOND * 2] {
        hand.pass(until_asked);
        assert!(hand.dials().is_empty(), "nothing to show yet");
        show(&mut hand);
        let session = hand.last_dial();
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        assert_eq!(hand.call.state(), StateName::Live);
        hand.out.clear();
    }
}

#[test]
fn what_the_other_relay_ends_a_look_for_is_not_shown_again_either() {
    let (mut hand, _) = missing_bob(|config| config.directory.credentials = true);
    hand.pass(POLITE);
    show(&mut hand);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    let cause = Cause::new(CauseKind::Unauthorized);
    hand.give(Input::SessionClosed { session, cause });
    hand.pass(SECOND);
    assert!(hand.dials().is_empty(), "nothing to show yet");
    show(&mut hand);
    assert_eq!(hand.dials().len(), 1);
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn what_was_refused_to_a_look_is_no_verdict_on_the_call() {
    let (mut hand, home, _) = missing_bob_on(|config| config.directory.credentials = true);
    let refuse = |hand: &mut Hand| {
        show(hand);
        let session = hand.last_dial();
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        hand.out.clear();
    };
    hand.pass(POLITE);
    refuse(&mut hand);
    hand.lose(home);
    let session = hand.last_dial();
    fail(&mut hand, session);
    hand.pass(SECOND);
    refuse(&mut hand);
    assert_eq!(hand.call.state(), StateName::Recovering, "it has been refused once");
}

#[test]
fn a_look_that_waits_for_a_credential_has_not_gone_out_and_is_not_closed() {
    let (mut hand, watches) = missing_bob(|config| config.directory.credentials = true);
    hand.pass(POLITE + SECOND * 4);
    assert!(hand.closed_sessions().is_empty(), "late");
    hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
    hand.pass(SECOND * 3);
    assert!(hand.closed_sessions().is_empty(), "nobody is missing any more");
    show(&mut hand);
    assert!(hand.dials().is_empty());
}
