//! R32: what relays are shown, from where it comes, and what happens when it expires or is refused.

use crate::common::{CallHarness, MS};
use crate::directory::{asked, dials, harness};
use holdline_core::config::RetryPolicy;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::SessionId;
use holdline_core::{Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn credential(secret: &'static str, valid_for: Option<Duration>) -> Credential {
    Credential { token: token(secret), valid_for }
}

fn token(secret: &'static str) -> Token {
    Token { token_type: 0, secret: Secret::new(secret) }
}

fn let_in(harness: &mut CallHarness, secret: &'static str, valid_for: Option<Duration>) {
    let request = asked(harness).pop().expect("asked for");
    harness.feed(Input::CredentialAnswered {
        query: request,
        credential: credential(secret, valid_for),
    });
}

#[test]
fn a_credential_is_had_before_the_dial_and_kept_as_long_as_it_is_valid() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    assert!(dials(&mut harness).is_empty(), "nothing to show yet");
    harness.advance(MS * 50);
    let_in(&mut harness, "first", Some(SECOND * 60));
    let (at, session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!((at, secret), (MS * 50, Some(token("first"))));
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 20);
    harness.lose(session);
    let (.., session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!(secret, Some(token("first")), "still valid");
    harness.feed(Input::Connected { session });
    // 3 s is what the dial may take: what expires within it is not shown.
    harness.advance_alive(MS * 37_000);
    harness.lose(session);
    assert!(dials(&mut harness).is_empty());
    let_in(&mut harness, "second", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("second")));
}

#[test]
fn a_credential_that_expires_before_a_dial_may_end_is_shown_and_asked_for_again_only_by_the_next() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let_in(&mut harness, "short", Some(MS * 500));
    let (_, session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!((secret, asked(&mut harness)), (Some(token("short")), vec![]));
    harness.feed(Input::Connected { session });
    harness.lose(session);
    assert!(dials(&mut harness).is_empty());
    let_in(&mut harness, "next", Some(Duration::ZERO));
    assert_eq!(dials(&mut harness)[0].3, Some(token("next")));
}

#[test]
fn a_refused_credential_is_refreshed_once_and_then_the_answer_is_final() {
    for (kind, code) in [
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
        (CauseKind::CredentialExpired, ErrorCode::AuthExpired),
    ] {
        let mut harness = harness(|config| config.directory.credentials = true);
        harness.feed(Input::Connect);
        let_in(&mut harness, "first", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(harness.call.state(), StateName::Connecting);
        // The next attempt is at the other relay, which has its own; then it is the first's turn.
        harness.advance(SECOND);
        let_in(&mut harness, "other", None);
        let (_, session, relay, _) = dials(&mut harness)[0].clone();
        assert_eq!(relay, "static-b");
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        harness.advance(SECOND * 2);
        let_in(&mut harness, "second", None);
        let (_, session, relay, secret) = dials(&mut harness)[0].clone();
        assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(harness.error().code, code);
    }
}

#[test]
fn a_refusal_that_was_not_final_is_not_the_cause_if_no_relay_is_reached_after_that() {
    for cause in [CauseKind::TimedOut, CauseKind::Unauthorized] {
        let mut harness = harness(|config| {
            config.directory.credentials = true;
            config.relays.truncate(1);
        });
        harness.feed(Input::Connect);
        let_in(&mut harness, "first", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        harness.advance(SECOND * 2);
        let_in(&mut harness, "second", None);
        while harness.call.state() == StateName::Connecting {
            for (_, session, ..) in dials(&mut harness) {
                harness.feed(Input::DialFailed { session, cause: Cause::new(cause) });
            }
            harness.advance(MS * 100);
        }
        let error = harness.error();
        let code = match cause {
            CauseKind::TimedOut => ErrorCode::RelayUnreachable,
            _ => ErrorCode::AuthRejected,
        };
        assert_eq!((error.code, error.root_cause.kind), (code, cause));
    }
}

#[test]
fn without_anybody_to_ask_a_refusal_is_final_at_once() {
    let mut harness = harness(|_| {});
    harness.feed(Input::Connect);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::CredentialExpired) });
    assert_eq!(harness.error().code, ErrorCode::AuthExpired);
}

#[test]
fn attempts_that_race_ask_once_and_a_refusal_of_what_they_share_counts_once() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    harness.advance(MS * 1_200);
    let request = asked(&mut harness);
    assert_eq!(request.len(), 1, "one question");
    assert!(dials(&mut harness).is_empty());
    let first = credential("first", None);
    harness.feed(Input::CredentialAnswered { query: request[0], credential: first });
    let raced = dials(&mut harness);
    assert!(raced.len() >= 2, "whoever waited goes");
    for (_, session, ..) in raced {
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    }
    assert_eq!(harness.call.state(), StateName::Connecting, "refreshed once");
    harness.advance(SECOND);
    let_in(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(harness.error().code, ErrorCode::AuthRejected);
}

#[test]
fn no_credential_is_a_failed_attempt_and_signed_out_is_final() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let request = asked(&mut harness)[0];
    let unavailable = Cause::new(CauseKind::CredentialUnavailable);
    harness.feed(Input::CredentialFailed { query: request, cause: unavailable });
    assert_eq!(harness.call.state(), StateName::Connecting);
    harness.advance(SECOND);
    let request = asked(&mut harness)[0];
    harness
        .feed(Input::CredentialFailed { query: request, cause: Cause::new(CauseKind::SignedOut) });
    assert_eq!(harness.error().code, ErrorCode::AuthExpired);
    assert!(dials(&mut harness).is_empty());
}

#[test]
fn a_provider_that_never_answers_costs_attempts_and_ends_with_the_budget() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    harness.advance(SECOND * 60);
    assert_eq!(harness.call.state(), StateName::Failed);
    assert!(asked(&mut harness).len() >= 3, "asked again, not once for ever");
    assert!(dials(&mut harness).is_empty());
}

#[test]
fn no_secret_is_in_what_is_printed_or_serialised() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let request = asked(&mut harness)[0];
    let input =
        Input::CredentialAnswered { query: request, credential: credential("hunter2", None) };
    let mut told = format!("{input:?}{}", serde_json::to_string(&input).expect("serialises"));
    harness.feed(input);
    told += &format!("{:?}", harness.call);
    for (_, output) in &harness.out {
        told += &format!("{output:?}{}", serde_json::to_string(output).expect("serialises"));
    }
    assert!(told.contains("(secret)"));
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "(secret)");
    assert!(!told.contains("hunter2"));
}

#[test]
fn a_credential_that_came_later_is_not_taken_back_by_a_refusal_of_the_one_before() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    let_in(&mut harness, "first", Some(MS * 3_100));
    let (_, early, ..) = dials(&mut harness)[0].clone();
    harness.advance(MS * 800);
    assert!(dials(&mut harness).is_empty(), "it would expire on the way");
    let_in(&mut harness, "second", None);
    let late = dials(&mut harness);
    assert!(!late.is_empty());
    assert!(late.iter().all(|(_, session, ..)| *session != early), "a dial goes out once");
    assert!(late.iter().all(|dial| dial.3 == Some(token("second"))));
    harness.feed(Input::DialFailed { session: early, cause: Cause::new(CauseKind::Unauthorized) });
    harness.advance(SECOND * 2);
    assert_eq!(asked(&mut harness), [], "the second is still good");
    assert_eq!(harness.call.state(), StateName::Connecting);
}

#[test]
fn a_relay_that_let_us_in_may_want_a_fresh_credential_again() {
    let mut harness = harness(|config| {
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    let_in(&mut harness, "first", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    harness.advance(SECOND);
    let_in(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    let (_, session, _, shown) = dials(&mut harness)[0].clone();
    assert_eq!(shown, Some(token("second")));
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(harness.call.state(), StateName::Recovering, "refreshed once more");
    harness.advance(SECOND);
    let_in(&mut harness, "third", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("third")));
}

/// A live call that was let in with a credential that is valid for so long, and the time at which it is asked for
/// another one.
fn asked_again(valid_for: Duration) -> (CallHarness, SessionId, Duration) {
    let mut harness = harness(|config| {
        config.directory.credentials = true;
        (config.idle_timeout, config.answer_timeout) = (None, SECOND * 7_200);
    });
    harness.feed(Input::Connect);
    let_in(&mut harness, "first", Some(valid_for));
    let session = harness.accept();
    let began = harness.now;
    harness.out.clear();
    while !harness.out.iter().any(|(_, o)| matches!(o, Output::QueryCredential { .. })) {
        assert!(harness.now - began < SECOND * 7_200, "it is never asked for another one");
        harness.advance_alive(SECOND);
    }
    let after = harness.now - began;
    (harness, session, after)
}

#[test]
fn before_a_live_sessions_credential_expires_it_is_replaced_by_one_with_another() {
    let (mut harness, session, after) = asked_again(SECOND * 3_600);
    assert_eq!(after, SECOND * 3_570);
    let_in(&mut harness, "second", Some(SECOND * 3_600));
    let causes = harness.events().into_iter().filter_map(|event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [CauseKind::CredentialRenewed]);
    harness.advance_alive(MS * 200);
    assert_eq!(
        harness.call.state(),
        StateName::Recovering,
        "that it is alive is no reason to stay"
    );
    assert_eq!(harness.closed_sessions(), [], "it is kept until the next one is there");
    let (_, next, relay, secret) = dials(&mut harness)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
    harness.feed(Input::Connected { session: next });
    assert_eq!(harness.closed_sessions(), [session]);
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_session_is_not_replaced_for_the_credential_that_it_has_and_goes_on_if_there_is_no_other() {
    let (mut harness, _, after) = asked_again(SECOND * 60);
    assert_eq!(after, SECOND * 30);
    let_in(&mut harness, "first", Some(SECOND * 30));
    assert_eq!(harness.call.state(), StateName::Live);
    harness.advance_alive(SECOND * 15);
    for cause in [CauseKind::CredentialUnavailable, CauseKind::SignedOut] {
        let request = asked(&mut harness).pop().expect("asked for");
        harness.feed(Input::CredentialFailed { query: request, cause: Cause::new(cause) });
        assert_eq!(harness.call.state(), StateName::Live);
        harness.advance_alive(SECOND * 60);
    }
    assert!(dials(&mut harness).is_empty());
    let_in(&mut harness, "second", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("second")));
}

#[test]
fn a_session_is_renewed_where_it_is_and_elsewhere_only_if_that_cannot_be() {
    let (mut harness, ..) = asked_again(SECOND * 60);
    let_in(&mut harness, "second", None);
    let mut tried = Vec::new();
    let mut states = Vec::new();
    for _ in 0..1_000 {
        states.push(harness.call.state());
        for (_, session, relay, _) in dials(&mut harness) {
            tried.push(relay);
            harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        }
        for (_, request) in harness.drain(|output| match output {
            Output::QueryCredential { query: request, .. } => Some(*request),
            _ => None,
        }) {
            let credential = credential("other", None);
            harness.feed(Input::CredentialAnswered { query: request, credential });
        }
        harness.advance_alive(MS * 100);
    }
    assert_eq!(tried[..5], ["static-a", "static-a", "static-a", "static-a", "static-b"]);
    // Then it goes on as it is for half of the time that is left before the next try. A relay agrees to nothing
    // new once it has expired: then for a second, and for longer and longer.
    let live = states.split(|state| *state != StateName::Live).map(<[_]>::len);
    let live: Vec<usize> = live.filter(|tenths| *tenths > 0).collect();
    assert!((70..90).contains(&live[0]), "{live:?} tenths of a second");
    assert_eq!(live[1..], [10, 20, 40, 80], "tenths of a second");
    states.dedup();
    assert_eq!(states[..3], [StateName::Recovering, StateName::Live, StateName::Recovering]);
    assert_eq!(tried.len(), 29);
}

/// Who has come to another relay, and has not been there for long, has its home elsewhere still.
#[test]
fn a_session_that_is_not_at_home_is_renewed_where_it_is() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let_in(&mut harness, "of a", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
    harness.advance(SECOND);
    let_in(&mut harness, "of b", Some(SECOND * 4));
    let (_, session, relay, _) = dials(&mut harness)[0].clone();
    assert_eq!(relay, "static-b");
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 4);
    let_in(&mut harness, "of b, again", None);
    let (_, _, relay, secret) = dials(&mut harness)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-b", Some(token("of b, again"))));
}

/// Home is where the call was stable. A session that flaps has its home where it is only by being renewed.
#[test]
fn a_renewal_begins_where_the_session_is_whatever_was_tried_before() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    let_in(&mut harness, "first", None);
    let session = harness.accept();
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    let mut tried = Vec::new();
    while tried.len() < 6 {
        for request in asked(&mut harness) {
            let credential = credential("short", Some(SECOND * 6));
            harness.feed(Input::CredentialAnswered { query: request, credential });
        }
        for (_, session, relay, _) in dials(&mut harness) {
            tried.push(relay);
            if tried.len() < 6 {
                let cause = Cause::new(CauseKind::TimedOut);
                harness.feed(Input::DialFailed { session, cause });
            } else {
                harness.feed(Input::Connected { session });
            }
        }
        harness.advance_alive(MS * 10);
    }
    // Home has a moment to answer.
    harness.advance_alive(SECOND);
    assert_eq!(dials(&mut harness)[0].2, "static-a");
    assert_eq!((tried[5].as_str(), harness.call.state()), ("static-b", StateName::Live));
    harness.advance_alive(SECOND * 6);
    let_in(&mut harness, "second", None);
    harness.advance_alive(SECOND);
    assert_eq!(dials(&mut harness)[0].2, "static-b");
}

#[test]
fn what_waits_for_a_credential_has_not_gone_out_and_is_not_closed() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    harness.advance(SECOND * 4);
    let causes = harness.events().into_iter().filter_map(|event| match event {
        Event::AttemptFailed { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [CauseKind::CredentialUnavailable], "late");
    harness.advance(SECOND);
    harness.feed(Input::Close);
    assert_eq!(harness.call.stats().telemetry.attempts_cancelled, 1);
    assert_eq!(harness.closed_sessions(), []);
}

#[test]
fn what_a_silent_session_is_closed_for_is_not_shown_again() {
    let states = [(SECOND, StateName::Suspect), (SECOND * 5, StateName::Recovering)];
    for (silent_for, state) in states {
        let mut harness = harness(|config| {
            config.policy = RetryPolicy::interactive();
            config.relays.truncate(1);
            config.directory.credentials = true;
        });
        harness.feed(Input::Connect);
        let_in(&mut harness, "first", None);
        let session = harness.accept();
        harness.advance_alive(SECOND);
        harness.pass_silent(silent_for);
        assert_eq!(harness.call.state(), state);
        harness.out.clear();
        let cause = Cause::new(CauseKind::Unauthorized);
        harness.feed(Input::SessionClosed { session, cause });
        harness.advance(SECOND);
        assert!(dials(&mut harness).is_empty(), "there is nothing to show");
        let_in(&mut harness, "second", None);
        assert!(dials(&mut harness).iter().all(|dial| dial.3 == Some(token("second"))));
    }
}

/// What nobody waits for is no reason to begin again: the relay has just refused.
#[test]
fn a_renewal_that_was_in_vain_is_not_tried_again_at_once_whatever_credentials_come() {
    let (mut harness, ..) = asked_again(SECOND * 60);
    let_in(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    // The next attempts ask; before they are answered, the time is over.
    while harness.call.state() == StateName::Recovering {
        harness.advance_alive(MS * 100);
    }
    assert_eq!(harness.call.state(), StateName::Live);
    let open = harness.drain(|output| match output {
        Output::QueryCredential { query: request, relay } if relay == "static-a" => Some(*request),
        _ => None,
    });
    let request = open.last().expect("asked").1;
    let credential = credential("third", None);
    harness.feed(Input::CredentialAnswered { query: request, credential });
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(dials(&mut harness).is_empty());
    // It is asked again when it has rested, and then it is tried.
    while asked(&mut harness).is_empty() {
        harness.advance_alive(MS * 100);
    }
}

#[test]
fn a_renewal_never_ends_a_call_that_is_alive() {
    // The one attempt of the budget has been made, for the session that is to be renewed.
    let mut harness = harness(|config| {
        (config.directory.credentials, config.policy.attempts) = (true, 1);
        config.relays.truncate(1);
    });
    harness.feed(Input::Connect);
    let_in(&mut harness, "first", Some(SECOND * 17));
    let session = harness.accept();
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    let_in(&mut harness, "second", Some(SECOND * 4));
    harness.accept();
    harness.advance_alive(SECOND * 4);
    let_in(&mut harness, "third", None);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.closed_sessions().is_empty());

    // Another one cannot be had, and that is certain before anything was heard on this one again.
    for cause in [CauseKind::VersionMismatch, CauseKind::CertificateUntrusted] {
        let (mut harness, ..) = asked_again(SECOND * 60);
        let_in(&mut harness, "second", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(cause) });
        assert_eq!(harness.call.state(), StateName::Live);
    }
}
