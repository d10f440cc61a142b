//! Who looks, when, and where.

use super::{
    PATIENT, POLITE, SECOND, agree_to_look_out, dialled, fail, missing_bob, missing_bob_after,
    missing_bob_on,
};
use crate::common::{CallHarness, MS, subscribe};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{SessionId, TrackId};
use holdline_core::media::{FetchEnd, Frame, FrameNumber, Location, Object};
use holdline_core::{Event, Input, Output, WakeReason};

#[test]
fn the_polite_one_looks_after_a_second_and_then_less_and_less_often() {
    let (mut harness, _) = missing_bob(|_| {});
    harness.advance(POLITE - MS);
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
fn who_has_one_relay_is_not_even_woken_to_look_elsewhere() {
    let (mut harness, _) = missing_bob(|config| config.relays.truncate(1));
    let until = harness.now + SECOND * 60;
    while let Some(deadline) = harness.call.deadline().filter(|deadline| deadline.at <= until) {
        assert_ne!(deadline.reason, WakeReason::Rendezvous);
        harness.advance(deadline.at - harness.now);
    }
}

/// On a session that has just come up, Dave is there and Bob is not.
fn only_dave(harness: &mut CallHarness) {
    let asked = harness.drain(|output| match output {
        Output::SubscribeNamespace { namespace_subscription, prefix, .. } => {
            Some((*namespace_subscription, prefix[1].clone()))
        }
        _ => None,
    });
    for (_, (namespace_subscription, whom)) in asked {
        harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
        if whom == "dave" {
            harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 7 });
        }
    }
    let (subscription, _) = harness.subscription().expect("to dave's");
    harness.feed(Input::SubscriptionAccepted { subscription });
}

#[test]
fn who_has_moved_begins_where_they_were() {
    let mut session = SessionId(0);
    let elsewhere = |harness: &mut CallHarness| {
        let first = harness.last_dial();
        fail(harness, first);
        harness.advance(MS * 500);
        session = dialled(harness).pop().expect("a dial").0;
        session
    };
    let (mut harness, namespace_subscriptions) =
        missing_bob_after(|config| config.relays.push("west".into()), elsewhere);
    harness.feed(Input::NamespaceAdded {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    let (subscription, _) = harness.subscription().expect("to bob's");
    harness.feed(Input::SubscriptionAccepted { subscription });
    // Long enough to belong to the south.
    harness.advance(SECOND * 30).out.clear();
    harness.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::ClosedByRelay) });
    let (south, relay) = dialled(&mut harness)[0].clone();
    assert_eq!(relay, "south");
    fail(&mut harness, south);
    harness.advance(SECOND);
    let dialled_west = dialled(&mut harness).into_iter().find(|(_, relay)| relay == "west");
    let (west, _) = dialled_west.expect("its turn");
    harness.feed(Input::Connected { session: west });
    // Home has a moment to answer.
    harness.advance(SECOND);
    only_dave(&mut harness);
    harness.out.clear();
    harness.next_dial_after(SECOND * 5);
    assert_eq!(dialled(&mut harness)[0].1, "south");
}

#[test]
fn who_is_with_somebody_smaller_does_not_leave_them_to_look_for_others() {
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
    // Bob goes, too: now it is for Carol to look for him.
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 6,
    });
    let told = harness.now + SECOND * 2;
    assert_eq!(harness.next_dial_after(SECOND * 4), told + POLITE);
}

#[test]
fn who_was_declared_gone_is_no_company() {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.advance(SECOND * 120);
    let is_gone = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
    assert!(harness.events().iter().any(is_gone), "bob has a smaller name");
    harness.out.clear();
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[1],
        epoch: 5,
    });
    let told = harness.now + SECOND * 2;
    assert_eq!(harness.next_dial_after(SECOND * 20), told + PATIENT, "for dave");
}

/// A relay believes in somebody who was killed until its own idle timeout.
#[test]
fn who_is_with_somebody_smaller_that_does_not_answer_is_with_nobody() {
    for (speaks, answers) in [(true, false), (true, true), (false, false)] {
        let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[0],
            epoch: 6,
        });
        let (subscription, _) = harness.subscription().expect("to bob's");
        harness.feed(Input::SubscriptionAccepted { subscription });
        let speech = |harness: &mut CallHarness, subscription| {
            let frame = Frame::new(0, Bytes::from_static(b"speech"));
            let number = FrameNumber::new(1, 0);
            let object = Object { location: Location::new(1, 0), number, frame };
            harness.feed(Input::Object { subscription, object });
        };
        if speaks {
            speech(&mut harness, subscription);
        }
        // Dave was heard, and is gone.
        harness.feed(Input::NamespaceAdded {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 6,
        });
        let (subscription, _) = harness.subscription().expect("to dave's");
        harness.feed(Input::SubscriptionAccepted { subscription });
        speech(&mut harness, subscription);
        harness.feed(Input::NamespaceRemoved {
            namespace_subscription: namespace_subscriptions[1],
            epoch: 6,
        });
        // Of another track of his nothing was ever heard: that says nothing.
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
        assert_eq!(!dials.is_empty(), speaks && !answers, "{speaks} {answers}");
    }
}

/// R12: as many at once as the policy lets attempts race. A relay that does not answer holds up no other one.
#[test]
fn the_other_relays_are_looked_at_side_by_side_or_each_has_its_turn() {
    let looks = |policy: RetryPolicy, answers: bool| {
        let (mut harness, _) = missing_bob(|config| {
            config.relays.push("west".into());
            config.policy = policy.clone();
        });
        harness.advance(POLITE - MS);
        let began = harness.now + MS;
        let mut looked = Vec::new();
        while looked.len() < 4 {
            harness.advance(MS);
            for (session, relay) in dialled(&mut harness) {
                looked.push((relay, (harness.now - began).as_secs()));
                if answers {
                    fail(&mut harness, session);
                }
            }
        }
        looked
    };
    let south = |at| (String::from("south"), at);
    let west = |at| (String::from("west"), at);
    let interactive = RetryPolicy::interactive();
    assert_eq!(looks(interactive.clone(), true), [south(0), west(0), west(0), south(0)]);
    assert_eq!(looks(interactive.clone(), false), [south(0), west(0), west(3), south(3)]);
    let two = RetryPolicy { racing: 2, ..interactive };
    assert_eq!(looks(two, false), [south(0), west(0), west(3), south(3)]);
    assert_eq!(looks(RetryPolicy::strict(), false), [south(0), west(3), south(6), west(9)]);
}

/// Whoever has lost its relay knows that the others may have, too.
#[test]
fn who_was_not_found_is_missed_before_it_counts_as_away() {
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
        let [bob, dave] = agree_to_look_out(&mut harness);
        harness.feed(Input::NamespaceAdded { namespace_subscription: dave, epoch: 7 });
        if found {
            harness.feed(Input::NamespaceAdded { namespace_subscription: bob, epoch: 7 });
            harness.feed(Input::NamespaceRemoved { namespace_subscription: bob, epoch: 7 });
        }
        harness.out.clear();
        harness.advance(POLITE);
        assert_eq!(harness.dials().len(), dials);
    }
}
