//! R32: which relays a call dials, and where their list comes from.

use crate::common::{CallHarness, MS};
use crate::credentials::credential;
use holdline_core::config::{RememberedRelays, RetryPolicy};
use holdline_core::credential::Token;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{QueryId, SessionId};
use holdline_core::{Config, Input, Output};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn harness(change: impl FnOnce(&mut Config)) -> CallHarness {
    let mut config = Config::new("static-a", "room", "alice");
    config.relays.push("static-b".into());
    config.policy = RetryPolicy::strict();
    change(&mut config);
    CallHarness::with(config, 1)
}

/// The dials since the last call of this function: time, session, relay and token.
pub(crate) fn dials(
    harness: &mut CallHarness,
) -> Vec<(Duration, SessionId, String, Option<Token>)> {
    harness
        .drain(|o| match o {
            Output::Dial { session, relay, token } => {
                Some((*session, relay.clone(), token.clone()))
            }
            _ => None,
        })
        .into_iter()
        .map(|(at, (session, relay, token))| {
            (at - holdline_core::Timestamp::ZERO, session, relay, token)
        })
        .collect()
}

fn relays(harness: &mut CallHarness) -> Vec<String> {
    dials(harness).into_iter().map(|(_, _, relay, _)| relay).collect()
}

pub(crate) fn queries(harness: &mut CallHarness) -> Vec<QueryId> {
    let queries = harness.drain(|o| match o {
        Output::QueryDirectory { query } | Output::QueryCredential { query, .. } => Some(*query),
        _ => None,
    });
    queries.into_iter().map(|(_, query)| query).collect()
}

fn remembered(age: Duration) -> Option<RememberedRelays> {
    Some(RememberedRelays { relays: vec!["old-a".into(), "old-b".into()], age })
}

fn answer_directory(harness: &mut CallHarness, relays: &[&str]) {
    let query = queries(harness)[0];
    let relays = relays.iter().map(|&relay| relay.to_owned()).collect();
    harness.feed(Input::DirectoryAnswered { query, relays });
}

#[test]
fn a_relay_list_younger_than_an_hour_needs_no_query() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_599);
    });
    harness.feed(Input::Connect);
    assert_eq!(queries(&mut harness), []);
    assert_eq!(relays(&mut harness), ["old-a"]);
    harness.advance(SECOND * 5);
    assert_eq!(relays(&mut harness), ["old-b"]);
}

/// The call remembers the answer of the provider.
#[test]
fn an_expired_list_makes_the_call_query_the_provider_first() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_600);
    });
    harness.feed(Input::Connect);
    assert_eq!(relays(&mut harness), [""; 0]);
    harness.advance(SECOND);
    answer_directory(&mut harness, &["new-a", "new-b"]);
    assert_eq!(relays(&mut harness), ["new-a"]);
    let stored = harness.drain(|o| match o {
        Output::RememberDirectory { relays } => Some(relays.clone()),
        _ => None,
    });
    assert_eq!(stored[0].1, ["new-a", "new-b"]);
}

/// The order of the static fallback does not matter.
#[test]
fn the_first_dial_goes_to_the_first_listed_relay() {
    let mut harness = harness(|config| config.directory.provider = true);
    harness.feed(Input::Connect);
    answer_directory(&mut harness, &["static-b", "static-a"]);
    assert_eq!(relays(&mut harness), ["static-b"]);
}

/// A provider that does not answer within 2 s has failed. The next attempt uses a late answer.
#[test]
fn a_call_dials_static_relays_when_the_provider_fails() {
    let provider = |config: &mut Config| config.directory.provider = true;
    let mut failing = harness(provider);
    failing.feed(Input::Connect);
    failing.advance(MS * 10);
    answer_directory(&mut failing, &[]);
    assert_eq!(relays(&mut failing), ["static-a"]);
    let mut silent = harness(provider);
    silent.feed(Input::Connect);
    silent.advance(MS * 1_999);
    assert_eq!(relays(&mut silent), [""; 0]);
    silent.advance(MS);
    assert_eq!(relays(&mut silent), ["static-a"]);
    // The next attempt uses the late answer.
    answer_directory(&mut silent, &["new-a", "new-b"]);
    silent.advance(SECOND * 5);
    assert_eq!(relays(&mut silent), ["new-b"]);
}

/// The call dials from the expired list at once. The next attempt uses the answer.
#[test]
fn recovery_with_an_expired_list_does_not_wait_for_providers() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_590);
        config.idle_timeout = None;
    });
    harness.feed(Input::Connect);
    let session = harness.accept();
    harness.advance_alive(SECOND * 20);
    harness.out.clear();
    harness.lose(session);
    assert_eq!(relays(&mut harness), ["old-a"], "recovery dials at once");
    answer_directory(&mut harness, &["new-a", "new-b"]);
    harness.advance(SECOND * 5);
    assert_eq!(relays(&mut harness), ["new-b"]);
    harness.advance(SECOND * 60);
    assert_eq!(queries(&mut harness), []);
}

#[test]
fn an_incident_begins_at_the_relay_of_the_last_stable_session() {
    let mut harness = harness(|_| {});
    harness.feed(Input::Connect);
    let (_, session, ..) = dials(&mut harness)[0].clone();
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
    harness.advance(SECOND);
    let (_, session, relay, _) = dials(&mut harness)[0].clone();
    assert_eq!(relay, "static-b");
    harness.feed(Input::Connected { session });
    harness.advance_alive(SECOND * 15);
    harness.lose(session);
    assert_eq!(relays(&mut harness), ["static-b"]);
    harness.advance(SECOND * 5);
    assert_eq!(relays(&mut harness), ["static-a"]);
}

#[test]
fn an_answer_to_an_unknown_query_changes_nothing() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    let before = format!("{:?}", harness.call);
    for query in [QueryId(0), QueryId(99)] {
        harness.feed(Input::DirectoryAnswered { query, relays: vec!["evil".into()] });
        harness.feed(Input::CredentialAnswered { query, credential: credential("evil", None) });
        let cause = Cause::new(CauseKind::SignedOut);
        harness.feed(Input::CredentialFailed { query, cause });
    }
    assert_eq!(format!("{:?}", harness.call), before);
}

/// A list is valid for exactly one hour.
#[test]
fn an_expired_list_is_queried_once_in_two_seconds() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_590);
        config.policy = RetryPolicy { initial: MS, max: MS, ..RetryPolicy::interactive() };
    });
    harness.feed(Input::Connect);
    // The number of queries when the session is lost at that time.
    let mut lost_at = |millis: u32| {
        let session = harness.next_dial().session;
        harness.accept_on(session);
        let start = holdline_core::Timestamp::ZERO;
        harness.advance_alive(MS * millis - (harness.now - start));
        harness.lose(session);
        queries(&mut harness).len()
    };
    assert_eq!(lost_at(9_999), 0);
    assert_eq!(lost_at(10_005), 1, "the list is an hour old");
    assert_eq!(lost_at(10_010), 0, "the call queried a moment ago");
    assert_eq!(lost_at(12_004), 0);
    assert_eq!(lost_at(12_005 + 5), 1, "the query has had no answer for two seconds");

    let expired_now = |millis: u32| {
        let mut harness = self::harness(|config| {
            config.directory.provider = true;
            config.directory.remembered = remembered(SECOND * 3_590);
        });
        harness.feed(Input::Connect);
        let session = harness.accept();
        harness.advance_alive(MS * millis);
        harness.lose(session);
        queries(&mut harness).len()
    };
    assert_eq!((expired_now(9_999), expired_now(10_000)), (0, 1));
}

/// Otherwise the first relay of the new list becomes home.
#[test]
fn a_new_list_that_names_the_home_relay_keeps_it() {
    for (new_list, next) in [(["new", "static-b"], "static-b"), (["new", "newer"], "new")] {
        let mut harness = harness(|config| config.directory.provider = true);
        harness.feed(Input::Connect);
        harness.advance(SECOND * 2);
        let (_, session, ..) = dials(&mut harness)[0].clone();
        harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        harness.advance(SECOND);
        let (_, session, relay, _) = dials(&mut harness)[0].clone();
        assert_eq!(relay, "static-b");
        harness.feed(Input::Connected { session });
        harness.advance_alive(SECOND * 15);
        queries(&mut harness);
        harness.lose(session);
        assert_eq!(relays(&mut harness), ["static-b"]);
        answer_directory(&mut harness, &new_list);
        harness.advance(SECOND * 5);
        let after = relays(&mut harness);
        assert_eq!(
            after[0] == "new",
            next == "static-b",
            "{after:?}: the next dial goes to the relay after {next}"
        );
    }
}
