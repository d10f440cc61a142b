//! What becomes of a look.

use super::{POLITE, SECOND, dialled, fail, looking, missing_bob};
use crate::common::MS;
use holdline_core::{Cause, CauseKind, Event, Input, Output, SessionId, StateName};

#[test]
fn a_look_goes_on_whatever_other_session_ends() {
    let (mut hand, _, scout, watch) = looking();
    let cause = Cause::new(CauseKind::ClosedByRelay);
    hand.give(Input::SessionClosed { session: SessionId(u64::MAX), cause: cause.clone() });
    hand.give(Input::EpochAdded { watch, epoch: 9 });
    assert_eq!(hand.call.state(), StateName::Joining, "it has moved there");
    // And ends with its own.
    let (mut hand, _, scout_of_this, watch) = looking();
    assert_eq!(scout, scout_of_this);
    hand.give(Input::SessionClosed { session: scout, cause });
    hand.give(Input::EpochAdded { watch, epoch: 9 });
    assert_eq!(hand.call.state(), StateName::Live, "there is no look any more");
}

#[test]
fn a_look_that_is_not_answered_is_given_up_and_so_is_one_that_finds_nobody() {
    let (mut hand, _) = missing_bob(|_| {});
    hand.pass(POLITE);
    let unanswered = hand.last_dial();
    hand.pass(MS * 2_999);
    assert!(hand.closed_sessions().is_empty());
    hand.pass(MS);
    assert_eq!(hand.closed_sessions(), [unanswered], "a dial has its time");

    let (mut hand, _, scout, _) = looking();
    hand.pass(MS * 1_999);
    assert!(hand.closed_sessions().is_empty());
    hand.pass(MS);
    assert_eq!(hand.closed_sessions(), [scout], "a relay must agree within 2 s");

    let (mut hand, _, scout, watch) = looking();
    hand.give(Input::WatchAccepted { watch });
    hand.pass(MS * 299);
    assert!(hand.closed_sessions().is_empty());
    hand.pass(MS);
    assert_eq!(hand.closed_sessions(), [scout], "who is there is told at once");
}

#[test]
fn what_became_of_an_earlier_look_says_nothing_of_this_one() {
    let (mut hand, _) = missing_bob(|_| {});
    hand.pass(POLITE);
    let earlier = hand.last_dial();
    hand.pass(SECOND * 3);
    let session = hand.last_dial();
    assert_eq!(hand.closed_sessions(), [earlier], "its relay is dialled anew");
    fail(&mut hand, earlier);
    hand.give(Input::Connected { session });
    assert!(hand.watch().is_some(), "it is there, and looks");
}

#[test]
fn a_look_whose_session_ends_is_followed_by_another() {
    let (mut hand, _, scout, _) = looking();
    let ended = hand.now;
    let cause = Cause::new(CauseKind::ClosedByRelay);
    hand.give(Input::SessionClosed { session: scout, cause });
    let pause = hand.next_dial_after(SECOND * 2) - ended;
    assert!(pause <= SECOND, "{pause:?}");
    assert!(hand.closed_sessions().is_empty(), "it had ended by itself");
}

#[test]
fn who_comes_back_by_themselves_is_looked_for_no_more() {
    let (mut hand, watches, scout, _) = looking();
    hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
    hand.pass(SECOND * 3);
    assert_eq!(hand.closed_sessions(), [scout]);
    assert!(hand.dials().is_empty());
}

#[test]
fn only_who_was_looked_for_moves_the_call() {
    let (mut hand, watches, scout, watch) = looking();
    hand.give(Input::EpochAdded { watch: watches[1], epoch: 6 });
    assert_eq!(hand.call.state(), StateName::Live);
    hand.give(Input::WatchAccepted { watch });
    hand.out.clear();
    hand.give(Input::EpochAdded { watch, epoch: 9 });
    let moved = |event: &Event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    };
    let causes: Vec<CauseKind> = hand.events().iter().filter_map(moved).collect();
    assert_eq!(causes, [CauseKind::PeerElsewhere]);
    assert_eq!(hand.call.state(), StateName::Joining);
    assert!(!hand.closed_sessions().contains(&scout));
    let asked = hand.take(|output| match output {
        Output::Watch { session, prefix, .. } => Some((*session, prefix[1].clone())),
        _ => None,
    });
    let asked: Vec<_> = asked.into_iter().map(|(_, asked)| asked).collect();
    assert_eq!(asked, [(scout, "dave".into())], "it looks out for bob already");
}

/// R12: each says for itself that it is there, and once.
#[test]
fn what_connects_of_two_looks_is_asked_once_and_the_other_one_is_not() {
    let (mut hand, _) = missing_bob(|config| config.relays.push("west".into()));
    hand.pass(POLITE);
    let looks = dialled(&mut hand);
    let [(south, _), (west, _)] = looks[..] else { panic!("{looks:?}") };
    let mut asked_on = |session| {
        hand.out.clear();
        hand.give(Input::Connected { session });
        let watches = hand.take(|output| match output {
            Output::Watch { session, .. } => Some(*session),
            _ => None,
        });
        watches.into_iter().map(|(_, session)| session).collect::<Vec<_>>()
    };
    assert_eq!(asked_on(SessionId(u64::MAX)), []);
    assert_eq!(asked_on(west), [west]);
    assert_eq!(asked_on(west), []);
    assert_eq!(asked_on(south), [south]);
}
