//! Who has been moved to another relay: by a look that found somebody, or by an outage.

use super::{POLITE, SECOND, agree_to_look_out, dialled, fail, missing_bob, missing_bob_on};
use crate::common::{CallHarness, MS};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId};
use holdline_core::{Event, Input, Output, StateName};

/// Carol, alone in the north, looks for both and finds one of them in the south: what looks out for it there.
fn found(whom: &str) -> (CallHarness, NamespaceSubscriptionId) {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 5,
    });
    for _ in 0..10 {
        harness.next_dial_after(SECOND * 40);
        let session = harness.last_dial();
        harness.feed(Input::Connected { session });
        let asked = harness.drain(|output| match output {
            Output::SubscribeNamespace { namespace_subscription, prefix, .. } => {
                Some((*namespace_subscription, prefix[1].clone()))
            }
            _ => None,
        });
        // At first it is only for Bob that she looks.
        if asked.len() < 2 {
            let cause = Cause::new(CauseKind::ClosedByRelay);
            harness.feed(Input::SessionClosed { session, cause });
            continue;
        }
        let (_, (namespace_subscription, _)) =
            asked.iter().find(|(_, (_, other))| other == whom).expect("asked");
        for (_, (namespace_subscription, _)) in &asked {
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
    panic!("dave is not looked for");
}

#[test]
fn who_goes_as_we_come_is_where_we_were_if_its_name_is_greater() {
    for (whom, after, goes_back) in
        [("dave", 1_999, true), ("dave", 2_000, false), ("bob", 100, false)]
    {
        let (mut harness, namespace_subscription) = found(whom);
        harness.advance_alive(MS * after);
        // A look for the other one, who is not there.
        for (session, _) in dialled(&mut harness) {
            fail(&mut harness, session);
        }
        harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 9 });
        let dials = dialled(&mut harness).into_iter().map(|(_, relay)| relay).collect::<Vec<_>>();
        let back: &[&str] = if goes_back { &["north"] } else { &[] };
        assert_eq!(dials, back, "{whom} after {after} ms");
    }
}

/// Carol has lost the north, where Bob and Dave were, and has just come up in the south, which looks out for them.
fn stranded() -> (CallHarness, SessionId, [NamespaceSubscriptionId; 2]) {
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
    let south = dials.iter().find(|(_, relay)| relay == "south").expect("its turn").0;
    harness.feed(Input::Connected { session: south });
    // Home has a moment to answer.
    harness.advance(SECOND);
    let namespace_subscriptions = agree_to_look_out(&mut harness);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.out.clear();
    (harness, south, namespace_subscriptions)
}

/// It does not wait until they are said to be away, nor until the call is live.
#[test]
fn who_is_moved_to_where_nobody_is_looks_back_in_a_moment() {
    let (mut harness, south, _) = stranded();
    harness.advance(MS * 299);
    assert!(harness.dials().is_empty());
    harness.advance(MS);
    let dials = dialled(&mut harness);
    let [(scout, relay)] = &dials[..] else { panic!("{dials:?}") };
    assert_eq!((relay.as_str(), harness.call.state()), ("north", StateName::Joining));
    harness.feed(Input::Connected { session: *scout });
    let asked = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
            Some((*session, *namespace_subscription, prefix[1].clone()))
        }
        _ => None,
    });
    let (_, (on, namespace_subscription, whom)) = asked[0].clone();
    assert_eq!((asked.len(), on, whom.as_str()), (2, *scout, "bob"));
    for (_, (_, namespace_subscription, _)) in &asked {
        harness.feed(Input::NamespaceSubscriptionAccepted {
            namespace_subscription: *namespace_subscription,
        });
    }
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 6 });
    assert_eq!(harness.closed_sessions(), [south]);
    assert_eq!(harness.call.state(), StateName::Joining);
    let (subscription, _) = harness.subscription().expect("to bob's");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance(SECOND * 3);
    let told = |event: &Event| match event {
        Event::IncidentStarted { incident, .. } => Some((*incident, false)),
        Event::Recovered { incident, .. } => Some((*incident, true)),
        _ => None,
    };
    let incidents: Vec<_> = harness.events().iter().filter_map(told).collect();
    assert!(matches!(incidents[..], [(_, true)]), "all of it was one: {incidents:?}");
    assert!(harness.dials().is_empty(), "who came to meet somebody has not been moved");
}

#[test]
fn who_is_moved_to_where_somebody_is_or_comes_does_not_hurry() {
    for after in [0, 290] {
        let (mut harness, _, namespace_subscriptions) = stranded();
        harness.advance(MS * after);
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 9,
        });
        let (subscription, _) = harness.subscription().expect("to dave's");
        harness.feed(Input::SubscriptionAccepted { subscription });
        harness.advance(POLITE - MS * (after + 1));
        assert!(harness.dials().is_empty());
        harness.advance(MS);
        assert_eq!(harness.dials().len(), 1, "for bob");
    }
}

#[test]
fn a_look_ends_with_the_session_that_it_was_made_from() {
    let lost: fn(&mut CallHarness, SessionId) = |harness, south| {
        harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    };
    let closed: fn(&mut CallHarness, SessionId) = |harness, _| {
        harness.feed(Input::Close);
    };
    for end in [lost, closed] {
        let (mut harness, south, _) = stranded();
        harness.advance(MS * 300);
        let scout = harness.last_dial();
        harness.feed(Input::Connected { session: scout });
        end(&mut harness, south);
        assert!(harness.closed_sessions().contains(&scout));
    }
}
