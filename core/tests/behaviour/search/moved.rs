//! Who has been moved to another relay: by a look that found somebody, or by an outage.

use super::{POLITE, SECOND, agree_to_look_out, dialled, fail, missing_bob, missing_bob_on};
use crate::common::{Hand, MS};
use holdline_core::{Cause, CauseKind, Event, Input, Output, SessionId, StateName, WatchId};

/// Carol, alone in the north, looks for both and finds one of them in the south: what looks out for it there.
fn found(whom: &str) -> (Hand, WatchId) {
    let (mut hand, watches) = missing_bob(|_| {});
    hand.give(Input::EpochRemoved { watch: watches[1], epoch: 5 });
    for _ in 0..10 {
        hand.next_dial_after(SECOND * 40);
        let session = hand.last_dial();
        hand.give(Input::Connected { session });
        let asked = hand.take(|output| match output {
            Output::Watch { watch, prefix, .. } => Some((*watch, prefix[1].clone())),
            _ => None,
        });
        // At first it is only for Bob that she looks.
        if asked.len() < 2 {
            let cause = Cause::new(CauseKind::ClosedByRelay);
            hand.give(Input::SessionClosed { session, cause });
            continue;
        }
        let (_, (watch, _)) = asked.iter().find(|(_, (_, other))| other == whom).expect("asked");
        for (_, (watch, _)) in &asked {
            hand.give(Input::WatchAccepted { watch: *watch });
        }
        hand.give(Input::EpochAdded { watch: *watch, epoch: 9 });
        assert_eq!(hand.call.state(), StateName::Joining);
        hand.out.clear();
        return (hand, *watch);
    }
    panic!("dave is not looked for");
}

#[test]
fn who_goes_as_we_come_is_where_we_were_if_its_name_is_greater() {
    for (whom, after, goes_back) in
        [("dave", 1_999, true), ("dave", 2_000, false), ("bob", 100, false)]
    {
        let (mut hand, watch) = found(whom);
        hand.pass_alive(MS * after);
        // A look for the other one, who is not there.
        for (session, _) in dialled(&mut hand) {
            fail(&mut hand, session);
        }
        hand.give(Input::EpochRemoved { watch, epoch: 9 });
        let dials = dialled(&mut hand).into_iter().map(|(_, relay)| relay).collect::<Vec<_>>();
        let back: &[&str] = if goes_back { &["north"] } else { &[] };
        assert_eq!(dials, back, "{whom} after {after} ms");
    }
}

/// Carol has lost the north, where Bob and Dave were, and has just come up in the south, which looks out for them.
fn stranded() -> (Hand, SessionId, [WatchId; 2]) {
    let (mut hand, north, watches) = missing_bob_on(|_| {});
    hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
    hand.out.clear();
    hand.lose(north);
    let first = hand.last_dial();
    fail(&mut hand, first);
    hand.pass(MS * 500);
    let dials = dialled(&mut hand);
    let south = dials.iter().find(|(_, relay)| relay == "south").expect("its turn").0;
    hand.give(Input::Connected { session: south });
    // Home has a moment to answer.
    hand.pass(SECOND);
    let watches = agree_to_look_out(&mut hand);
    assert_eq!(hand.call.state(), StateName::Joining);
    hand.out.clear();
    (hand, south, watches)
}

/// It does not wait until they are said to be away, nor until the call is live.
#[test]
fn who_is_moved_to_where_nobody_is_looks_back_in_a_moment() {
    let (mut hand, south, _) = stranded();
    hand.pass(MS * 299);
    assert!(hand.dials().is_empty());
    hand.pass(MS);
    let dials = dialled(&mut hand);
    let [(scout, relay)] = &dials[..] else { panic!("{dials:?}") };
    assert_eq!((relay.as_str(), hand.call.state()), ("north", StateName::Joining));
    hand.give(Input::Connected { session: *scout });
    let asked = hand.take(|output| match output {
        Output::Watch { session, watch, prefix } => Some((*session, *watch, prefix[1].clone())),
        _ => None,
    });
    let (_, (on, watch, whom)) = asked[0].clone();
    assert_eq!((asked.len(), on, whom.as_str()), (2, *scout, "bob"));
    for (_, (_, watch, _)) in &asked {
        hand.give(Input::WatchAccepted { watch: *watch });
    }
    hand.give(Input::EpochAdded { watch, epoch: 6 });
    assert_eq!(hand.closed_sessions(), [south]);
    assert_eq!(hand.call.state(), StateName::Joining);
    let (subscription, _) = hand.subscription().expect("to bob's");
    hand.give(Input::SubscriptionAccepted { subscription });
    hand.pass(SECOND * 3);
    let told = |event: &Event| match event {
        Event::IncidentStarted { incident, .. } => Some((*incident, false)),
        Event::Recovered { incident, .. } => Some((*incident, true)),
        _ => None,
    };
    let incidents: Vec<_> = hand.events().iter().filter_map(told).collect();
    assert!(matches!(incidents[..], [(_, true)]), "all of it was one: {incidents:?}");
    assert!(hand.dials().is_empty(), "who came to meet somebody has not been moved");
}

#[test]
fn who_is_moved_to_where_somebody_is_or_comes_does_not_hurry() {
    for after in [0, 290] {
        let (mut hand, _, watches) = stranded();
        hand.pass(MS * after);
        hand.give(Input::EpochAdded { watch: watches[1], epoch: 9 });
        let (subscription, _) = hand.subscription().expect("to dave's");
        hand.give(Input::SubscriptionAccepted { subscription });
        hand.pass(POLITE - MS * (after + 1));
        assert!(hand.dials().is_empty());
        hand.pass(MS);
        assert_eq!(hand.dials().len(), 1, "for bob");
    }
}

#[test]
fn a_look_ends_with_the_session_that_it_was_made_from() {
    let lost: fn(&mut Hand, SessionId) = |hand, south| {
        hand.give(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    };
    let closed: fn(&mut Hand, SessionId) = |hand, _| {
        hand.give(Input::Close);
    };
    for end in [lost, closed] {
        let (mut hand, south, _) = stranded();
        hand.pass(MS * 300);
        let scout = hand.last_dial();
        hand.give(Input::Connected { session: scout });
        end(&mut hand, south);
        assert!(hand.closed_sessions().contains(&scout));
    }
}
