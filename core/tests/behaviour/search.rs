//! R13: looking for somebody who is missing on another relay, step by step.

use crate::common::{Hand, MS, subscribe};
use bytes::Bytes;
use holdline_core::{
    Cause, CauseKind, Config, Credential, Event, FetchEnd, Frame, FrameNumber, Input, Location,
    Object, Output, Policy, Reason, Secret, SessionId, StateName, Token, TrackId, WatchId,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How long the polite one waits before a look.
const POLITE: Duration = SECOND;
const HOUR: Duration = Duration::from_secs(3_600);

/// Carol, live with two relays, who listens to Bob and Dave and misses Bob from now on. She is woken
/// for nothing but that.
fn missing_bob(change: impl FnOnce(&mut Config)) -> (Hand, [WatchId; 2]) {
    missing_bob_after(change, Hand::last_dial)
}

/// The same, on a session that came about in some way.
fn missing_bob_after(
    change: impl FnOnce(&mut Config),
    last_dial: impl FnOnce(&mut Hand) -> SessionId,
) -> (Hand, [WatchId; 2]) {
    let mut config = Config::new("north", "room", "carol");
    config.relays.push("south".into());
    (config.probe_interval, config.quality_interval) = (HOUR, HOUR);
    (config.idle_timeout, config.answer_timeout) = (None, HOUR);
    change(&mut config);
    let credentials = config.directory.credentials;
    let mut hand = Hand::with(config, 1);
    for (id, peer) in [(2, "bob"), (3, "dave")] {
        hand.give(subscribe(TrackId(id), peer, "audio"));
    }
    hand.give(Input::Connect);
    if credentials {
        show(&mut hand);
    }
    let session = last_dial(&mut hand);
    hand.give(Input::Connected { session });
    if hand.call.state() != StateName::Joining {
        // Home has a moment to answer.
        hand.pass(SECOND);
    }
    let watches = hand.take(|output| match output {
        Output::Watch { watch, .. } => Some(*watch),
        _ => None,
    });
    let watches = [watches[0].1, watches[1].1];
    for watch in watches {
        hand.give(Input::WatchAccepted { watch });
        hand.give(Input::EpochAdded { watch, epoch: 5 });
    }
    let subscriptions = hand.take(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        hand.give(Input::SubscriptionAccepted { subscription });
    }
    hand.pass(SECOND);
    assert_eq!(hand.call.state(), StateName::Live);
    hand.give(Input::EpochRemoved { watch: watches[0], epoch: 5 });
    hand.pass(SECOND * 2).out.clear();
    (hand, watches)
}

fn show(hand: &mut Hand) {
    let asked = hand.take(|output| match output {
        Output::AskCredential { request, .. } => Some(*request),
        _ => None,
    });
    let token = Token { token_type: 0, secret: Secret::new("token") };
    let credential = Credential { token, valid_for: None };
    hand.give(Input::CredentialAnswered { request: asked[0].1, credential });
}

/// A session with the other relay, which has been asked to look out for Bob.
fn looking() -> (Hand, [WatchId; 2], SessionId, WatchId) {
    let (mut hand, watches) = missing_bob(|_| {});
    hand.pass(POLITE);
    let scout = hand.last_dial();
    hand.give(Input::Connected { session: scout });
    let watch = hand.watch().expect("the other relay looks out for bob");
    hand.out.clear();
    (hand, watches, scout, watch)
}

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
fn who_has_one_relay_is_not_even_woken_to_look_elsewhere() {
    let (mut hand, _) = missing_bob(|config| config.relays.truncate(1));
    let until = hand.now + SECOND * 60;
    while let Some(deadline) = hand.call.deadline().filter(|deadline| deadline.at <= until) {
        assert_ne!(deadline.reason, Reason::Search);
        hand.pass(deadline.at - hand.now);
    }
}

/// Where the dials since the last look at them go.
fn dialled(hand: &mut Hand) -> Vec<(SessionId, String)> {
    let dials = hand.take(|output| match output {
        Output::Dial { session, relay, .. } => Some((*session, relay.clone())),
        _ => None,
    });
    dials.into_iter().map(|(_, dial)| dial).collect()
}

fn fail(hand: &mut Hand, session: SessionId) {
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
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
    let mut home = SessionId(0);
    let credentials = |config: &mut Config| config.directory.credentials = true;
    let (mut hand, _) = missing_bob_after(credentials, |hand| {
        home = hand.last_dial();
        home
    });
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
    let mut north = SessionId(0);
    let home = |hand: &mut Hand| {
        north = hand.last_dial();
        north
    };
    let (mut hand, watches) = missing_bob_after(|_| {}, home);
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
    let asked = hand.take(|output| match output {
        Output::Watch { watch, .. } => Some(*watch),
        _ => None,
    });
    let watches = [asked[0].1, asked[1].1];
    for watch in watches {
        hand.give(Input::WatchAccepted { watch });
    }
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

/// Whoever has lost its relay knows that the others may have, too.
#[test]
fn who_was_not_found_is_missed_before_it_counts_as_away() {
    for (found, dials) in [(false, 1), (true, 0)] {
        let mut north = SessionId(0);
        let home = |hand: &mut Hand| {
            north = hand.last_dial();
            north
        };
        let (mut hand, watches) = missing_bob_after(|_| {}, home);
        hand.give(Input::EpochAdded { watch: watches[0], epoch: 6 });
        hand.lose(north);
        let session = hand.last_dial();
        hand.out.clear();
        hand.give(Input::Connected { session });
        let asked = hand.take(|output| match output {
            Output::Watch { watch, .. } => Some(*watch),
            _ => None,
        });
        let [(_, bob), (_, dave)] = asked[..] else { panic!("{asked:?}") };
        for watch in [bob, dave] {
            hand.give(Input::WatchAccepted { watch });
        }
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
