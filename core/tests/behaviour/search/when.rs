//! Who looks, when, and where.

use super::{
    PATIENT, POLITE, SECOND, agree_to_look_out, dialled, fail, missing_bob, missing_bob_after,
    missing_bob_on,
};
use crate::common::{Hand, MS, subscribe};
use bytes::Bytes;
use holdline_core::{
    Cause, CauseKind, Event, FetchEnd, Frame, FrameNumber, Input, Location, Object, Output, Policy,
    Reason, SessionId, TrackId,
};

#[test]
fn the_polite_one_looks_after_a_second_and_then_less_and_less_often() {
    let (mut hand, _) = missing_bob(|_| {});
    hand.pass(POLITE - MS);
    assert!(hand.dials().is_empty());
    hand.pass(MS);
    for bound in [1, 2, 4, 8, 16, 30, 30] {
        let session = hand.last_dial();
        let failed_at = hand.now;
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        let pause = hand.next_dial_after(SECOND * 40) - failed_at;
        assert!(pause <= SECOND * bound && pause >= SECOND * bound * 4 / 5, "{pause:?} of {bound}");
    }
}

#[test]
fn who_has_one_relay_is_not_even_woken_to_look_elsewhere() {
    let (mut hand, _) = missing_bob(|config| config.relays.truncate(1));
    let until = hand.now + SECOND * 60;
    while let Some(deadline) = hand.call.deadline().filter(|deadline| deadline.at <= until) {
        assert_ne!(deadline.reason, Reason::Rendezvous);
        hand.pass(deadline.at - hand.now);
    }
}

/// On a session that has just come up, Dave is there and Bob is not.
fn only_dave(hand: &mut Hand) {
    let asked = hand.take(|output| match output {
        Output::Watch { watch, prefix, .. } => Some((*watch, prefix[1].clone())),
        _ => None,
    });
    for (_, (watch, whom)) in asked {
        hand.give(Input::WatchAccepted { watch });
        if whom == "dave" {
            hand.give(Input::EpochAdded { watch, epoch: 7 });
        }
    }
    let (subscription, _) = hand.subscription().expect("to dave's");
    hand.give(Input::SubscriptionAccepted { subscription });
}

#[test]
fn who_has_moved_begins_where_they_were() {
    let mut session = SessionId(0);
    let elsewhere = |hand: &mut Hand| {
        let first = hand.last_dial();
        fail(hand, first);
        hand.pass(MS * 500);
        session = dialled(hand).pop().expect("a dial").0;
        session
    };
    let (mut hand, watches) =
        missing_bob_after(|config| config.relays.push("west".into()), elsewhere);
    hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
    let (subscription, _) = hand.subscription().expect("to bob's");
    hand.give(Input::SubscriptionAccepted { subscription });
    // Long enough to belong to the south.
    hand.pass(SECOND * 30).out.clear();
    hand.give(Input::SessionClosed { session, cause: Cause::new(CauseKind::ClosedByRelay) });
    let (south, relay) = dialled(&mut hand)[0].clone();
    assert_eq!(relay, "south");
    fail(&mut hand, south);
    hand.pass(SECOND);
    let dialled_west = dialled(&mut hand).into_iter().find(|(_, relay)| relay == "west");
    let (west, _) = dialled_west.expect("its turn");
    hand.give(Input::Connected { session: west });
    // Home has a moment to answer.
    hand.pass(SECOND);
    only_dave(&mut hand);
    hand.out.clear();
    hand.next_dial_after(SECOND * 5);
    assert_eq!(dialled(&mut hand)[0].1, "south");
}

#[test]
fn who_is_with_somebody_smaller_does_not_leave_them_to_look_for_others() {
    let (mut hand, watches) = missing_bob(|_| {});
    hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
    hand.give(Input::EpochRemoved { watch: watches[1], epoch: 5 });
    hand.pass(SECOND * 60);
    assert!(hand.dials().is_empty());
    // Bob goes, too: now it is for Carol to look for him.
    hand.give(Input::EpochRemoved { watch: watches[0], epoch: 6 });
    let told = hand.now + SECOND * 2;
    assert_eq!(hand.next_dial_after(SECOND * 4), told + POLITE);
}

#[test]
fn who_was_declared_gone_is_no_company() {
    let (mut hand, watches) = missing_bob(|_| {});
    hand.pass(SECOND * 120);
    let is_gone = |event: &Event| matches!(event, Event::ParticipantLeft { .. });
    assert!(hand.events().iter().any(is_gone), "bob has a smaller name");
    hand.out.clear();
    hand.give(Input::EpochRemoved { watch: watches[1], epoch: 5 });
    let told = hand.now + SECOND * 2;
    assert_eq!(hand.next_dial_after(SECOND * 20), told + PATIENT, "for dave");
}

/// A relay believes in somebody who was killed until its own idle timeout.
#[test]
fn who_is_with_somebody_smaller_that_does_not_answer_is_with_nobody() {
    for (speaks, answers) in [(true, false), (true, true), (false, false)] {
        let (mut hand, watches) = missing_bob(|_| {});
        hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
        let (subscription, _) = hand.subscription().expect("to bob's");
        hand.give(Input::SubscriptionAccepted { subscription });
        let speech = |hand: &mut Hand, subscription| {
            let frame = Frame::new(0, Bytes::from_static(b"speech"));
            let number = FrameNumber::new(1, 0);
            let object = Object { location: Location::new(1, 0), number, frame };
            hand.give(Input::Object { subscription, object });
        };
        if speaks {
            speech(&mut hand, subscription);
        }
        // Dave was heard, and is gone.
        hand.give(Input::EpochAdded { watch: watches[1], epoch: 6 });
        let (subscription, _) = hand.subscription().expect("to dave's");
        hand.give(Input::SubscriptionAccepted { subscription });
        speech(&mut hand, subscription);
        hand.give(Input::EpochRemoved { watch: watches[1], epoch: 6 });
        // Of another track of his nothing was ever heard: that says nothing.
        hand.give(subscribe(TrackId(4), "bob", "more"));
        hand.give(Input::EpochRemoved { watch: watches[1], epoch: 5 });
        let (until, mut dials) = (hand.now + SECOND * 20, Vec::new());
        while hand.now < until {
            hand.pass(MS * 100);
            for (_, fetch) in hand.take(|output| match output {
                Output::Fetch { fetch, .. } => Some(*fetch),
                _ => None,
            }) {
                if answers {
                    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Complete });
                }
            }
            dials.append(&mut hand.dials());
        }
        assert_eq!(!dials.is_empty(), speaks && !answers, "{speaks} {answers}");
    }
}

/// R12: as many at once as the policy lets attempts race. A relay that does not answer holds up no other one.
#[test]
fn the_other_relays_are_looked_at_side_by_side_or_each_has_its_turn() {
    let looks = |policy: Policy, answers: bool| {
        let (mut hand, _) = missing_bob(|config| {
            config.relays.push("west".into());
            config.policy = policy.clone();
        });
        hand.pass(POLITE - MS);
        let began = hand.now + MS;
        let mut looked = Vec::new();
        while looked.len() < 4 {
            hand.pass(MS);
            for (session, relay) in dialled(&mut hand) {
                looked.push((relay, (hand.now - began).as_secs()));
                if answers {
                    fail(&mut hand, session);
                }
            }
        }
        looked
    };
    let south = |at| (String::from("south"), at);
    let west = |at| (String::from("west"), at);
    let interactive = Policy::interactive();
    assert_eq!(looks(interactive.clone(), true), [south(0), west(0), west(0), south(0)]);
    assert_eq!(looks(interactive.clone(), false), [south(0), west(0), west(3), south(3)]);
    let two = Policy { racing: 2, ..interactive };
    assert_eq!(looks(two, false), [south(0), west(0), west(3), south(3)]);
    assert_eq!(looks(Policy::strict(), false), [south(0), west(3), south(6), west(9)]);
}

/// Whoever has lost its relay knows that the others may have, too.
#[test]
fn who_was_not_found_is_missed_before_it_counts_as_away() {
    for (found, dials) in [(false, 1), (true, 0)] {
        let (mut hand, north, watches) = missing_bob_on(|_| {});
        hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
        hand.lose(north);
        let session = hand.last_dial();
        hand.out.clear();
        hand.give(Input::Connected { session });
        let [bob, dave] = agree_to_look_out(&mut hand);
        hand.give(Input::EpochAdded { watch: dave, epoch: 7 });
        if found {
            hand.give(Input::EpochAdded { watch: bob, epoch: 7 });
            hand.give(Input::EpochRemoved { watch: bob, epoch: 7 });
        }
        hand.out.clear();
        hand.pass(POLITE);
        assert_eq!(hand.dials().len(), dials);
    }
}
