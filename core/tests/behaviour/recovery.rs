//! R3, R6, R8, R9, R14, R18: how a call is lost and found again.

use crate::common::{Hand, MIC, MS, publish};

use holdline_core::{
    Cause, CauseKind, Config, ErrorCode, Event, Input, Outcome, Output, Policy, SessionId,
    StateName,
};

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_closed_session_is_redialled_at_once_and_published_under_the_next_epoch() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.out.clear();
    hand.lose(session);
    assert_eq!(hand.call.state(), StateName::Recovering);
    let dials = hand.dials();
    assert_eq!(dials.len(), 1);
    assert_eq!(dials[0].at, hand.now, "without delay");
    hand.give(Input::Connected { session: dials[0].session });
    let (on, epoch) = hand.namespace().expect("published again");
    assert_eq!((on, epoch), (dials[0].session, 2), "the first session had epoch 1");
}

#[test]
fn recovery_is_told_as_one_incident_with_its_duration_and_attempts() {
    let (mut hand, session) = Hand::live(Policy::strict(), 1);
    hand.pass_alive(SECOND);
    hand.out.clear();
    let lost_at = hand.now;
    hand.lose(session);
    hand.dials();
    let second = hand.next_dial();
    let took = hand.now - lost_at;
    hand.accept_on(second.session);
    let events = hand.events();
    let started = events.iter().filter(|e| matches!(e, Event::IncidentStarted { .. })).count();
    assert_eq!(started, 1);
    let recovered: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Recovered { duration, attempts, .. } => Some((*duration, *attempts)),
            _ => None,
        })
        .collect();
    assert_eq!(recovered, [(took, 2)]);
    assert!(took >= MS * 3_800 && took <= MS * 4_001, "3 s for the first, then a pause: {took:?}");
}

#[test]
fn a_silent_path_is_lost_without_being_closed_and_wins_if_it_speaks_first() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.out.clear();
    hand.pass_silent(MS * 700);
    assert_eq!(hand.call.state(), StateName::Suspect);
    assert!(hand.closed_sessions().is_empty(), "the old session may still come back");
    let dial = hand.last_dial();
    hand.give(Input::PathReport {
        session,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 10_000,
    });
    assert_eq!(hand.call.state(), StateName::Live);
    assert_eq!(hand.closed_sessions(), [dial], "the race is over");
    assert!(hand.events().iter().any(|e| matches!(e, Event::Recovered { attempts: 0, .. })));
    assert!(hand.subscription().is_none(), "nothing had been lost on the old session");
    assert_eq!(hand.send().sent().len(), 1);
}

#[test]
fn what_was_asked_for_while_the_path_was_silent_is_asked_of_it_when_it_comes_back() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.pass_silent(MS * 400);
    hand.out.clear();
    hand.give(publish(holdline_core::TrackId(7), "screen"));
    hand.give(Input::Finish { track: MIC });
    hand.give(Input::PathReport {
        session,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 10_000,
    });
    let asked = hand.take(|o| match o {
        Output::PublishTrack { name, .. } => Some(name.clone()),
        Output::SendEndOfTrack { .. } => Some("end".into()),
        _ => None,
    });
    let mut asked: Vec<String> = asked.into_iter().map(|(_, what)| what).collect();
    asked.sort();
    assert_eq!(asked, ["end", "screen"]);
}

#[test]
fn a_silent_path_is_not_fed() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    assert_eq!(hand.send().sent().len(), 1);
    hand.pass_silent(MS * 400);
    assert_eq!(hand.send().send().sent().len(), 0);
    let counters = hand.call.stats().published[0].counters;
    assert_eq!((counters.accepted, counters.sent, counters.kept_back), (3, 1, 2));
}

#[test]
fn the_old_session_is_closed_when_another_wins() {
    let (mut hand, old) = Hand::live(Policy::interactive(), 1);
    hand.pass_alive(SECOND);
    hand.dials();
    hand.pass_silent(MS * 400);
    hand.pass(SECOND);
    let dials = hand.dials();
    assert!(dials.len() >= 2, "attempts race");
    hand.give(Input::Connected { session: dials[0].session });
    let mut closed = hand.closed_sessions();
    closed.sort();
    let mut losers: Vec<SessionId> = dials[1..].iter().map(|d| d.session).collect();
    losers.push(old);
    losers.sort();
    assert_eq!(closed, losers);
}

#[test]
fn an_outdated_identifier_changes_nothing() {
    let (mut hand, old) = Hand::live(Policy::interactive(), 1);
    let (subscription, _) = hand.subscription().expect("subscribed to bob");
    hand.lose(old);
    let current = hand.accept();
    let before = format!("{:?}", hand.call);
    let gone = Cause::new(CauseKind::ClosedByRelay);
    for stale in [
        Input::SessionClosed { session: old, cause: gone.clone() },
        Input::Connected { session: old },
        Input::Connected { session: current },
        Input::DialFailed { session: current, cause: gone },
        Input::PathReport { session: old, received: 9, acknowledged: 9, rtt_micros: 1 },
        Input::NamespaceRefused { session: old, epoch: 1 },
        Input::NamespaceRefused { session: current, epoch: 1 },
        Input::SubscriptionEnded { subscription },
        Input::EndOfTrack { subscription, number: holdline_core::FrameNumber::new(0, 9) },
        Input::Object {
            subscription,
            object: crate::common::numbered(holdline_core::Location::new(9, 9), 9, 1),
        },
        Input::FetchedObject {
            fetch: holdline_core::FetchId(9),
            object: crate::common::numbered(holdline_core::Location::new(9, 9), 9, 1),
        },
        Input::FetchRequested {
            session: old,
            request: 1,
            name: "audio".into(),
            first: holdline_core::Location::new(0, 0),
            last: holdline_core::Location::LAST,
        },
        Input::Connect,
    ] {
        let told = format!("{stale:?}");
        hand.out.clear();
        hand.give(stale);
        assert!(hand.out.is_empty(), "{told} brought {:?}", hand.out);
        assert_eq!(format!("{:?}", hand.call), before, "{told}");
    }
}

#[test]
fn connect_then_drop_uses_up_the_budget_and_only_stable_uptime_gives_it_back() {
    let (mut hand, mut session) = Hand::live(Policy::strict(), 1);
    hand.pass_alive(SECOND * 11);
    hand.dials();
    let mut pauses = Vec::new();
    loop {
        let lost_at = hand.now;
        hand.lose(session);
        if hand.call.state() == StateName::Failed {
            break;
        }
        let dial = hand.next_dial();
        pauses.push(dial.at - lost_at);
        hand.accept_on(dial.session);
        session = dial.session;
        hand.pass_alive(SECOND * 2);
    }
    assert_eq!(pauses.len(), 5, "five attempts, although each of them connected");
    assert_eq!(pauses[0], Duration::ZERO);
    for (pause, bound) in pauses[1..].iter().zip([1, 2, 4, 8]) {
        assert!(*pause >= SECOND * bound * 8 / 10 && *pause <= SECOND * bound, "{pauses:?}");
    }
    assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);

    let (mut hand, session) = Hand::live(Policy::strict(), 1);
    hand.lose(session);
    let session = hand.accept();
    hand.pass_alive(SECOND * 11).out.clear();
    hand.lose(session);
    assert_eq!(hand.dials()[0].at, hand.now, "a stable call has its whole budget");
}

#[test]
fn a_relay_that_answers_but_never_accepts_us_counts_as_a_failed_attempt() {
    let mut hand = Hand::new(Policy::strict(), 1);
    hand.give(publish(MIC, "audio"));
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    assert_eq!(hand.call.state(), StateName::Joining);
    hand.pass(SECOND * 5);
    assert_eq!(hand.call.state(), StateName::Connecting);
    assert_eq!(hand.closed_sessions(), [session]);
    assert!(hand.events().iter().any(
        |e| matches!(e, Event::AttemptFailed { cause, .. } if cause.kind == CauseKind::NotReady)
    ));
}

#[test]
fn a_refused_namespace_is_asked_for_again_under_the_next_epoch() {
    let mut hand = Hand::new(Policy::strict(), 1);
    hand.give(publish(MIC, "audio"));
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.give(Input::Connected { session });
    let (_, first) = hand.namespace().expect("published");
    hand.give(Input::NamespaceRefused { session, epoch: first });
    assert_eq!(hand.namespace(), None, "not at once");
    hand.pass(MS * 100);
    let (_, second) = hand.namespace().expect("published again");
    assert_eq!(second, first + 1);
    hand.give(Input::NamespaceAccepted { session, epoch: second });
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn a_namespace_that_is_refused_later_is_asked_for_again_as_soon() {
    let (mut hand, session) = Hand::live(Policy::interactive(), 1);
    hand.give(Input::NamespaceRefused { session, epoch: 1 });
    hand.pass_alive(MS * 100);
    assert_eq!(hand.namespace(), Some((session, 2)));
}

#[test]
fn a_final_answer_ends_the_call_at_once() {
    for (kind, code) in [
        (CauseKind::CertificateUntrusted, ErrorCode::TlsUntrusted),
        (CauseKind::VersionMismatch, ErrorCode::SetupRejected),
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
    ] {
        let mut hand = Hand::new(Policy::interactive(), 1);
        hand.give(Input::Connect);
        let session = hand.last_dial();
        hand.give(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!((hand.error().code, hand.error().attempts), (code, 1));

        let (mut hand, session) = Hand::live(Policy::interactive(), 1);
        hand.dials();
        hand.give(Input::SessionClosed { session, cause: Cause::new(kind) });
        assert_eq!(hand.error().code, code);
        assert!(hand.dials().is_empty(), "no attempt after a final answer");
    }
}

#[test]
fn relays_are_tried_in_turn() {
    let mut config = Config::new("moqt://one.example", "room", "alice");
    config.relays.push("moqt://two.example".into());
    config.policy = Policy::strict();
    let mut hand = Hand::with(config, 1);
    hand.give(Input::Connect);
    hand.pass(SECOND * 600);
    let relays = hand.take(|o| match o {
        Output::Dial { relay, .. } => Some(relay.clone()),
        _ => None,
    });
    let relays: Vec<&str> = relays.iter().map(|(_, relay)| &relay[7..10]).collect();
    assert_eq!(relays, ["one", "two", "one", "two", "one"]);
}

#[test]
fn reconnect_now_takes_the_planned_attempt_and_asking_often_makes_no_more() {
    let (mut hand, session) = Hand::live(Policy::patient(), 1);
    hand.dials();
    hand.lose(session);
    assert!(hand.dials().is_empty(), "patient waits a second");
    for _ in 0..10 {
        hand.give(Input::ReconnectNow);
    }
    assert_eq!(hand.dials().len(), 1);
}

#[test]
fn close_is_clean_in_every_state_and_final() {
    let idle = Hand::new(Policy::interactive(), 1);
    let mut connecting = Hand::new(Policy::interactive(), 1);
    connecting.give(Input::Connect);
    let mut joining = Hand::new(Policy::interactive(), 1);
    joining.give(publish(MIC, "audio")).give(Input::Connect);
    let session = joining.last_dial();
    joining.give(Input::Connected { session });
    let (live, _) = Hand::live(Policy::interactive(), 1);
    let (mut recovering, session) = Hand::live(Policy::interactive(), 1);
    recovering.lose(session);
    for (mut hand, state, sessions) in [
        (idle, StateName::Idle, 0),
        (connecting, StateName::Connecting, 1),
        (joining, StateName::Joining, 1),
        (live, StateName::Live, 1),
        (recovering, StateName::Recovering, 1),
    ] {
        assert_eq!(hand.call.state(), state);
        hand.out.clear();
        hand.give(Input::Close);
        assert_eq!(hand.call.state(), StateName::Closed);
        assert_eq!(hand.closed_sessions().len(), sessions, "{state}");
        let last = hand.events().pop();
        assert!(
            matches!(&last, Some(Event::Ended { summary }) if summary.outcome == Outcome::Completed),
            "{state}: {last:?}"
        );
        assert_eq!(hand.call.deadline(), None);
        hand.out.clear();
        hand.give(Input::Connect).give(Input::ReconnectNow).give(Input::Close).send();
        assert!(hand.out.is_empty(), "nothing after the end: {:?}", hand.out);
    }
}

#[test]
fn every_state_is_announced_in_order_even_when_one_input_passes_through_two() {
    let (mut hand, session) = Hand::live(Policy { attempts: 1, ..Policy::strict() }, 1);
    hand.pass_alive(SECOND);
    hand.out.clear();
    hand.give(Input::SessionClosed { session, cause: Cause::new(CauseKind::Unauthorized) });
    let states: Vec<StateName> = hand
        .events()
        .iter()
        .filter_map(|e| match e {
            Event::StateChanged { to, .. } => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(states, [StateName::Recovering, StateName::Failed]);
}

#[test]
fn time_never_runs_back() {
    let (mut hand, session) = Hand::live(Policy::strict(), 1);
    hand.pass_alive(SECOND * 5);
    hand.call.handle(holdline_core::Timestamp::ZERO, Input::Tick);
    assert!(hand.call.deadline().expect("live").at > hand.now);
    hand.lose(session);
    hand.accept();
}

#[test]
fn one_seed_and_one_script_give_the_same_outputs() {
    let run = |seed| {
        let (mut hand, session) = Hand::live(Policy::interactive(), seed);
        hand.lose(session);
        hand.abandon();
        hand.out
    };
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}

/// A call whose two attempts that may race are both in flight.
fn crowded() -> (Hand, Vec<SessionId>) {
    let mut policy = Policy::interactive();
    (policy.racing, policy.initial, policy.max, policy.jitter_percent) = (2, MS * 100, MS * 100, 0);
    let (mut hand, session) = Hand::live(policy, 1);
    hand.pass_alive(SECOND * 11);
    hand.dials();
    hand.lose(session);
    hand.pass(SECOND);
    let dials = hand.dials().into_iter().map(|dial| dial.session).collect();
    (hand, dials)
}

#[test]
fn an_attempt_has_its_whole_time_even_when_others_wait_for_it() {
    let (mut hand, dials) = crowded();
    assert_eq!(dials.len(), 2);
    assert!(hand.closed_sessions().is_empty(), "nobody is given up to make room");
    hand.give(Input::DialFailed { session: dials[1], cause: Cause::new(CauseKind::Reset) });
    assert_eq!(hand.dials().len(), 1, "the one that waited goes at once");
    let since = hand.now;
    let next = hand.next_dial();
    assert_eq!(next.at - since, SECOND * 2, "when the first one's 3 s are over");
    assert_eq!(hand.closed_sessions(), [dials[0]]);
}

#[test]
fn a_final_answer_makes_no_room_for_another_attempt() {
    let (mut hand, dials) = crowded();
    let cause = Cause::new(CauseKind::CertificateUntrusted);
    hand.give(Input::DialFailed { session: dials[1], cause });
    assert_eq!(hand.error().code, ErrorCode::TlsUntrusted);
    assert!(hand.dials().is_empty());
    assert_eq!(hand.closed_sessions(), [dials[0]]);
}

#[test]
fn a_tick_that_comes_after_the_window_makes_no_attempt() {
    let (mut hand, _) = crowded();
    hand.now = hand.now + SECOND * 60;
    hand.give(Input::Tick);
    assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);
    assert!(hand.dials().is_empty());
}

#[test]
fn a_call_whose_attempts_are_used_up_by_flapping_fails_at_once_when_it_drops_again() {
    let (mut hand, mut session) = Hand::live(Policy::strict(), 1);
    for _ in 0..Policy::strict().attempts {
        hand.dials();
        hand.lose(session);
        session = hand.next_dial().session;
        hand.accept_on(session);
    }
    hand.lose(session);
    assert_eq!(hand.error().code, ErrorCode::RecoveryExhausted);
    assert_eq!(hand.error().after, Duration::ZERO);
}

#[test]
fn no_attempt_is_made_at_the_very_end_of_the_window() {
    // Two dials of 3 s each, again and again: the tenth pair is over when the window is.
    let (mut hand, _) = crowded();
    hand.pass(SECOND * 60);
    assert_eq!(hand.error().after, SECOND * 30);
    let last = hand.dials().pop().expect("some").at;
    assert!(hand.now - last > SECOND * 32, "the last began 3 s before the end");
}

#[test]
fn a_pause_that_would_end_with_the_window_is_not_waited_for() {
    let mut policy = Policy::strict();
    (policy.initial, policy.max, policy.window, policy.jitter_percent) =
        (SECOND, SECOND, SECOND, 0);
    let (mut hand, session) = Hand::live(policy, 1);
    hand.pass_alive(SECOND);
    hand.lose(session);
    let session = hand.last_dial();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(
        (hand.error().code, hand.error().after),
        (ErrorCode::RecoveryExhausted, Duration::ZERO)
    );
}
