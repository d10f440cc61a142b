//! Calls that moved to another relay: because a probe found a participant, or because of an outage.

use super::{
    PROBE_DELAY, SECOND, accept_namespace_subscriptions, dialled, fail, missing_bob, missing_bob_on,
};
use crate::common::{CallHarness, MS};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId};
use holdline_core::{Event, Input, Output, StateName};

/// Carol, alone in the north, probes for both peers and finds one of them in the south. Returns her
/// call and its namespace subscription for that peer.
fn found_in_the_south(peer: &str) -> (CallHarness, NamespaceSubscriptionId) {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 5,
    });
    for _ in 0..10 {
        harness.next_dial_after(SECOND * 40);
        let session = harness.last_dial();
        harness.feed(Input::Connected { session });
        let requested = harness.drain(|output| match output {
            Output::SubscribeNamespace { namespace_subscription, prefix, .. } => {
                Some((*namespace_subscription, prefix[1].clone()))
            }
            _ => None,
        });
        // At first she probes only for Bob.
        if requested.len() < 2 {
            let cause = Cause::new(CauseKind::ClosedByRelay);
            harness.feed(Input::SessionClosed { session, cause });
            continue;
        }
        let (_, (namespace_subscription, _)) = requested
            .iter()
            .find(|(_, (_, other))| other == peer)
            .expect("the probe subscribes to the peer's namespace");
        for (_, (namespace_subscription, _)) in &requested {
            harness.feed(Input::NamespaceSubscriptionAccepted {
                namespace_subscription: *namespace_subscription,
            });
        }
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: *namespace_subscription,
            epoch: 9,
        });
        assert_eq!(harness.call.state(), StateName::Joining);
        harness.out.clear();
        return (harness, *namespace_subscription);
    }
    panic!("no probe subscribes to dave's namespace");
}

/// A peer that leaves within 2 s of our arrival has most likely moved to our former relay (glare).
/// The call with the smaller name returns there.
#[test]
fn a_greater_name_that_leaves_as_we_arrive_is_followed() {
    for (peer, after, returns) in
        [("dave", 1_999, true), ("dave", 2_000, false), ("bob", 100, false)]
    {
        let (mut harness, namespace_subscription) = found_in_the_south(peer);
        harness.advance_alive(MS * after);
        // A probe for the other peer, which is not online, fails.
        for (session, _) in dialled(&mut harness) {
            fail(&mut harness, session);
        }
        harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 9 });
        let dials = dialled(&mut harness).into_iter().map(|(_, relay)| relay).collect::<Vec<_>>();
        let back: &[&str] = if returns { &["north"] } else { &[] };
        assert_eq!(dials, back, "{peer} after {after} ms");
    }
}

/// Carol has lost the north, where Bob and Dave were, and has just connected to the south. The
/// south has accepted her namespace subscriptions for both.
fn alone_after_an_outage() -> (CallHarness, SessionId, [NamespaceSubscriptionId; 2]) {
    let (mut harness, north, namespace_subscriptions) = missing_bob_on(|_| {});
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.out.clear();
    harness.lose(north);
    let first = harness.last_dial();
    fail(&mut harness, first);
    harness.advance(MS * 500);
    let dials = dialled(&mut harness);
    let south = dials.iter().find(|(_, relay)| relay == "south").expect("a dial to the south").0;
    harness.feed(Input::Connected { session: south });
    // The home relay has a moment to answer.
    harness.advance(SECOND);
    let namespace_subscriptions = accept_namespace_subscriptions(&mut harness);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.out.clear();
    (harness, south, namespace_subscriptions)
}

/// The call does not wait until its peers count as away, nor until it is live.
#[test]
fn a_call_moved_to_an_empty_relay_probes_home_soon() {
    let (mut harness, south, _) = alone_after_an_outage();
    harness.advance(MS * 299);
    assert!(harness.dials().is_empty());
    harness.advance(MS);
    let dials = dialled(&mut harness);
    let [(probe, relay)] = &dials[..] else { panic!("{dials:?}") };
    assert_eq!((relay.as_str(), harness.call.state()), ("north", StateName::Joining));
    harness.feed(Input::Connected { session: *probe });
    let requested = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
            Some((*session, *namespace_subscription, prefix[1].clone()))
        }
        _ => None,
    });
    let (_, (on, namespace_subscription, peer)) = requested[0].clone();
    assert_eq!((requested.len(), on, peer.as_str()), (2, *probe, "bob"));
    for (_, (_, namespace_subscription, _)) in &requested {
        harness.feed(Input::NamespaceSubscriptionAccepted {
            namespace_subscription: *namespace_subscription,
        });
    }
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 6 });
    assert_eq!(harness.closed_sessions(), [south]);
    assert_eq!(harness.call.state(), StateName::Joining);
    let (subscription, _) = harness.subscription().expect("a subscription to bob's track");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance(SECOND * 3);
    let reported = |event: &Event| match event {
        Event::IncidentStarted { incident, .. } => Some((*incident, false)),
        Event::Recovered { incident, .. } => Some((*incident, true)),
        _ => None,
    };
    let incidents: Vec<_> = harness.events().iter().filter_map(reported).collect();
    assert!(matches!(incidents[..], [(_, true)]), "all of it was one incident: {incidents:?}");
    assert!(harness.dials().is_empty(), "a move to meet a peer causes no probe");
}

/// The peer is online already, or connects before the early probe.
#[test]
fn a_call_moved_to_a_relay_with_a_peer_waits() {
    for after in [0, 290] {
        let (mut harness, _, namespace_subscriptions) = alone_after_an_outage();
        harness.advance(MS * after);
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 9,
        });
        let (subscription, _) = harness.subscription().expect("a subscription to dave's track");
        harness.feed(Input::SubscriptionAccepted { subscription });
        harness.advance(PROBE_DELAY - MS * (after + 1));
        assert!(harness.dials().is_empty());
        harness.advance(MS);
        assert_eq!(harness.dials().len(), 1, "the probe is for bob");
    }
}

#[test]
fn a_probe_ends_with_the_session_it_started_from() {
    let lost: fn(&mut CallHarness, SessionId) = |harness, south| {
        harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    };
    let closed: fn(&mut CallHarness, SessionId) = |harness, _| {
        harness.feed(Input::Close);
    };
    for end in [lost, closed] {
        let (mut harness, south, _) = alone_after_an_outage();
        harness.advance(MS * 300);
        let probe = harness.last_dial();
        harness.feed(Input::Connected { session: probe });
        end(&mut harness, south);
        assert!(harness.closed_sessions().contains(&probe));
    }
}
