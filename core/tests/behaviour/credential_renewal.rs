//! R32: a live session is replaced before its credential expires.

use super::credentials::{answer_credential, credential, token};
use crate::common::{CallHarness, MS};
use crate::directory::{dials, harness, queries};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::SessionId;
use holdline_core::{Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call whose token is valid for `valid_for`, its session, and how old that session is when
/// the call queries for another token.
fn queried_for_renewal(valid_for: Duration) -> (CallHarness, SessionId, Duration) {
    let mut harness = harness(|config| {
        config.directory.credentials = true;
        (config.idle_timeout, config.answer_timeout) = (None, SECOND * 7_200);
    });
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "first", Some(valid_for));
    let session = harness.accept();
    let began = harness.now;
    harness.out.clear();
    while !harness.out.iter().any(|(_, o)| matches!(o, Output::QueryCredential { .. })) {
        assert!(harness.now - began < SECOND * 7_200, "the call never queries for another token");
        harness.advance_alive(SECOND);
    }
    let after = harness.now - began;
    (harness, session, after)
}

#[test]
fn a_live_session_is_replaced_before_its_token_expires() {
    let (mut harness, session, after) = queried_for_renewal(SECOND * 3_600);
    assert_eq!(after, SECOND * 3_570);
    answer_credential(&mut harness, "second", Some(SECOND * 3_600));
    let causes = harness.events().into_iter().filter_map(|event| match event {
        Event::SessionReplacing { cause } => Some(cause),
        Event::IncidentStarted { cause, .. } => panic!("a renewal is no incident: {cause:?}"),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [CauseKind::CredentialRenewed]);
    harness.advance_alive(MS * 200);
    assert_eq!(harness.call.state(), StateName::Live);
    assert_eq!(harness.closed_sessions(), [], "the old session stays until the next one is up");
    let (_, next, relay, secret) = dials(&mut harness)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
    harness.feed(Input::Connected { session: next });
    assert_eq!(harness.call.telemetry().replacements_done, 1);
    assert_eq!(harness.closed_sessions(), [], "the old session drains");
    harness.advance_alive(SECOND * 3);
    assert_eq!(harness.closed_sessions(), [session]);
    assert_eq!(harness.call.state(), StateName::Live);
}

/// The provider answers with the same token, or fails. Only another token causes a renewal.
#[test]
fn a_session_continues_when_the_provider_has_no_other_token() {
    let (mut harness, _, after) = queried_for_renewal(SECOND * 60);
    assert_eq!(after, SECOND * 30);
    answer_credential(&mut harness, "first", Some(SECOND * 30));
    assert_eq!(harness.call.state(), StateName::Live);
    harness.advance_alive(SECOND * 15);
    for cause in [CauseKind::CredentialUnavailable, CauseKind::SignedOut] {
        let query = queries(&mut harness).pop().expect("the call queries");
        harness.feed(Input::CredentialFailed { query, cause: Cause::new(cause) });
        assert_eq!(harness.call.state(), StateName::Live);
        harness.advance_alive(SECOND * 60);
    }
    assert!(dials(&mut harness).is_empty());
    answer_credential(&mut harness, "second", None);
    assert_eq!(dials(&mut harness)[0].3, Some(token("second")));
}

#[test]
fn a_renewal_dials_another_relay_only_after_its_own_fails() {
    let (mut harness, ..) = queried_for_renewal(SECOND * 60);
    answer_credential(&mut harness, "second", None);
    let mut dialled = Vec::new();
    let mut states = Vec::new();
    for _ in 0..1_000 {
        assert_eq!(harness.call.state(), StateName::Live);
        states.push(harness.call.telemetry().replacements_open);
        for (_, session, relay, _) in dials(&mut harness) {
            dialled.push(relay);
            harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        }
        for (_, query) in harness.drain(|output| match output {
            Output::QueryCredential { query, .. } => Some(*query),
            _ => None,
        }) {
            let credential = credential("other", None);
            harness.feed(Input::CredentialAnswered { query, credential });
        }
        harness.advance_alive(MS * 100);
    }
    assert_eq!(dialled[..5], ["static-a", "static-a", "static-a", "static-a", "static-b"]);
    // After a failed renewal, the session continues for half of the time that its token has left.
    // When the token has expired, the relay accepts no new request on the session: the pause before
    // the next renewal is a second then, and is doubled each time.
    let live = states.split(|replacing| *replacing == 1).map(<[_]>::len);
    let live: Vec<usize> = live.filter(|tenths| *tenths > 0).collect();
    assert!((70..90).contains(&live[0]), "{live:?} tenths of a second");
    assert_eq!(live[1..], [10, 20, 40, 80], "tenths of a second");
    states.dedup();
    assert_eq!(states[..3], [1, 0, 1]);
    assert_eq!(dialled.len(), 29);
}

/// A session on another relay that is not stable yet does not change the home relay.
#[test]
fn a_session_away_from_home_is_renewed_on_its_relay() {
    let mut harness = harness(|config| config.directory.credentials = true);
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "of a", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
    harness.advance(SECOND);
    answer_credential(&mut harness, "of b", Some(SECOND * 4));
    let (_, session, relay, _) = dials(&mut harness)[0].clone();
    assert_eq!(relay, "static-b");
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 4);
    answer_credential(&mut harness, "of b, again", None);
    let (_, _, relay, secret) = dials(&mut harness)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-b", Some(token("of b, again"))));
}

/// The session is not at the call's home relay, and is not stable yet.
#[test]
fn a_renewal_first_dials_the_relay_of_its_session() {
    let mut harness = harness(|config| {
        config.policy = RetryPolicy::interactive();
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "first", None);
    let session = harness.accept();
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    let mut dialled = Vec::new();
    while dialled.len() < 6 {
        for query in queries(&mut harness) {
            let credential = credential("short", Some(SECOND * 6));
            harness.feed(Input::CredentialAnswered { query, credential });
        }
        for (_, session, relay, _) in dials(&mut harness) {
            dialled.push(relay);
            if dialled.len() < 6 {
                let cause = Cause::new(CauseKind::TimedOut);
                harness.feed(Input::DialFailed { session, cause });
            } else {
                harness.feed(Input::Connected { session });
            }
        }
        harness.advance_alive(MS * 10);
    }
    // The home relay has a moment to answer.
    harness.advance_alive(SECOND);
    assert_eq!(dials(&mut harness)[0].2, "static-a");
    assert_eq!((dialled[5].as_str(), harness.call.state()), ("static-b", StateName::Live));
    harness.advance_alive(SECOND * 6);
    answer_credential(&mut harness, "second", None);
    harness.advance_alive(SECOND);
    assert_eq!(dials(&mut harness)[0].2, "static-b");
}

/// A late credential, which no attempt waits for, starts no renewal: the relay has just refused.
#[test]
fn a_failed_renewal_is_not_repeated_at_once() {
    let (mut harness, ..) = queried_for_renewal(SECOND * 60);
    answer_credential(&mut harness, "second", None);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    // The next attempts query for a credential. The time of the renewal ends before the answer.
    while harness.call.telemetry().replacements_open == 1 {
        harness.advance_alive(MS * 100);
    }
    assert_eq!(harness.call.state(), StateName::Live);
    let open = harness.drain(|output| match output {
        Output::QueryCredential { query, relay } if relay == "static-a" => Some(*query),
        _ => None,
    });
    let query = open.last().expect("the call queries").1;
    let credential = credential("third", None);
    harness.feed(Input::CredentialAnswered { query, credential });
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(dials(&mut harness).is_empty());
    // The call queries again after its pause.
    while queries(&mut harness).is_empty() {
        harness.advance_alive(MS * 100);
    }
}

#[test]
fn a_renewal_never_ends_a_live_call() {
    // The session that needs renewal has used the only attempt of the retry budget.
    let mut harness = harness(|config| {
        (config.directory.credentials, config.policy.attempts) = (true, 1);
        config.relays.truncate(1);
    });
    harness.feed(Input::Connect);
    answer_credential(&mut harness, "first", Some(SECOND * 17));
    let session = harness.accept();
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    answer_credential(&mut harness, "second", Some(SECOND * 4));
    harness.accept();
    harness.advance_alive(SECOND * 4);
    answer_credential(&mut harness, "third", None);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.closed_sessions().is_empty());

    // The renewal fails for good before anything more was received on the old session.
    for cause in [CauseKind::VersionMismatch, CauseKind::CertificateUntrusted] {
        let (mut harness, ..) = queried_for_renewal(SECOND * 60);
        answer_credential(&mut harness, "second", None);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(cause) });
        assert_eq!(harness.call.state(), StateName::Live);
    }
}
