//! R32: which relays are tried, and what they are shown.

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
        .map(|(at, (session, relay, secret))| {
            (at - holdline_core::Timestamp::ZERO, session, relay, secret)
        })
        .collect()
}

fn relays(harness: &mut CallHarness) -> Vec<String> {
    dials(harness).into_iter().map(|(_, _, relay, _)| relay).collect()
}

pub(crate) fn asked(harness: &mut CallHarness) -> Vec<QueryId> {
    let asked = harness.drain(|o| match o {
        Output::QueryDirectory { query: request }
        | Output::QueryCredential { query: request, .. } => Some(*request),
        _ => None,
    });
    asked.into_iter().map(|(_, request)| request).collect()
}

fn remembered(age: Duration) -> Option<RememberedRelays> {
    Some(RememberedRelays { relays: vec!["old-a".into(), "old-b".into()], age })
}

fn answer(harness: &mut CallHarness, relays: &[&str]) {
    let request = asked(harness)[0];
    let relays = relays.iter().map(|&relay| relay.to_owned()).collect();
    harness.feed(Input::DirectoryAnswered { query: request, relays });
}

#[test]
fn a_list_younger_than_an_hour_is_used_and_nobody_is_asked() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_599);
    });
    harness.feed(Input::Connect);
    assert_eq!(asked(&mut harness), []);
    assert_eq!(relays(&mut harness), ["old-a"]);
    harness.advance(SECOND * 5);
    assert_eq!(relays(&mut harness), ["old-b"]);
}

#[test]
fn without_a_valid_list_the_provider_is_asked_first_and_its_answer_is_remembered() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_600);
    });
    harness.feed(Input::Connect);
    assert_eq!(relays(&mut harness), [""; 0]);
    harness.advance(SECOND);
    answer(&mut harness, &["new-a", "new-b"]);
    assert_eq!(relays(&mut harness), ["new-a"]);
    let stored = harness.drain(|o| match o {
        Output::RememberDirectory { relays } => Some(relays.clone()),
        _ => None,
    });
    assert_eq!(stored[0].1, ["new-a", "new-b"]);
}

#[test]
fn a_call_begins_where_the_list_begins_whatever_the_last_resort_names_first() {
    let mut harness = harness(|config| config.directory.provider = true);
    harness.feed(Input::Connect);
    answer(&mut harness, &["static-b", "static-a"]);
    assert_eq!(relays(&mut harness), ["static-b"]);
}

#[test]
fn a_provider_that_fails_or_is_silent_for_two_seconds_leaves_the_static_list() {
    let provider = |config: &mut Config| config.directory.provider = true;
    let mut failing = harness(provider);
    failing.feed(Input::Connect);
    failing.advance(MS * 10);
    answer(&mut failing, &[]);
    assert_eq!(relays(&mut failing), ["static-a"]);
    let mut silent = harness(provider);
    silent.feed(Input::Connect);
    silent.advance(MS * 1_999);
    assert_eq!(relays(&mut silent), [""; 0]);
    silent.advance(MS);
    assert_eq!(relays(&mut silent), ["static-a"]);
    // Late is better than never: the next attempt knows.
    answer(&mut silent, &["new-a", "new-b"]);
    silent.advance(SECOND * 5);
    assert_eq!(relays(&mut silent), ["new-b"]);
}

#[test]
fn recovery_does_not_wait_for_the_provider_when_the_list_has_expired() {
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
    assert_eq!(relays(&mut harness), ["old-a"], "at once");
    answer(&mut harness, &["new-a", "new-b"]);
    harness.advance(SECOND * 5);
    assert_eq!(relays(&mut harness), ["new-b"]);
    harness.advance(SECOND * 60);
    assert_eq!(asked(&mut harness), []);
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
fn an_answer_to_no_question_changes_nothing() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.credentials = true;
    });
    harness.feed(Input::Connect);
    let before = format!("{:?}", harness.call);
    for request in [QueryId(0), QueryId(99)] {
        harness.feed(Input::DirectoryAnswered { query: request, relays: vec!["evil".into()] });
        harness.feed(Input::CredentialAnswered {
            query: request,
            credential: credential("evil", None),
        });
        let cause = Cause::new(CauseKind::SignedOut);
        harness.feed(Input::CredentialFailed { query: request, cause });
    }
    assert_eq!(format!("{:?}", harness.call), before);
}

#[test]
fn a_list_is_good_until_its_hour_is_over_and_asked_for_once_in_two_seconds() {
    let mut harness = harness(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_590);
        config.policy = RetryPolicy { initial: MS, max: MS, ..RetryPolicy::interactive() };
    });
    harness.feed(Input::Connect);
    // How often it is asked for if the session is lost then.
    let mut lost_at = |millis: u32| {
        let session = harness.next_dial().session;
        harness.accept_on(session);
        let start = holdline_core::Timestamp::ZERO;
        harness.advance_alive(MS * millis - (harness.now - start));
        harness.lose(session);
        asked(&mut harness).len()
    };
    assert_eq!(lost_at(9_999), 0);
    assert_eq!(lost_at(10_005), 1, "an hour old");
    assert_eq!(lost_at(10_010), 0, "asked a moment ago");
    assert_eq!(lost_at(12_004), 0);
    assert_eq!(lost_at(12_005 + 5), 1, "two seconds without an answer");

    let expired_now = |millis: u32| {
        let mut harness = self::harness(|config| {
            config.directory.provider = true;
            config.directory.remembered = remembered(SECOND * 3_590);
        });
        harness.feed(Input::Connect);
        let session = harness.accept();
        harness.advance_alive(MS * millis);
        harness.lose(session);
        asked(&mut harness).len()
    };
    assert_eq!((expired_now(9_999), expired_now(10_000)), (0, 1));
}

#[test]
fn a_new_list_keeps_the_relay_of_the_last_stable_session_if_it_names_it() {
    for (answered, next) in [(["new", "static-b"], "static-b"), (["new", "newer"], "new")] {
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
        asked(&mut harness);
        harness.lose(session);
        assert_eq!(relays(&mut harness), ["static-b"]);
        answer(&mut harness, &answered);
        harness.advance(SECOND * 5);
        let after = relays(&mut harness);
        assert_eq!(after[0] == "new", next == "static-b", "{after:?}: the one after {next}");
    }
}
