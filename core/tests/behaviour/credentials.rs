//! R32: which token a call presents to a relay, and what follows when it expires or is refused.

use crate::common::{CallHarness, MS};
use crate::directory::{dials, harness, queries};
use holdline_core::config::RetryPolicy;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::{Event, Input, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn credential(secret: &'static str, valid_for: Option<Duration>) -> Credential {
    Credential { token: token(secret), valid_for }
}

pub(super) fn token(secret: &'static str) -> Token {
    Token { token_type: 0, secret: Secret::new(secret) }
}

/// The provider answers the last query with a credential.
pub(super) fn answer_credential(
    harness: &mut CallHarness,
    secret: &'static str,
    valid_for: Option<Duration>,
) {
    let query = queries(harness).pop().expect("the call queries");
    harness.feed(Input::CredentialAnswered { query, credential: credential(secret, valid_for) });
}

#[test]
fn dials_wait_for_a_credential_and_reuse_a_valid_one() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    assert!(dials(&mut harness).is_empty(), "the call has no token yet");
    harness.advance(MS * 50);
    answer_credential(&mut harness, "first", Some(SECOND * 60));
    let (at, session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!((at, secret), (MS * 50, Some(token("first"))));
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 20);
    harness.lose(session);
    let (.., session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!(secret, Some(token("first")), "the token is still valid");
    harness.feed(Input::Connected { session });
    // A dial may take 3 s. A token that expires within that time is not presented.
    harness.advance_alive(MS * 37_000);
    harness.lose(session);
    assert!(dials(&mut harness).is_empty());
    answer_credential(&mut harness, "second", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("second")));
}

/// The fresh token expires before the dial may end. Only the next dial queries for another one.
#[test]
fn a_short_lived_token_is_presented_without_a_second_query() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "short", Some(MS * 500));
    let (_, session, _, secret) = dials(&mut harness)[0].clone();
    assert_eq!((secret, queries(&mut harness)), (Some(token("short")), vec![]));
    harness.feed(Input::Connected { session });
    harness.lose(session);
    assert!(dials(&mut harness).is_empty());
    answer_credential(&mut harness, "next", Some(Duration::ZERO));
    assert_eq!(dials(&mut harness)[0].3, Some(token("next")));
}

#[test]
fn a_refused_token_is_refreshed_once_then_the_call_fails() {
    for (kind, code) in [
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
        (CauseKind::CredentialExpired, ErrorCode::AuthExpired),
    ] {
        let mut harness = harness(|config| config.directory.credentials = true);
        harness.feed(Input::Connect);
        answer_credential(&mut harness, "first", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(harness.call.state(), StateName::Connecting);
        // The next attempt dials the other relay, with another token. Then the first has its turn.
        harness.advance(SECOND);
        answer_credential(&mut harness, "other", None);
        let (_, session, relay, _) = dials(&mut harness)[0].clone();
        assert_eq!(relay, "static-b");
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        harness.advance(SECOND * 2);
        answer_credential(&mut harness, "second", None);
        let (_, session, relay, secret) = dials(&mut harness)[0].clone();
        assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
        harness.feed(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(harness.error().code, code);
    }
}

/// The attempts after the first refusal decide: the relay is unreachable, or refuses again.
#[test]
fn a_refusal_before_unreachable_relays_is_not_the_root_cause() {
    for cause in [CauseKind::TimedOut, CauseKind::Unauthorized] {
        let mut harness = harness(|config| {
            config.directory.credentials = true;
            config.relays.truncate(1);
        });
        harness.feed(Input::Connect);
        answer_credential(&mut harness, "first", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        harness.advance(SECOND * 2);
        answer_credential(&mut harness, "second", None);
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
fn a_refusal_without_a_credential_provider_is_final() {
    let mut harness = harness(|_| {});
    harness.feed(Input::Connect);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::CredentialExpired) });
    assert_eq!(harness.error().code, ErrorCode::AuthExpired);
}

/// They present the same token, so its refusals count once.
#[test]
fn racing_attempts_share_one_query_and_one_refusal() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    harness.advance(MS * 1_200);
    let queries = queries(&mut harness);
    assert_eq!(queries.len(), 1, "one query serves all attempts");
    assert!(dials(&mut harness).is_empty());
    let first = credential("first", None);
    harness.feed(Input::CredentialAnswered { query: queries[0], credential: first });
    let raced = dials(&mut harness);
    assert!(raced.len() >= 2, "every waiting attempt dials");
    for (_, session, ..) in raced {
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    }
    assert_eq!(harness.call.state(), StateName::Connecting, "the token is refreshed once");
    harness.advance(SECOND);
    answer_credential(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(harness.error().code, ErrorCode::AuthRejected);
}

#[test]
fn credential_unavailable_fails_the_attempt_and_signed_out_is_final() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let query = queries(&mut harness)[0];
    let unavailable = Cause::new(CauseKind::CredentialUnavailable);
    harness.feed(Input::CredentialFailed { query, cause: unavailable });
    assert_eq!(harness.call.state(), StateName::Connecting);
    harness.advance(SECOND);
    let query = queries(&mut harness)[0];
    harness.feed(Input::CredentialFailed { query, cause: Cause::new(CauseKind::SignedOut) });
    assert_eq!(harness.error().code, ErrorCode::AuthExpired);
    assert!(dials(&mut harness).is_empty());
}

#[test]
fn a_silent_credential_provider_uses_up_the_retry_budget() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    harness.advance(SECOND * 60);
    assert_eq!(harness.call.state(), StateName::Failed);
    assert!(queries(&mut harness).len() >= 3, "the call repeats its query");
    assert!(dials(&mut harness).is_empty());
}

#[test]
fn no_secret_is_printed_or_serialised() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    let query = queries(&mut harness)[0];
    let input = Input::CredentialAnswered { query, credential: credential("hunter2", None) };
    let mut printed =
        format!("{input:?}{}", serde_json::to_string(&input).expect("an input serialises"));
    harness.feed(input);
    printed += &format!("{:?}", harness.call);
    for (_, output) in &harness.out {
        printed +=
            &format!("{output:?}{}", serde_json::to_string(output).expect("an output serialises"));
    }
    assert!(printed.contains("(secret)"));
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "(secret)");
    assert!(!printed.contains("hunter2"));
}

#[test]
fn the_refusal_of_an_old_token_keeps_the_new_one() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "first", Some(MS * 3_100));
    let (_, early, ..) = dials(&mut harness)[0].clone();
    harness.advance(MS * 800);
    assert!(dials(&mut harness).is_empty(), "the token would expire before the dial may end");
    answer_credential(&mut harness, "second", None);
    let late = dials(&mut harness);
    assert!(!late.is_empty());
    assert!(late.iter().all(|(_, session, ..)| *session != early), "each attempt dials once");
    assert!(late.iter().all(|dial| dial.3 == Some(token("second"))));
    harness.feed(Input::DialFailed { session: early, cause: Cause::new(CauseKind::Unauthorized) });
    harness.advance(SECOND * 2);
    assert_eq!(queries(&mut harness), [], "the second token is still valid");
    assert_eq!(harness.call.state(), StateName::Connecting);
}

/// A relay that accepted a token may refuse it later.
#[test]
fn a_token_is_refreshed_again_after_the_relay_accepted_one() {
    let mut harness = harness(|config| {
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "first", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    harness.advance(SECOND);
    answer_credential(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    let (_, session, _, presented) = dials(&mut harness)[0].clone();
    assert_eq!(presented, Some(token("second")));
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(harness.call.state(), StateName::Recovering, "the token is refreshed once more");
    harness.advance(SECOND);
    answer_credential(&mut harness, "third", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("third")));
}

#[test]
fn an_attempt_without_a_credential_has_no_session_to_close() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    harness.advance(SECOND * 4);
    let causes = harness.events().into_iter().filter_map(|event| match event {
        Event::AttemptFailed { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(
        causes.collect::<Vec<_>>(),
        [CauseKind::CredentialUnavailable],
        "the answer is late"
    );
    harness.advance(SECOND);
    harness.feed(Input::Close);
    assert_eq!(harness.call.stats().telemetry.attempts_cancelled, 1);
    assert_eq!(harness.closed_sessions(), []);
}

#[test]
fn a_token_refused_on_a_silent_session_is_not_reused() {
    let states = [(SECOND, StateName::Suspect), (SECOND * 5, StateName::Recovering)];
    for (silent_for, state) in states {
        let mut harness = harness(|config| {
            config.policy = RetryPolicy::interactive();
            config.relays.truncate(1);
            config.directory.credentials = true;
        });
        harness.feed(Input::Connect);
        answer_credential(&mut harness, "first", None);
        let session = harness.accept();
        harness.advance_alive(SECOND);
        harness.pass_silent(silent_for);
        assert_eq!(harness.call.state(), state);
        harness.out.clear();
        let cause = Cause::new(CauseKind::Unauthorized);
        harness.feed(Input::SessionClosed { session, cause });
        harness.advance(SECOND);
        assert!(dials(&mut harness).is_empty(), "the call has no token to present");
        answer_credential(&mut harness, "second", None);
        assert!(dials(&mut harness).iter().all(|dial| dial.3 == Some(token("second"))));
    }
}
