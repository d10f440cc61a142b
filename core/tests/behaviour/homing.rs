//! R13: a session that comes up on another relay than home first gives home a moment to answer, too.

use std::time::Duration;

use crate::common::{CallHarness, MS, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{SessionId, TrackId};
use holdline_core::{Config, Event, Input, Output, StateName};

const SECOND: Duration = Duration::from_secs(1);

/// Dials since the last time: which, and to whom.
fn dialled(harness: &mut CallHarness) -> Vec<(SessionId, String)> {
    let dials = harness.drain(|output| match output {
        Output::Dial { session, relay, .. } => Some((*session, relay.clone())),
        _ => None,
    });
    dials.into_iter().map(|(_, dial)| dial).collect()
}

fn fail(harness: &mut CallHarness, session: SessionId, kind: CauseKind) {
    harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
}

/// A call at home in the north whose session has been lost, with a dial to each relay under way.
fn lost(policy: RetryPolicy) -> (CallHarness, [SessionId; 2]) {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    config.policy = policy;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(subscribe(TrackId(1), "bob", "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_on(session);
    harness.advance_alive(SECOND * 15);
    harness.out.clear();
    harness.lose(session);
    let mut dials = dialled(&mut harness);
    while dials.len() < 2 {
        harness.advance(MS * 10);
        dials.extend(dialled(&mut harness));
    }
    let [(north, at_home), (south, elsewhere)] = &dials[..] else { panic!("{dials:?}") };
    assert_eq!((at_home.as_str(), elsewhere.as_str()), ("north", "south"));
    let found = [*north, *south];
    harness.out.clear();
    (harness, found)
}

/// Likewise, and the south has answered: the dial to the north that this brings.
fn answered_elsewhere() -> (CallHarness, [SessionId; 2], SessionId) {
    let (mut harness, [north, south]) = lost(RetryPolicy::interactive());
    harness.feed(Input::Connected { session: south });
    let dials = dialled(&mut harness);
    let [(again, relay)] = &dials[..] else { panic!("one more: {dials:?}") };
    assert_eq!(relay, "north", "by a dial that has seen nothing of the outage");
    let again = *again;
    harness.out.clear();
    (harness, [north, south], again)
}

fn joins(harness: &mut CallHarness) -> Option<SessionId> {
    let namespace_subscription = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, .. } => Some(*session),
        _ => None,
    });
    namespace_subscription.first().map(|(_, session)| *session)
}

#[test]
fn home_is_preferred_if_it_answers_in_a_moment() {
    for old in [true, false] {
        let (mut harness, [north, south], again) = answered_elsewhere();
        harness.advance(MS * 50);
        assert_eq!((harness.call.state(), joins(&mut harness)), (StateName::Recovering, None));
        let (home, other) = if old { (north, again) } else { (again, north) };
        harness.feed(Input::Connected { session: home });
        assert_eq!(joins(&mut harness), Some(home));
        let mut closed = harness.closed_sessions();
        closed.sort();
        let mut given_up = [south, other];
        given_up.sort();
        assert_eq!(closed, given_up);
        let attempts = harness.events().into_iter().filter_map(|event| match event {
            Event::AttemptSucceeded { session, .. } => Some(session),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), [home], "the other one is no attempt that counts");
    }
}

#[test]
fn who_gets_no_answer_from_home_goes_on_elsewhere() {
    let (mut harness, [_, south], _) = answered_elsewhere();
    let answered = harness.now;
    while joins(&mut harness).is_none() {
        harness.advance(MS);
        assert!(harness.now < answered + SECOND, "a moment");
    }
    assert!(harness.now >= answered + MS * 100);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.out.clear();
    // It is a session like every other one.
    harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(harness.call.state(), StateName::Recovering);
}

/// R12: it is an attempt like every other one, within what the policy allows. The first dial may still answer.
#[test]
fn home_is_dialled_anew_only_within_the_policy() {
    let few = RetryPolicy { attempts: 2, ..RetryPolicy::interactive() };
    let narrow = RetryPolicy { racing: 2, ..RetryPolicy::interactive() };
    for policy in [few, narrow] {
        let (mut harness, [north, south]) = lost(policy);
        harness.feed(Input::Connected { session: south });
        assert!(dialled(&mut harness).is_empty());
        harness.feed(Input::Connected { session: north });
        assert_eq!(joins(&mut harness), Some(north));
    }
}

/// How long is waited for home after a dial elsewhere that took that long, on a path with that round trip before.
fn waits(took: Duration, rtt: Duration) -> Duration {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    config.probe_interval = SECOND;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(subscribe(TrackId(1), "bob", "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_on(session);
    let rtt_micros = u64::try_from(rtt.as_micros()).expect("short");
    harness.feed(Input::PathReport { session, received: 9, acknowledged: 9, rtt_micros });
    harness.out.clear();
    harness.lose(session);
    let south = loop {
        harness.advance(MS);
        if let Some((south, _)) = dialled(&mut harness).into_iter().find(|(_, to)| to == "south") {
            break south;
        }
    };
    harness.advance(took).out.clear();
    harness.feed(Input::Connected { session: south });
    let answered = harness.now;
    while joins(&mut harness).is_none() {
        harness.advance(MS);
    }
    harness.now - answered
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
    let (mut harness, [north, _], again) = answered_elsewhere();
    fail(&mut harness, north, CauseKind::TimedOut);
    assert_eq!(joins(&mut harness), None);
    fail(&mut harness, again, CauseKind::TimedOut);
    assert!(joins(&mut harness).is_some());
}

/// What would end a call for good does not end one that has a session.
#[test]
fn who_is_not_wanted_at_home_goes_on_elsewhere() {
    let (mut harness, [_, south], again) = answered_elsewhere();
    fail(&mut harness, again, CauseKind::CertificateUntrusted);
    assert_eq!(joins(&mut harness), Some(south));
}

#[test]
fn a_session_that_is_lost_while_it_waits_is_one_attempt_that_failed() {
    let (mut harness, [north, south], again) = answered_elsewhere();
    harness.feed(Input::DialFailed { session: south, cause: Cause::new(CauseKind::TimedOut) });
    harness.feed(Input::Connected { session: south });
    assert!(harness.out.is_empty(), "it is up already: {:?}", harness.out);
    harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    let failed = harness.events().into_iter().find_map(|event| match event {
        Event::AttemptFailed { session, cause, .. } => Some((session, cause.kind)),
        _ => None,
    });
    assert_eq!(failed, Some((south, CauseKind::Reset)));
    // The others go on, and there are more of them.
    harness.advance(SECOND);
    assert!(!dialled(&mut harness).is_empty());
    for session in [north, again] {
        fail(&mut harness, session, CauseKind::TimedOut);
    }
    // The next one is taken where it is.
    harness.advance(SECOND);
    let dials = dialled(&mut harness);
    let (other, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    harness.feed(Input::Connected { session: *other });
    assert_eq!(joins(&mut harness), Some(*other));
}

#[test]
fn a_call_that_is_closed_while_it_waits_closes_everything() {
    let (mut harness, sessions, again) = answered_elsewhere();
    harness.feed(Input::Close);
    let mut closed = harness.closed_sessions();
    closed.sort();
    let mut all = vec![sessions[0], sessions[1], again];
    all.sort();
    assert_eq!(closed, all);
}

/// R8: home is left where sessions come up and drop, and the attempts of policies that do not race are what they are.
#[test]
fn where_home_has_let_us_down_nobody_waits_for_it() {
    let (mut harness, [north, south]) = lost(RetryPolicy::interactive());
    harness.feed(Input::Connected { session: north });
    harness.lose(north);
    harness.out.clear();
    let elsewhere = loop {
        harness.advance(MS * 10);
        if let Some((other, _)) = dialled(&mut harness).into_iter().find(|(_, to)| to == "south") {
            break other;
        }
    };
    assert_ne!(elsewhere, south);
    harness.feed(Input::Connected { session: elsewhere });
    assert_eq!(joins(&mut harness), Some(elsewhere));

    let (mut harness, [north, south]) = lost_one_by_one();
    assert_ne!(north, south);
    harness.feed(Input::Connected { session: south });
    assert_eq!(joins(&mut harness), Some(south));
}

/// The same as `lost`, with attempts that follow one another.
fn lost_one_by_one() -> (CallHarness, [SessionId; 2]) {
    lost(RetryPolicy { attempt_timeout: SECOND, ..RetryPolicy::strict() })
}

/// R18: setting a call up is no different: two that begin at the same time should meet.
#[test]
fn a_call_begins_at_home_if_it_can() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut harness = CallHarness::with(config, 1);
    harness.feed(subscribe(TrackId(1), "bob", "audio"));
    harness.feed(Input::Connect);
    harness.advance(MS * 400);
    let dials = dialled(&mut harness);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    harness.feed(Input::Connected { session: *south });
    let (north, relay) = dialled(&mut harness).pop().expect("home");
    assert_eq!((relay.as_str(), harness.call.state()), ("north", StateName::Connecting));
    harness.feed(Input::Connected { session: north });
    assert_eq!(joins(&mut harness), Some(north));
}

/// R12: the others are where the call was, however short. Only where sessions come up and drop others have their turn.
#[test]
fn an_incident_begins_where_the_call_was_set_up() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let first = harness.last_dial();
    fail(&mut harness, first, CauseKind::TimedOut);
    harness.advance(MS * 500);
    let dials = dialled(&mut harness);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("its turn");
    harness.feed(Input::Connected { session: *south });
    harness.advance(SECOND);
    assert_eq!(harness.call.state(), StateName::Live);
    harness.out.clear();
    harness.lose(*south);
    let (again, relay) = dialled(&mut harness).remove(0);
    assert_eq!(relay, "south");
    harness.accept_on(again);
    harness.lose(again);
    harness.out.clear();
    harness.next_dial_after(SECOND);
    assert_eq!(dialled(&mut harness)[0].1, "north");
}
