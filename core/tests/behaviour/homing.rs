//! R13: a session on another relay than home waits a moment for home to answer, too.

use std::time::Duration;

use crate::common::{CallHarness, MS, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{SessionId, TrackId};
use holdline_core::{Config, Event, Input, Output, StateName};

const SECOND: Duration = Duration::from_secs(1);

/// The dials since the last call of this function, with their relays.
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

/// A call that has lost its session on the north, its home relay, and has dialled both relays.
fn recovering(policy: RetryPolicy) -> (CallHarness, [SessionId; 2]) {
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

/// The same call after the south has answered, and the second dial to the north that this causes.
fn answered_by_the_south() -> (CallHarness, [SessionId; 2], SessionId) {
    let (mut harness, [north, south]) = recovering(RetryPolicy::interactive());
    harness.feed(Input::Connected { session: south });
    let dials = dialled(&mut harness);
    let [(again, relay)] = &dials[..] else { panic!("expected one more dial: {dials:?}") };
    assert_eq!(relay, "north", "the new dial goes to home, and is younger than the outage");
    let again = *again;
    harness.out.clear();
    (harness, [north, south], again)
}

/// The session that the call joins, if it has joined one.
fn joined_session(harness: &mut CallHarness) -> Option<SessionId> {
    let sessions = harness.drain(|output| match output {
        Output::SubscribeNamespace { session, .. } => Some(*session),
        _ => None,
    });
    sessions.first().map(|(_, session)| *session)
}

#[test]
fn the_home_relay_is_preferred_if_it_answers_soon() {
    for old in [true, false] {
        let (mut harness, [north, south], again) = answered_by_the_south();
        harness.advance(MS * 50);
        assert_eq!(
            (harness.call.state(), joined_session(&mut harness)),
            (StateName::Recovering, None)
        );
        let (home, other) = if old { (north, again) } else { (again, north) };
        harness.feed(Input::Connected { session: home });
        assert_eq!(joined_session(&mut harness), Some(home));
        let mut closed = harness.closed_sessions();
        closed.sort();
        let mut abandoned = [south, other];
        abandoned.sort();
        assert_eq!(closed, abandoned);
        let attempts = harness.events().into_iter().filter_map(|event| match event {
            Event::AttemptSucceeded { session, .. } => Some(session),
            _ => None,
        });
        assert_eq!(
            attempts.collect::<Vec<_>>(),
            [home],
            "the other session does not count as a successful attempt"
        );
    }
}

#[test]
fn a_call_without_answer_from_home_joins_another_relay() {
    let (mut harness, [_, south], _) = answered_by_the_south();
    let answered = harness.now;
    while joined_session(&mut harness).is_none() {
        harness.advance(MS);
        assert!(harness.now < answered + SECOND, "the call waits less than a second");
    }
    assert!(harness.now >= answered + MS * 100);
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.out.clear();
    // The loss of this session is a loss like any other.
    harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(harness.call.state(), StateName::Recovering);
}

/// R12: the second dial to home is an attempt within the policy. The first dial may still answer.
#[test]
fn the_home_relay_is_dialled_again_only_within_the_policy() {
    let few = RetryPolicy { attempts: 2, ..RetryPolicy::interactive() };
    let narrow = RetryPolicy { racing: 2, ..RetryPolicy::interactive() };
    for policy in [few, narrow] {
        let (mut harness, [north, south]) = recovering(policy);
        harness.feed(Input::Connected { session: south });
        assert!(dialled(&mut harness).is_empty());
        harness.feed(Input::Connected { session: north });
        assert_eq!(joined_session(&mut harness), Some(north));
    }
}

/// How long the call waits for home after its dial to the other relay took `took`. The round-trip
/// time of the lost path was `rtt`.
fn wait_for_home(took: Duration, rtt: Duration) -> Duration {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    config.probe_interval = SECOND;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(subscribe(TrackId(1), "bob", "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_on(session);
    let rtt_micros = u64::try_from(rtt.as_micros()).expect("a short time");
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
    while joined_session(&mut harness).is_none() {
        harness.advance(MS);
    }
    harness.now - answered
}

#[test]
fn the_wait_for_home_grows_with_dial_and_round_trip() {
    for (took, rtt, expected) in
        [(20, 10, 100), (200, 10, 300), (20, 150, 450), (2_000, 10, 1_000), (20, 900, 1_000)]
    {
        let waited = wait_for_home(MS * took, MS * rtt);
        assert!(
            waited >= MS * expected && waited <= MS * (expected + 2),
            "{took} {rtt}: {waited:?}"
        );
    }
}

#[test]
fn the_wait_ends_when_no_dial_to_home_is_left() {
    let (mut harness, [north, _], again) = answered_by_the_south();
    fail(&mut harness, north, CauseKind::TimedOut);
    assert_eq!(joined_session(&mut harness), None);
    fail(&mut harness, again, CauseKind::TimedOut);
    assert!(joined_session(&mut harness).is_some());
}

/// A final cause does not end a call that has a session on another relay.
#[test]
fn a_final_failure_at_home_does_not_end_the_call() {
    let (mut harness, [_, south], again) = answered_by_the_south();
    fail(&mut harness, again, CauseKind::CertificateUntrusted);
    assert_eq!(joined_session(&mut harness), Some(south));
}

#[test]
fn a_session_lost_during_the_wait_is_one_failed_attempt() {
    let (mut harness, [north, south], again) = answered_by_the_south();
    harness.feed(Input::DialFailed { session: south, cause: Cause::new(CauseKind::TimedOut) });
    harness.feed(Input::Connected { session: south });
    assert!(harness.out.is_empty(), "the session is up already: {:?}", harness.out);
    harness.feed(Input::SessionClosed { session: south, cause: Cause::new(CauseKind::Reset) });
    let failed = harness.events().into_iter().find_map(|event| match event {
        Event::AttemptFailed { session, cause, .. } => Some((session, cause.kind)),
        _ => None,
    });
    assert_eq!(failed, Some((south, CauseKind::Reset)));
    // The other attempts continue, and the call makes more of them.
    harness.advance(SECOND);
    assert!(!dialled(&mut harness).is_empty());
    for session in [north, again] {
        fail(&mut harness, session, CauseKind::TimedOut);
    }
    // The call joins the next session at once, on either relay.
    harness.advance(SECOND);
    let dials = dialled(&mut harness);
    let (other, _) = dials.iter().find(|(_, relay)| relay == "south").expect("a dial to the south");
    harness.feed(Input::Connected { session: *other });
    assert_eq!(joined_session(&mut harness), Some(*other));
}

#[test]
fn a_call_closed_during_the_wait_closes_every_session() {
    let (mut harness, sessions, again) = answered_by_the_south();
    harness.feed(Input::Close);
    let mut closed = harness.closed_sessions();
    closed.sort();
    let mut all = vec![sessions[0], sessions[1], again];
    all.sort();
    assert_eq!(closed, all);
}

/// R8: a call leaves a home relay on which sessions drop as soon as they are up. A policy without
/// races makes no additional attempt.
#[test]
fn a_home_relay_that_dropped_sessions_is_not_waited_for() {
    let (mut harness, [north, south]) = recovering(RetryPolicy::interactive());
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
    assert_eq!(joined_session(&mut harness), Some(elsewhere));

    let (mut harness, [north, south]) = recovering_one_by_one();
    assert_ne!(north, south);
    harness.feed(Input::Connected { session: south });
    assert_eq!(joined_session(&mut harness), Some(south));
}

/// The same as `recovering`, with a policy whose attempts do not race.
fn recovering_one_by_one() -> (CallHarness, [SessionId; 2]) {
    recovering(RetryPolicy { attempt_timeout: SECOND, ..RetryPolicy::strict() })
}

/// R18: set-up waits for home, too: two calls that begin at the same time should meet.
#[test]
fn call_set_up_prefers_the_home_relay() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut harness = CallHarness::with(config, 1);
    harness.feed(subscribe(TrackId(1), "bob", "audio"));
    harness.feed(Input::Connect);
    harness.advance(MS * 400);
    let dials = dialled(&mut harness);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("a dial to the south");
    harness.feed(Input::Connected { session: *south });
    let (north, relay) = dialled(&mut harness).pop().expect("a dial to home");
    assert_eq!((relay.as_str(), harness.call.state()), ("north", StateName::Connecting));
    harness.feed(Input::Connected { session: north });
    assert_eq!(joined_session(&mut harness), Some(north));
}

/// R12: the peers are on the relay of the call's session, however short that was. Another relay has
/// its turn only when sessions drop as soon as they are up.
#[test]
fn an_incident_first_dials_the_relay_of_call_set_up() {
    let mut config = Config::new("north", "room", "alice");
    config.relays.push("south".into());
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let first = harness.last_dial();
    fail(&mut harness, first, CauseKind::TimedOut);
    harness.advance(MS * 500);
    let dials = dialled(&mut harness);
    let (south, _) = dials.iter().find(|(_, relay)| relay == "south").expect("a dial to the south");
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
