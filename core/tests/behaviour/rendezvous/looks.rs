//! What becomes of a look.

use super::{POLITE, SECOND, dialled, fail, looking, missing_bob};
use crate::common::MS;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::SessionId;
use holdline_core::{Event, Input, Output, StateName};

#[test]
fn a_look_goes_on_whatever_other_session_ends() {
    let (mut harness, _, scout, namespace_subscription) = looking();
    let cause = Cause::new(CauseKind::ClosedByRelay);
    harness.feed(Input::SessionClosed { session: SessionId(u64::MAX), cause: cause.clone() });
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 9 });
    assert_eq!(harness.call.state(), StateName::Joining, "it has moved there");
    // And ends with its own.
    let (mut harness, _, scout_of_this, namespace_subscription) = looking();
    assert_eq!(scout, scout_of_this);
    harness.feed(Input::SessionClosed { session: scout, cause });
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 9 });
    assert_eq!(harness.call.state(), StateName::Live, "there is no look any more");
}

#[test]
fn a_look_that_is_not_answered_is_given_up_and_so_is_one_that_finds_nobody() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(POLITE);
    let unanswered = harness.last_dial();
    harness.advance(MS * 2_999);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [unanswered], "a dial has its time");

    let (mut harness, _, scout, _) = looking();
    harness.advance(MS * 1_999);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [scout], "a relay must agree within 2 s");

    let (mut harness, _, scout, namespace_subscription) = looking();
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance(MS * 299);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [scout], "who is there is told at once");
}

#[test]
fn what_became_of_an_earlier_look_says_nothing_of_this_one() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(POLITE);
    let earlier = harness.last_dial();
    harness.advance(SECOND * 3);
    let session = harness.last_dial();
    assert_eq!(harness.closed_sessions(), [earlier], "its relay is dialled anew");
    fail(&mut harness, earlier);
    harness.feed(Input::Connected { session });
    assert!(harness.namespace_subscription().is_some(), "it is there, and looks");
}

#[test]
fn a_look_whose_session_ends_is_followed_by_another() {
    let (mut harness, _, scout, _) = looking();
    let ended = harness.now;
    let cause = Cause::new(CauseKind::ClosedByRelay);
    harness.feed(Input::SessionClosed { session: scout, cause });
    let pause = harness.next_dial_after(SECOND * 2) - ended;
    assert!(pause <= SECOND, "{pause:?}");
    assert!(harness.closed_sessions().is_empty(), "it had ended by itself");
}

#[test]
fn who_comes_back_by_themselves_is_looked_for_no_more() {
    let (mut harness, namespace_subscriptions, scout, _) = looking();
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.advance(SECOND * 3);
    assert_eq!(harness.closed_sessions(), [scout]);
    assert!(harness.dials().is_empty());
}

#[test]
fn only_who_was_looked_for_moves_the_call() {
    let (mut harness, namespace_subscriptions, scout, namespace_subscription) = looking();
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 6,
    });
    assert_eq!(harness.call.state(), StateName::Live);
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.out.clear();
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 9 });
    let moved = |event: &Event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    };
    let causes: Vec<CauseKind> = harness.events().iter().filter_map(moved).collect();
    assert_eq!(causes, [CauseKind::PeerElsewhere]);
    assert_eq!(harness.call.state(), StateName::Joining);
    assert!(!harness.closed_sessions().contains(&scout));
    let asked = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, prefix, .. } => Some((*session, prefix[1].clone())),
        _ => None,
    });
    let asked: Vec<_> = asked.into_iter().map(|(_, asked)| asked).collect();
    assert_eq!(asked, [(scout, "dave".into())], "it looks out for bob already");
}

/// R12: each says for itself that it is there, and once.
#[test]
fn what_connects_of_two_looks_is_asked_once_and_the_other_one_is_not() {
    let (mut harness, _) = missing_bob(|config| config.relays.push("west".into()));
    harness.advance(POLITE);
    let looks = dialled(&mut harness);
    let [(south, _), (west, _)] = looks[..] else { panic!("{looks:?}") };
    let mut asked_on = |session| {
        harness.out.clear();
        harness.feed(Input::Connected { session });
        let namespace_subscriptions = harness.drain(|output| match output {
            Output::SubscribeNamespace { session, .. } => Some(*session),
            _ => None,
        });
        namespace_subscriptions.into_iter().map(|(_, session)| session).collect::<Vec<_>>()
    };
    assert_eq!(asked_on(SessionId(u64::MAX)), []);
    assert_eq!(asked_on(west), [west]);
    assert_eq!(asked_on(west), []);
    assert_eq!(asked_on(south), [south]);
}
