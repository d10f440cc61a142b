//! R13: a session that comes up on another relay than home first gives home a moment to answer, too.

use std::time::Duration;

use crate::common::{Hand, MS, subscribe};
use holdline_core::{
    Cause, CauseKind, Config, Event, Input, Output, Policy, SessionId, StateName, TrackId,
};

const SECOND: Duration = Duration::from_secs(1);

/// Dials since the last time: which, and to whom.
fn dialled(hand: &mut Hand) -> Vec<(SessionId, String)> {
    let dials = hand.take(|output| match output {
        Output::Dial { session, relay, .. } => Some((*session, relay.clone())),
        _ => None,
    });
    dials.into_iter().map(|(_, dial)| dial).collect()
}

fn fail(hand: &mut Hand, session: SessionId, kind: CauseKind) {
    hand.give(Input::DialFailed { session, cause: Cause::new(kind) });
}

/// A call at home in the north whose session has been lost, with a dial to each relay under way.
fn lost(policy: Policy) -> (Hand, [SessionId; 2]) {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    config.policy = policy;
    let mut hand = Hand::with(config, 1);
    hand.give(subscribe(TrackId(1), "bob", "audio"));
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.accept_on(session);
    hand.pass_alive(SECOND * 15);
    hand.out.clear();
    hand.lose(session);
    let mut dials = dialled(&mut hand);
    while dials.len() < 2 {
        hand.pass(MS * 10);
        dials.extend(dialled(&mut hand));
    }
    let [(north, at_home), (south, elsewhere)] = &dials[..] else { panic!("{dials:?}") };
    assert_eq!((at_home.as_str(), elsewhere.as_str()), ("north", "south"));
    let found = [*north, *south];
    hand.out.clear();
    (hand, found)
}

/// Likewise, and the south has answered: the dial to the north that this brings.
fn answered_elsewhere() -> (Hand, [SessionId; 2], SessionId) {
    let (mut hand, [north, south]) = lost(Policy::interactive());
    hand.give(Input::Connected { session: south });
    let dials = dialled(&mut hand);
    let [(again, relay)] = &dials[..] else { panic!("one more: {dials:?}") };
    assert_eq!(relay, "north", "by a dial that has seen nothing of the outage");
    let again = *again;
    hand.out.clear();
    (hand, [north, south], again)
}

fn joins(hand: &mut Hand) -> Option<SessionId> {
    let watch = hand.take(|output| match output {
        Output::Watch { session, .. } => Some(*session),
        _ => None,
    });
    watch.first().map(|(_, session)| *session)
}

#[test]
fn home_is_preferred_if_it_answers_in_a_moment() {
    for old in [true, false] {
        let (mut hand, [north, south], again) = answered_elsewhere();
        hand.pass(MS * 50);
        assert_eq!((hand.call.state(), joins(&mut hand)), (StateName::Recovering, None));
        let (home, other) = if old { (north, again) } else { (again, north) };
        hand.give(Input::Connected { session: home });
        assert_eq!(joins(&mut hand), Some(home));
        let mut closed = hand.closed_sessions();
        closed.sort();
        let mut given_up = [south, other];
        given_up.sort();
        assert_eq!(closed, given_up);
        let attempts = hand.events().into_iter().filter_map(|event| match event {
            Event::AttemptSucceeded { session, .. } => Some(session),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), [home], "the other one is no attempt that counts");
    }
}

#[test]
fn who_gets_no_answer_from_home_goes_on_elsewhere() {
    let (mut hand, [_, south], _) = answered_elsewhere();
    let answered = hand.now;
    while joins(&mut hand).is_none() {
        hand.pass(MS);
        assert!(hand.now < answered + SECOND, "a moment");
    }
    assert!(hand.now >= answered + MS * 100);
    assert_eq!(hand.call.state(), StateName::Joining);
    hand.out.clear();
    // It is a session like every other one.
    hand.give(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(hand.call.state(), StateName::Recovering);
}

/// R12: it is an attempt like every other one, within what the policy allows. The first dial may still answer.
#[test]
fn home_is_dialled_anew_only_within_the_policy() {
    let few = Policy { attempts: 2, ..Policy::interactive() };
    let narrow = Policy { racing: 2, ..Policy::interactive() };
    for policy in [few, narrow] {
        let (mut hand, [north, south]) = lost(policy);
        hand.give(Input::Connected { session: south });
        assert!(dialled(&mut hand).is_empty());
        hand.give(Input::Connected { session: north });
        assert_eq!(joins(&mut hand), Some(north));
    }
}

/// How long is waited for home after a dial elsewhere that took that long, on a path with that round trip before.
fn waits(took: Duration, rtt: Duration) -> Duration {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    config.probe_interval = SECOND;
    let mut hand = Hand::with(config, 1);
    hand.give(subscribe(TrackId(1), "bob", "audio"));
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.accept_on(session);
    let rtt_micros = u64::try_from(rtt.as_micros()).expect("short");
    hand.give(Input::PathReport { session, received: 9, acknowledged: 9, rtt_micros });
    hand.out.clear();
    hand.lose(session);
    let south = loop {
        hand.pass(MS);
        if let Some((south, _)) = dialled(&mut hand).into_iter().find(|(_, to)| to == "south") {
            break south;
        }
    };
    hand.pass(took).out.clear();
    hand.give(Input::Connected { session: south });
    let answered = hand.now;
    while joins(&mut hand).is_none() {
        hand.pass(MS);
    }
    hand.now - answered
}

#[test]
fn the_moment_is_longer_where_answers_take_longer() {
    for (took, rtt, moment) in
        [(20, 10, 100), (200, 10, 300), (20, 150, 450), (2_000, 10, 1_000), (20, 900, 1_000)]
    {
        let waited = waits(MS * took, MS * rtt);
        assert!(waited >= MS * moment && waited <= MS * (moment + 2), "{took} {rtt}: {waited:?}");
    }
}

#[test]
fn nothing_is_waited_for_once_no_dial_to_home_is_left() {
    let (mut hand, [north, _], again) = answered_elsewhere();
    fail(&mut hand, north, CauseKind::TimedOut);
    assert_eq!(joins(&mut hand), None);
    fail(&mut hand, again, CauseKind::TimedOut);
    assert!(joins(&mut hand).is_some());
}

/// What would end a call for good does not end one that has a session.
#[test]
fn who_is_not_wanted_at_home_goes_on_elsewhere() {
    let (mut hand, [_, south], again) = answered_elsewhere();
    fail(&mut hand, again, CauseKind::CertificateUntrusted);
    assert_eq!(joins(&mut hand), Some(south));
}

#[test]
fn a_session_that_is_lost_while_it_waits_is_one_attempt_that_failed() {
    let (mut hand, [north, south], again) = answered_elsewhere();
    hand.give(Input::DialFailed { session: south, cause: Cause::new(CauseKind::TimedOut) });
    hand.give(Input::Connected { session: south });
    assert!(hand.out.is_empty(), "it is up already: {:?}", hand.out);
    hand.give(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    let failed = hand.events().into_iter().find_map(|event| match event {
        Event::AttemptFailed { session, cause, .. } => Some((session, cause.kind)),
        _ => None,
    });
    assert_eq!(failed, Some((south, CauseKind::Reset)));
    // The others go on, and there are more of them.
    hand.pass(SECOND);
    assert!(!dialled(&mut hand).is_empty());
    for session in [north, again] {
        fail(&mut hand, session, CauseKind::TimedOut);
    }
    // The next one is taken where it is.
    hand.pass(SECOND);
    let dials = dialled(&mut hand);
    let (other, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    hand.give(Input::Connected { session: *other });
    assert_eq!(joins(&mut hand), Some(*other));
}

#[test]
fn a_call_that_is_closed_while_it_waits_closes_everything() {
    let (mut hand, sessions, again) = answered_elsewhere();
    hand.give(Input::Close);
    let mut closed = hand.closed_sessions();
    closed.sort();
    let mut all = vec![sessions[0], sessions[1], again];
    all.sort();
    assert_eq!(closed, all);
}

/// R8: home is left where sessions come up and drop, and the attempts of policies that do not race are what they are.
#[test]
fn where_home_has_let_us_down_nobody_waits_for_it() {
    let (mut hand, [north, south]) = lost(Policy::interactive());
    hand.give(Input::Connected { session: north });
    hand.lose(north);
    hand.out.clear();
    let elsewhere = loop {
        hand.pass(MS * 10);
        if let Some((other, _)) = dialled(&mut hand).into_iter().find(|(_, to)| to == "south") {
            break other;
        }
    };
    assert_ne!(elsewhere, south);
    hand.give(Input::Connected { session: elsewhere });
    assert_eq!(joins(&mut hand), Some(elsewhere));

    let (mut hand, [north, south]) = lost_one_by_one();
    assert_ne!(north, south);
    hand.give(Input::Connected { session: south });
    assert_eq!(joins(&mut hand), Some(south));
}

/// The same as `lost`, with attempts that follow one another.
fn lost_one_by_one() -> (Hand, [SessionId; 2]) {
    lost(Policy { attempt_timeout: SECOND, ..Policy::strict() })
}

/// R18: setting a call up is no different: two that begin at the same time should meet.
#[test]
fn a_call_begins_at_home_if_it_can() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut hand = Hand::with(config, 1);
    hand.give(subscribe(TrackId(1), "bob", "audio"));
    hand.give(Input::Connect);
    hand.pass(MS * 400);
    let dials = dialled(&mut hand);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    hand.give(Input::Connected { session: *south });
    let (north, relay) = dialled(&mut hand).pop().expect("home");
    assert_eq!((relay.as_str(), hand.call.state()), ("north", StateName::Connecting));
    hand.give(Input::Connected { session: north });
    assert_eq!(joins(&mut hand), Some(north));
}

/// R12: the others are where the call was, however short. Only where sessions come up and drop others have their turn.
#[test]
fn an_incident_begins_where_the_call_was_set_up() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut hand = Hand::with(config, 1);
    hand.give(Input::Connect);
    let first = hand.last_dial();
    fail(&mut hand, first, CauseKind::TimedOut);
    hand.pass(MS * 500);
    let dials = dialled(&mut hand);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    hand.give(Input::Connected { session: *south });
    hand.pass(SECOND);
    assert_eq!(hand.call.state(), StateName::Live);
    hand.out.clear();
    hand.lose(*south);
    let (again, relay) = dialled(&mut hand).remove(0);
    assert_eq!(relay, "south");
    hand.accept_on(again);
    hand.lose(again);
    hand.out.clear();
    hand.next_dial_after(SECOND);
    assert_eq!(dialled(&mut hand)[0].1, "north");
}
