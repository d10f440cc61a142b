//! R3, R6, R8, R9, R14, R18: how a call loses its session and recovers.

use crate::common::{CallHarness, MIC, MS, publish};

use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::SessionId;
use holdline_core::stats::Outcome;
use holdline_core::{Config, Event, Input, Output, StateName};

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_closed_session_is_redialled_immediately_under_the_next_epoch() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.out.clear();
    harness.lose(session);
    assert_eq!(harness.call.state(), StateName::Recovering);
    let dials = harness.dials();
    assert_eq!(dials.len(), 1);
    assert_eq!(dials[0].at, harness.now, "the dial is made without a delay");
    harness.feed(Input::Connected { session: dials[0].session });
    let (on, epoch) = harness.namespace().expect("the namespace was announced again");
    assert_eq!((on, epoch), (dials[0].session, 2), "the first session had epoch 1");
}

/// The report has its duration and its number of attempts.
#[test]
fn a_recovery_is_reported_as_one_incident() {
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
    assert!(
        took >= MS * 3_800 && took <= MS * 4_001,
        "the first attempt takes 3 s, then comes a pause: {took:?}"
    );
}

/// The call does not close a silent session while it dials another one.
#[test]
fn a_silent_session_that_answers_first_wins_the_race() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    harness.pass_silent(MS * 700);
    assert_eq!(harness.call.state(), StateName::Suspect);
    assert!(harness.closed_sessions().is_empty(), "the old session may still answer");
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
    assert!(harness.subscription().is_none(), "the old session lost no subscription");
    assert_eq!(harness.send().sent().len(), 1);
}

#[test]
fn requests_made_during_silence_are_sent_when_it_ends() {
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
    let requests = harness.drain(|o| match o {
        Output::PublishTrack { name, .. } => Some(name.clone()),
        Output::SendEndOfTrack { .. } => Some("end".into()),
        _ => None,
    });
    let mut requests: Vec<String> = requests.into_iter().map(|(_, what)| what).collect();
    requests.sort();
    assert_eq!(requests, ["end", "screen"]);
}

#[test]
fn no_frames_are_sent_on_a_silent_path() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    assert_eq!(harness.send().sent().len(), 1);
    harness.pass_silent(MS * 400);
    assert_eq!(harness.send().send().sent().len(), 0);
    let counters = harness.call.stats().published[0].counters;
    assert_eq!((counters.accepted, counters.sent, counters.kept_back), (3, 1, 2));
}

/// The dials that lost the race are closed, too.
#[test]
fn the_old_session_is_closed_when_another_wins() {
    let (mut harness, old) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.dials();
    harness.pass_silent(MS * 400);
    harness.advance(SECOND);
    let dials = harness.dials();
    assert!(dials.len() >= 2, "two attempts race");
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
    let (subscription, _) = harness.subscription().expect("bob's track is subscribed to");
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
        let name = format!("{stale:?}");
        harness.out.clear();
        harness.feed(stale);
        assert!(harness.out.is_empty(), "{name} emitted {:?}", harness.out);
        assert_eq!(format!("{:?}", harness.call), before, "{name} changed the state");
    }
}

#[test]
fn a_session_that_never_accepts_is_a_failed_attempt() {
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
fn a_refused_namespace_is_announced_again_under_the_next_epoch() {
    let mut harness = CallHarness::new(RetryPolicy::strict(), 1);
    harness.feed(publish(MIC, "audio"));
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session });
    let (_, first) = harness.namespace().expect("the namespace was announced");
    harness.feed(Input::NamespaceRefused { session, epoch: first });
    assert_eq!(harness.namespace(), None, "the request is not repeated at once");
    harness.advance(MS * 100);
    let (_, second) = harness.namespace().expect("the namespace was announced again");
    assert_eq!(second, first + 1);
    harness.feed(Input::NamespaceAccepted { session, epoch: second });
    assert_eq!(harness.call.state(), StateName::Live);
}

/// The new request is sent as soon as for a namespace that was never accepted.
#[test]
fn a_namespace_refused_while_live_is_announced_again() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.feed(Input::NamespaceRefused { session, epoch: 1 });
    harness.advance_alive(MS * 100);
    assert_eq!(harness.namespace(), Some((session, 2)));
}

#[test]
fn a_final_cause_ends_the_call_at_once() {
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
        assert!(harness.dials().is_empty(), "no attempt follows a final cause");
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

/// It is the attempt that was planned next.
#[test]
fn repeated_reconnect_now_makes_one_attempt() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::patient(), 1);
    harness.dials();
    harness.lose(session);
    assert!(harness.dials().is_empty(), "the policy patient waits a second");
    for _ in 0..10 {
        harness.feed(Input::ReconnectNow);
    }
    assert_eq!(harness.dials().len(), 1);
}

/// The call closes its sessions, reports its end last, and emits nothing afterwards.
#[test]
fn close_ends_the_call_in_every_state() {
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
        assert!(harness.out.is_empty(), "an ended call emits nothing: {:?}", harness.out);
    }
}

/// One input may change the state twice.
#[test]
fn every_state_change_is_reported_in_order() {
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
fn a_tick_from_the_past_does_not_move_time_back() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND * 5);
    harness.call.handle(holdline_core::Timestamp::ZERO, Input::Tick);
    assert!(harness.call.deadline().expect("a live call has a deadline").at > harness.now);
    harness.lose(session);
    harness.accept();
}

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let run = |seed| {
        let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), seed);
        harness.lose(session);
        harness.abandon();
        harness.out
    };
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}

/// A recovering call whose two racing attempts are both in flight, as many as its policy allows.
fn with_two_attempts() -> (CallHarness, Vec<SessionId>) {
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
fn an_attempt_keeps_its_whole_timeout_while_others_wait() {
    let (mut harness, dials) = with_two_attempts();
    assert_eq!(dials.len(), 2);
    assert!(harness.closed_sessions().is_empty(), "no attempt is abandoned for the next one");
    harness.feed(Input::DialFailed { session: dials[1], cause: Cause::new(CauseKind::Reset) });
    assert_eq!(harness.dials().len(), 1, "the waiting attempt begins at once");
    let since = harness.now;
    let next = harness.next_dial();
    assert_eq!(
        next.at - since,
        SECOND * 2,
        "the next attempt begins when the first one's 3 s are over"
    );
    assert_eq!(harness.closed_sessions(), [dials[0]]);
}

#[test]
fn a_final_cause_starts_no_waiting_attempt() {
    let (mut harness, dials) = with_two_attempts();
    let cause = Cause::new(CauseKind::CertificateUntrusted);
    harness.feed(Input::DialFailed { session: dials[1], cause });
    assert_eq!(harness.error().code, ErrorCode::TlsUntrusted);
    assert!(harness.dials().is_empty());
    assert_eq!(harness.closed_sessions(), [dials[0]]);
}

#[test]
fn a_tick_after_the_window_makes_no_attempt() {
    let (mut harness, _) = with_two_attempts();
    harness.now = harness.now + SECOND * 60;
    harness.feed(Input::Tick);
    assert_eq!(harness.error().code, ErrorCode::RecoveryExhausted);
    assert!(harness.dials().is_empty());
}

#[test]
fn no_attempt_begins_at_the_very_end_of_the_window() {
    // Two dials of 3 s each race again and again. The tenth pair ends with the window.
    let (mut harness, _) = with_two_attempts();
    harness.advance(SECOND * 60);
    assert_eq!(harness.error().after, SECOND * 30);
    let last = harness.dials().pop().expect("a dial was made").at;
    assert!(harness.now - last > SECOND * 32, "the last attempt began 3 s before the end");
}

/// The call does not wait for a pause that leaves no time for an attempt.
#[test]
fn a_pause_as_long_as_the_window_ends_the_call() {
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
