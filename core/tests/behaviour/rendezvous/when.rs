//! Which participant probes, when, and on which relay.

use super::{
    PROBE_DELAY, SECOND, SMALLEST_NAME_PROBE_DELAY, accept_namespace_subscriptions, dialled, fail,
    missing_bob, missing_bob_after, missing_bob_on,
};
use crate::common::{CallHarness, MS, subscribe};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{SessionId, TrackId};
use holdline_core::media::{FetchEnd, Frame, FrameNumber, Location, Object};
use holdline_core::{Event, Input, Output, WakeReason};

/// The probing participant misses a smaller name than its own.
#[test]
fn probes_begin_after_a_second_and_then_back_off() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(PROBE_DELAY - MS);
    assert!(harness.dials().is_empty());
    harness.advance(MS);
    for bound in [1, 2, 4, 8, 16, 30, 30] {
        let session = harness.last_dial();
        let failed_at = harness.now;
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        let pause = harness.next_dial_after(SECOND * 40) - failed_at;
        assert!(pause <= SECOND * bound && pause >= SECOND * bound * 4 / 5, "{pause:?} of {bound}");
    }
}

#[test]
fn a_call_with_one_relay_has_no_rendezvous_deadline() {
    let (mut harness, _) = missing_bob(|config| config.relays.truncate(1));
    let until = harness.now + SECOND * 60;
    while let Some(deadline) = harness.call.deadline().filter(|deadline| deadline.at <= until) {
        assert_ne!(deadline.reason, WakeReason::Rendezvous);
        harness.advance(deadline.at - harness.now);
    }
}

/// On a session that has just connected, Dave is online and Bob is not.
fn only_dave(harness: &mut CallHarness) {
    let requested = harness.drain(|output| match output {
        Output::SubscribeNamespace { namespace_subscription, prefix, .. } => {
            Some((*namespace_subscription, prefix[1].clone()))
        }
        _ => None,
    });
    for (_, (namespace_subscription, peer)) in requested {
        harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
        if peer == "dave" {
            harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 7 });
        }
    }
    let (subscription, _) = harness.subscription().expect("a subscription to dave's track");
    harness.feed(Input::SubscriptionAccepted { subscription });
}

#[test]
fn a_moved_call_first_probes_its_former_relay() {
    let mut session = SessionId(0);
    let elsewhere = |harness: &mut CallHarness| {
        let first = harness.last_dial();
        fail(harness, first);
        harness.advance(MS * 500);
        session = dialled(harness).pop().expect("the call dials").0;
        session
    };
    let (mut harness, namespace_subscriptions) =
        missing_bob_after(|config| config.relays.push("west".into()), elsewhere);
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    let (subscription, _) = harness.subscription().expect("a subscription to bob's track");
    harness.feed(Input::SubscriptionAccepted { subscription });
    // The session is up long enough to make the south the home relay.
    harness.advance(SECOND * 30).out.clear();
    harness.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::ClosedByRelay) });
    let (south, relay) = dialled(&mut harness)[0].clone();
    assert_eq!(relay, "south");
    fail(&mut harness, south);
    harness.advance(SECOND);
    let dialled_west = dialled(&mut harness).into_iter().find(|(_, relay)| relay == "west");
    let (west, _) = dialled_west.expect("a dial to the west");
    harness.feed(Input::Connected { session: west });
    // The home relay has a moment to answer.
    harness.advance(SECOND);
    only_dave(&mut harness);
    harness.out.clear();
    harness.next_dial_after(SECOND * 5);
    assert_eq!(dialled(&mut harness)[0].1, "south");
}

#[test]
fn a_call_that_shares_its_relay_with_smaller_names_stays() {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 5,
    });
    harness.advance(SECOND * 60);
    assert!(harness.dials().is_empty());
    // Bob leaves, too. Now Carol probes for him.
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    let away_at = harness.now + SECOND * 2;
    assert_eq!(harness.next_dial_after(SECOND * 4), away_at + PROBE_DELAY);
}

#[test]
fn a_participant_that_left_does_not_shorten_the_probe_delay() {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.advance(SECOND * 120);
    let is_gone = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
    assert!(harness.events().iter().any(is_gone), "bob, who has a smaller name, has left");
    harness.out.clear();
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 5,
    });
    let away_at = harness.now + SECOND * 2;
    assert_eq!(
        harness.next_dial_after(SECOND * 20),
        away_at + SMALLEST_NAME_PROBE_DELAY,
        "the probe is for dave"
    );
}

/// A relay announces a killed participant until the relay's own idle timeout.
#[test]
fn a_smaller_name_that_does_not_answer_prevents_no_probe() {
    for (sends, answers) in [(true, false), (true, true), (false, false)] {
        let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[0],
            epoch: 6,
        });
        let (subscription, _) = harness.subscription().expect("a subscription to bob's track");
        harness.feed(Input::SubscriptionAccepted { subscription });
        let receive_frame = |harness: &mut CallHarness, subscription| {
            let frame = Frame::new(0, Bytes::from_static(b"speech"));
            let number = FrameNumber::new(1, 0);
            let object = Object { location: Location::new(1, 0), number, frame };
            harness.feed(Input::Object { subscription, object });
        };
        if sends {
            receive_frame(&mut harness, subscription);
        }
        // Dave's track delivers a frame, and Dave leaves.
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 6,
        });
        let (subscription, _) = harness.subscription().expect("a subscription to dave's track");
        harness.feed(Input::SubscriptionAccepted { subscription });
        receive_frame(&mut harness, subscription);
        harness.feed(Input::NamespaceRemoved {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 6,
        });
        // Another track of Bob's has never delivered a frame, which proves nothing.
        harness.feed(subscribe(TrackId(4), "bob", "more"));
        harness.feed(Input::NamespaceRemoved {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 5,
        });
        let (until, mut dials) = (harness.now + SECOND * 20, Vec::new());
        while harness.now < until {
            harness.advance(MS * 100);
            for (_, fetch) in harness.drain(|output| match output {
                Output::Fetch { fetch, .. } => Some(*fetch),
                _ => None,
            }) {
                if answers {
                    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
                }
            }
            dials.append(&mut harness.dials());
        }
        assert_eq!(!dials.is_empty(), sends && !answers, "{sends} {answers}");
    }
}

/// R12: as many probes run at once as the policy lets attempts race. A relay that does not answer
/// delays no other probe.
#[test]
fn the_policy_decides_how_many_relays_are_probed_at_once() {
    let probes = |policy: RetryPolicy, answers: bool| {
        let (mut harness, _) = missing_bob(|config| {
            config.relays.push("west".into());
            config.policy = policy.clone();
        });
        harness.advance(PROBE_DELAY - MS);
        let began = harness.now + MS;
        let mut probed = Vec::new();
        while probed.len() < 4 {
            harness.advance(MS);
            for (session, relay) in dialled(&mut harness) {
                probed.push((relay, (harness.now - began).as_secs()));
                if answers {
                    fail(&mut harness, session);
                }
            }
        }
        probed
    };
    let south = |at| (String::from("south"), at);
    let west = |at| (String::from("west"), at);
    let interactive = RetryPolicy::interactive();
    assert_eq!(probes(interactive.clone(), true), [south(0), west(0), west(0), south(0)]);
    assert_eq!(probes(interactive.clone(), false), [south(0), west(0), west(3), south(3)]);
    let two = RetryPolicy { racing: 2, ..interactive };
    assert_eq!(probes(two, false), [south(0), west(0), west(3), south(3)]);
    assert_eq!(probes(RetryPolicy::strict(), false), [south(0), west(3), south(6), west(9)]);
}

/// A participant that lost its relay knows that its peers may have lost it, too.
#[test]
fn a_participant_absent_after_recovery_is_missed_at_once() {
    for (found, dials) in [(false, 1), (true, 0)] {
        let (mut harness, north, namespace_subscriptions) = missing_bob_on(|_| {});
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[0],
            epoch: 6,
        });
        harness.lose(north);
        let session = harness.last_dial();
        harness.out.clear();
        harness.feed(Input::Connected { session });
        let [bob, dave] = accept_namespace_subscriptions(&mut harness);
        harness.feed(Input::NamespaceAdded { namespace_subscription: dave, epoch: 7 });
        if found {
            harness.feed(Input::NamespaceAdded { namespace_subscription: bob, epoch: 7 });
            harness.feed(Input::NamespaceRemoved { namespace_subscription: bob, epoch: 7 });
        }
        harness.out.clear();
        harness.advance(PROBE_DELAY);
        assert_eq!(harness.dials().len(), dials);
    }
}
