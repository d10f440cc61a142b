//! R3, R6, R8, R9, R14, R18: how a call is lost and found again.

use crate::common::{CallHarness, MIC, MS, publish};

use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::SessionId;
use holdline_core::stats::Outcome;
use holdline_core::{Config, Event, Input, Output, StateName};

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_closed_session_is_redialled_at_once_and_published_under_the_next_epoch() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.out.clear();
    harness.lose(session);
    assert_eq!(harness.call.state(), StateName::Recovering);
    let dials = harness.dials();
    assert_eq!(dials.len(), 1);
    assert_eq!(dials[0].at, harness.now, "without delay");
    harness.feed(Input::Connected { session: dials[0].session });
    let (on, epoch) = harness.namespace().expect("published again");
    assert_eq!((on, epoch), (dials[0].session, 2), "the first session had epoch 1");
}

#[test]
fn recovery_is_told_as_one_incident_with_its_duration_and_attempts() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    let lost_at = harness.now;
    harness.lose(session);
    harness.dials();
    let second = harness.next_dial();
    let took = harness.now - lost_at;
    harness.accept_on(second.session);
    let events = harness.events();
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
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    harness.pass_silent(MS * 700);
    assert_eq!(harness.call.state(), StateName::Suspect);
    assert!(harness.closed_sessions().is_empty(), "the old session may still come back");
    let dial = harness.last_dial();
    harness.feed(Input::PathReport {
        session,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 10_000,
    });
    assert_eq!(harness.call.state(), StateName::Live);
    assert_eq!(harness.closed_sessions(), [dial], "the race is over");
    assert!(harness.events().iter().any(|e| matches!(e, Event::Recovered { attempts: 0, .. })));
    assert!(harness.subscription().is_none(), "nothing had been lost on the old session");
    assert_eq!(harness.send().sent().len(), 1);
}

#[test]
fn what_was_asked_for_while_the_path_was_silent_is_asked_of_it_when_it_comes_back() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.pass_silent(MS * 400);
    harness.out.clear();
    harness.feed(publish(holdline_core::id::TrackId(7), "screen"));
    harness.feed(Input::Finish { track: MIC });
    harness.feed(Input::PathReport {
        session,
        received: u64::MAX,
        acknowledged: u64::MAX,
        rtt_micros: 10_000,
    });
    let asked = harness.drain(|o| match o {
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
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    assert_eq!(harness.send().sent().len(), 1);
    harness.pass_silent(MS * 400);
    assert_eq!(harness.send().send().sent().len(), 0);
    let counters = harness.call.stats().published[0].counters;
    assert_eq!((counters.accepted, counters.sent, counters.kept_back), (3, 1, 2));
}

#[test]
fn the_old_session_is_closed_when_another_wins() {
    let (mut harness, old) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.dials();
    harness.pass_silent(MS * 400);
    harness.advance(SECOND);
    let dials = harness.dials();
    assert!(dials.len() >= 2, "attempts race");
    harness.feed(Input::Connected { session: dials[0].session });
    let mut closed = harness.closed_sessions();
    closed.sort();
    let mut losers: Vec<SessionId> = dials[1..].iter().map(|d| d.session).collect();
    losers.push(old);
    losers.sort();
    assert_eq!(closed, losers);
}

#[test]
fn an_outdated_identifier_changes_nothing() {
    let (mut harness, old) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed to bob");
    harness.lose(old);
    let current = harness.accept();
    let before = format!("{:?}", harness.call);
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
        Input::EndOfTrack { subscription, number: holdline_core::media::FrameNumber::new(0, 9) },
        Input::Object {
            subscription,
            object: crate::common::numbered(holdline_core::media::Location::new(9, 9), 9, 1),
        },
        Input::FetchedObject {
            fetch: holdline_core::id::FetchId(9),
            object: crate::common::numbered(holdline_core::media::Location::new(9, 9), 9, 1),
        },
        Input::FetchRequested {
            session: old,
            moq_request: 1,
            name: "audio".into(),
            first: holdline_core::media::Location::new(0, 0),
            last: holdline_core::media::Location::LAST,
        },
        Input::Connect,
    ] {
        let told = format!("{stale:?}");
        harness.out.clear();
        harness.feed(stale);
        assert!(harness.out.is_empty(), "{told} brought {:?}", harness.out);
        assert_eq!(format!("{:?}", harness.call), before, "{told}");
    }
}

#[test]
fn connect_then_drop_uses_up_the_budget_and_only_stable_uptime_gives_it_back() {
    let (mut harness, mut session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND * 11);
    harness.dials();
    let mut pauses = Vec::new();
    loop {
        let lost_at = harness.now;
        harness.lose(session);
        if harness.call.state() == StateName::Failed {
            break;
        }
        let dial = harness.next_dial();
        pauses.push(dial.at - lost_at);
        harness.accept_on(dial.session);
        session = dial.session;
        harness.advance_alive(SECOND * 2);
    }
    assert_eq!(pauses.len(), 5, "five attempts, although each of them connected");
    assert_eq!(pauses[0], Duration::ZERO);
    for (pause, bound) in pauses[1..].iter().zip([1, 2, 4, 8]) {
        assert!(*pause >= SECOND * bound * 8 / 10 && *pause <= SECOND * bound, "{pauses:?}");
    }
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);

    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.lose(session);
    let session = harness.accept();
    harness.advance_alive(SECOND * 11).out.clear();
    harness.lose(session);
    assert_eq!(harness.dials()[0].at, harness.now, "a stable call has its whole budget");
}

#[test]
fn a_relay_that_answers_but_never_accepts_us_counts_as_a_failed_attempt() {
    let mut harness = CallHarness::new(RetryPolicy::strict(), 1);
    harness.feed(publish(MIC, "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    assert_eq!(harness.call.state(), StateName::Joining);
    harness.advance(SECOND * 5);
    assert_eq!(harness.call.state(), StateName::Connecting);
    assert_eq!(harness.closed_sessions(), [session]);
    assert!(harness.events().iter().any(
        |e| matches!(e, Event::AttemptFailed { cause, .. } if cause.kind == CauseKind::NotReady)
    ));
}

#[test]
fn a_refused_namespace_is_asked_for_again_under_the_next_epoch() {
    let mut harness = CallHarness::new(RetryPolicy::strict(), 1);
    harness.feed(publish(MIC, "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let (_, first) = harness.namespace().expect("published");
    harness.feed(Input::NamespaceRefused { session, epoch: first });
    assert_eq!(harness.namespace(), None, "not at once");
    harness.advance(MS * 100);
    let (_, second) = harness.namespace().expect("published again");
    assert_eq!(second, first + 1);
    harness.feed(Input::NamespaceAccepted { session, epoch: second });
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_namespace_that_is_refused_later_is_asked_for_again_as_soon() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.feed(Input::NamespaceRefused { session, epoch: 1 });
    harness.advance_alive(MS * 100);
    assert_eq!(harness.namespace(), Some((session, 2)));
}

#[test]
fn a_final_answer_ends_the_call_at_once() {
    for (kind, code) in [
        (CauseKind::CertificateUntrusted, ErrorCode::TlsUntrusted),
        (CauseKind::VersionMismatch, ErrorCode::SetupRejected),
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
    ] {
        let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
        harness.feed(Input::Connect);
        let session = harness.last_dial();
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!((harness.error().code, harness.error().attempts), (code, 1));

        let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
        harness.dials();
        harness.feed(Input::SessionClosed { session, cause: Cause::new(kind) });
        assert_eq!(harness.error().code, code);
        assert!(harness.dials().is_empty(), "no attempt after a final answer");
    }
}

#[test]
fn relays_are_tried_in_turn() {
    let mut config = Config::new("moqt://one.example", "room", "alice");
    config.relays.push("moqt://two.example".into());
    config.policy = RetryPolicy::strict();
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    harness.advance(SECOND * 600);
    let relays = harness.drain(|o| match o {
        Output::Dial { relay, .. } => Some(relay.clone()),
        _ => None,
    });
    let relays: Vec<&str> = relays.iter().map(|(_, relay)| &relay[7..10]).collect();
    assert_eq!(relays, ["one", "two", "one", "two", "one"]);
}

#[test]
fn reconnect_now_takes_the_planned_attempt_and_asking_often_makes_no_more() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::patient(), 1);
    harness.dials();
    harness.lose(session);
    assert!(harness.dials().is_empty(), "patient waits a second");
    for _ in 0..10 {
        harness.feed(Input::ReconnectNow);
    }
    assert_eq!(harness.dials().len(), 1);
}

#[test]
fn close_is_clean_in_every_state_and_final() {
    let idle = CallHarness::new(RetryPolicy::interactive(), 1);
    let mut connecting = CallHarness::new(RetryPolicy::interactive(), 1);
    connecting.feed(Input::Connect);
    let mut joining = CallHarness::new(RetryPolicy::interactive(), 1);
    joining.feed(publish(MIC, "audio")).feed(Input::Connect);
    let session = joining.last_dial();
    joining.feed(Input::Connected { session });
    let (live, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (mut recovering, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    recovering.lose(session);
    for (mut harness, state, sessions) in [
        (idle, StateName::Idle, 0),
        (connecting, StateName::Connecting, 1),
        (joining, StateName::Joining, 1),
        (live, StateName::Live, 1),
        (recovering, StateName::Recovering, 1),
    ] {
        assert_eq!(harness.call.state(), state);
        harness.out.clear();
        harness.feed(Input::Close);
        assert_eq!(harness.call.state(), StateName::Closed);
        assert_eq!(harness.closed_sessions().len(), sessions, "{state}");
        let last = harness.events().pop();
        assert!(
            matches!(&last, Some(Event::Ended { summary }) if summary.outcome == Outcome::Completed),
            "{state}: {last:?}"
        );
        assert_eq!(harness.call.deadline(), None);
        harness.out.clear();
        harness.feed(Input::Connect).feed(Input::ReconnectNow).feed(Input::Close).send();
        assert!(harness.out.is_empty(), "nothing after the end: {:?}", harness.out);
    }
}

#[test]
fn every_state_is_announced_in_order_even_when_one_input_passes_through_two() {
    let (mut harness, session) =
        CallHarness::live(RetryPolicy { attempts: 1, ..RetryPolicy::strict() }, 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    harness.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::Unauthorized) });
    let states: Vec<StateName> = harness
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
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND * 5);
    harness.call.handle(holdline_core::Timestamp::ZERO, Input::Tick);
    assert!(harness.call.deadline().expect("live").at > harness.now);
    harness.lose(session);
    harness.accept();
}

#[test]
fn one_seed_and_one_script_give_the_same_outputs() {
    let run = |seed| {
        let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), seed);
        harness.lose(session);
        harness.abandon();
        harness.out
    };
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}

/// A call whose two attempts that may race are both in flight.
fn crowded() -> (CallHarness, Vec<SessionId>) {
    let mut policy = RetryPolicy::interactive();
    (policy.racing, policy.initial, policy.max, policy.jitter_percent) = (2, MS * 100, MS * 100, 0);
    let (mut harness, session) = CallHarness::live(policy, 1);
    harness.advance_alive(SECOND * 11);
    harness.dials();
    harness.lose(session);
    harness.advance(SECOND);
    let dials = harness.dials().into_iter().map(|dial| dial.session).collect();
    (harness, dials)
}

#[test]
fn an_attempt_has_its_whole_time_even_when_others_wait_for_it() {
    let (mut harness, dials) = crowded();
    assert_eq!(dials.len(), 2);
    assert!(harness.closed_sessions().is_empty(), "nobody is given up to make room");
    harness.feed(Input::DialFailed { session: dials[1], cause: Cause::new(CauseKind::Reset) });
    assert_eq!(harness.dials().len(), 1, "the one that waited goes at once");
    let since = harness.now;
    let next = harness.next_dial();
    assert_eq!(next.at - since, SECOND * 2, "when the first one's 3 s are over");
    assert_eq!(harness.closed_sessions(), [dials[0]]);
}

#[test]
fn a_final_answer_makes_no_room_for_another_attempt() {
    let (mut harness, dials) = crowded();
    let cause = Cause::new(CauseKind::CertificateUntrusted);
    harness.feed(Input::DialFailed { session: dials[1], cause });
    assert_eq!(harness.error().code, ErrorCode::TlsUntrusted);
    assert!(harness.dials().is_empty());
    assert_eq!(harness.closed_sessions(), [dials[0]]);
}

#[test]
fn a_tick_that_comes_after_the_window_makes_no_attempt() {
    let (mut harness, _) = crowded();
    harness.now = harness.now + SECOND * 60;
    harness.feed(Input::Tick);
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
    assert!(harness.dials().is_empty());
}

#[test]
fn a_call_whose_attempts_are_used_up_by_flapping_fails_at_once_when_it_drops_again() {
    let (mut harness, mut session) = CallHarness::live(RetryPolicy::strict(), 1);
    for _ in 0..RetryPolicy::strict().attempts {
        harness.dials();
        harness.lose(session);
        session = harness.next_dial().session;
        harness.accept_on(session);
    }
    harness.lose(session);
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
    assert_eq!(harness.error().after, Duration::ZERO);
}

#[test]
fn no_attempt_is_made_at_the_very_end_of_the_window() {
    // Two dials of 3 s each, again and again: the tenth pair is over when the window is.
    let (mut harness, _) = crowded();
    harness.advance(SECOND * 60);
    assert_eq!(harness.error().after, SECOND * 30);
    let last = harness.dials().pop().expect("some").at;
    assert!(harness.now - last > SECOND * 32, "the last began 3 s before the end");
}

#[test]
fn a_pause_that_would_end_with_the_window_is_not_waited_for() {
    let mut policy = RetryPolicy::strict();
    (policy.initial, policy.max, policy.window, policy.jitter_percent) =
        (SECOND, SECOND, SECOND, 0);
    let (mut harness, session) = CallHarness::live(policy, 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    let session = harness.last_dial();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Reset) });
    assert_eq!(
        (harness.error().code, harness.error().after),
        (ErrorCode::RecoveryExhausted, Duration::ZERO)
    );
}
