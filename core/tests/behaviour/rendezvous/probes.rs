//! How a probe ends.

use super::{PROBE_DELAY, SECOND, dialled, fail, missing_bob, probing};
use crate::common::MS;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::SessionId;
use holdline_core::{Event, Input, Output, StateName};

#[test]
fn a_probe_ends_only_with_its_own_session() {
    let (mut harness, _, probe, namespace_subscription) = probing();
    let cause = Cause::new(CauseKind::ClosedByRelay);
    harness.feed(Input::SessionClosed { session: SessionId(u64::MAX), cause: cause.clone() });
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 9 });
    assert_eq!(harness.call.state(), StateName::Joining, "the call has moved to the other relay");
    // The end of its own session ends the probe.
    let (mut harness, _, second_probe, namespace_subscription) = probing();
    assert_eq!(probe, second_probe);
    harness.feed(Input::SessionClosed { session: probe, cause });
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 9 });
    assert_eq!(harness.call.state(), StateName::Live, "the probe has ended");
}

/// A dial has 3 s, the answer of the relay 2 s, and the announcement of a namespace 300 ms.
#[test]
fn a_probe_without_a_result_is_abandoned() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(PROBE_DELAY);
    let unanswered = harness.last_dial();
    harness.advance(MS * 2_999);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [unanswered], "a dial has 3 s");

    let (mut harness, _, probe, _) = probing();
    harness.advance(MS * 1_999);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [probe], "a relay must accept within 2 s");

    let (mut harness, _, probe, namespace_subscription) = probing();
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance(MS * 299);
    assert!(harness.closed_sessions().is_empty());
    harness.advance(MS);
    assert_eq!(harness.closed_sessions(), [probe], "a relay announces present namespaces at once");
}

#[test]
fn the_failure_of_an_earlier_probe_changes_nothing() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(PROBE_DELAY);
    let earlier = harness.last_dial();
    harness.advance(SECOND * 3);
    let session = harness.last_dial();
    assert_eq!(harness.closed_sessions(), [earlier], "the call dials its relay again");
    fail(&mut harness, earlier);
    harness.feed(Input::Connected { session });
    assert!(harness.namespace_subscription().is_some(), "the second probe subscribes");
}

#[test]
fn a_probe_whose_session_ends_is_followed_by_another() {
    let (mut harness, _, probe, _) = probing();
    let ended = harness.now;
    let cause = Cause::new(CauseKind::ClosedByRelay);
    harness.feed(Input::SessionClosed { session: probe, cause });
    let pause = harness.next_dial_after(SECOND * 2) - ended;
    assert!(pause <= SECOND, "{pause:?}");
    assert!(harness.closed_sessions().is_empty(), "the session had ended by itself");
}

#[test]
fn a_participant_that_returns_ends_the_probe() {
    let (mut harness, namespace_subscriptions, probe, _) = probing();
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.advance(SECOND * 3);
    assert_eq!(harness.closed_sessions(), [probe]);
    assert!(harness.dials().is_empty());
}

#[test]
fn only_the_probed_participant_moves_the_call() {
    let (mut harness, namespace_subscriptions, probe, namespace_subscription) = probing();
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
    assert!(!harness.closed_sessions().contains(&probe));
    let requested = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, prefix, .. } => Some((*session, prefix[1].clone())),
        _ => None,
    });
    let requested: Vec<_> = requested.into_iter().map(|(_, requested)| requested).collect();
    assert_eq!(
        requested,
        [(probe, "dave".into())],
        "the probe has subscribed to bob's namespace already"
    );
}

/// R12: a probe subscribes when its own session is connected, and not before.
#[test]
fn each_of_two_probes_subscribes_once_when_it_connects() {
    let (mut harness, _) = missing_bob(|config| config.relays.push("west".into()));
    harness.advance(PROBE_DELAY);
    let probes = dialled(&mut harness);
    let [(south, _), (west, _)] = probes[..] else { panic!("{probes:?}") };
    let mut subscribes_on = |session| {
        harness.out.clear();
        harness.feed(Input::Connected { session });
        let namespace_subscriptions = harness.drain(|output| match output {
            Output::SubscribeNamespace { session, .. } => Some(*session),
            _ => None,
        });
        namespace_subscriptions.into_iter().map(|(_, session)| session).collect::<Vec<_>>()
    };
    assert_eq!(subscribes_on(SessionId(u64::MAX)), []);
    assert_eq!(subscribes_on(west), [west]);
    assert_eq!(subscribes_on(west), []);
    assert_eq!(subscribes_on(south), [south]);
}
