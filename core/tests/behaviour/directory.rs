//! R32: which relays are tried, and what they are shown.

use crate::common::{Hand, MS};
use crate::credentials::credential;
use holdline_core::{
    Cause, CauseKind, Config, Input, Output, Policy, RememberedRelays, RequestId, SessionId, Token,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn hand(change: impl FnOnce(&mut Config)) -> Hand {
    let mut config = Config::new("static-a", "room", "alice");
    config.relays.push("static-b".into());
    config.policy = Policy::strict();
    change(&mut config);
    Hand::with(config, 1)
}

pub(crate) fn dials(hand: &mut Hand) -> Vec<(Duration, SessionId, String, Option<Token>)> {
    hand.take(|o| match o {
        Output::Dial { session, relay, token } => Some((*session, relay.clone(), token.clone())),
        _ => None,
    })
    .into_iter()
    .map(|(at, (session, relay, secret))| {
        (at - holdline_core::Timestamp::ZERO, session, relay, secret)
    })
    .collect()
}

fn relays(hand: &mut Hand) -> Vec<String> {
    dials(hand).into_iter().map(|(_, _, relay, _)| relay).collect()
}

pub(crate) fn asked(hand: &mut Hand) -> Vec<RequestId> {
    let asked = hand.take(|o| match o {
        Output::AskDirectory { request } | Output::AskCredential { request, .. } => Some(*request),
        _ => None,
    });
    asked.into_iter().map(|(_, request)| request).collect()
}

fn remembered(age: Duration) -> Option<RememberedRelays> {
    Some(RememberedRelays { relays: vec!["old-a".into(), "old-b".into()], age })
}

fn answer(hand: &mut Hand, relays: &[&str]) {
    let request = asked(hand)[0];
    let relays = relays.iter().map(|&relay| relay.to_owned()).collect();
    hand.give(Input::DirectoryAnswered { request, relays });
}

#[test]
fn a_list_younger_than_an_hour_is_used_and_nobody_is_asked() {
    let mut hand = hand(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_599);
    });
    hand.give(Input::Connect);
    assert_eq!(asked(&mut hand), []);
    assert_eq!(relays(&mut hand), ["old-a"]);
    hand.pass(SECOND * 5);
    assert_eq!(relays(&mut hand), ["old-b"]);
}

#[test]
fn without_a_valid_list_the_provider_is_asked_first_and_its_answer_is_remembered() {
    let mut hand = hand(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_600);
    });
    hand.give(Input::Connect);
    assert_eq!(relays(&mut hand), [""; 0]);
    hand.pass(SECOND);
    answer(&mut hand, &["new-a", "new-b"]);
    assert_eq!(relays(&mut hand), ["new-a"]);
    let stored = hand.take(|o| match o {
        Output::RememberDirectory { relays } => Some(relays.clone()),
        _ => None,
    });
    assert_eq!(stored[0].1, ["new-a", "new-b"]);
}

#[test]
fn a_call_begins_where_the_list_begins_whatever_the_last_resort_names_first() {
    let mut hand = hand(|config| config.directory.provider = true);
    hand.give(Input::Connect);
    answer(&mut hand, &["static-b", "static-a"]);
    assert_eq!(relays(&mut hand), ["static-b"]);
}

#[test]
fn a_provider_that_fails_or_is_silent_for_two_seconds_leaves_the_static_list() {
    let provider = |config: &mut Config| config.directory.provider = true;
    let mut failing = hand(provider);
    failing.give(Input::Connect);
    failing.pass(MS * 10);
    answer(&mut failing, &[]);
    assert_eq!(relays(&mut failing), ["static-a"]);
    let mut silent = hand(provider);
    silent.give(Input::Connect);
    silent.pass(MS * 1_999);
    assert_eq!(relays(&mut silent), [""; 0]);
    silent.pass(MS);
    assert_eq!(relays(&mut silent), ["static-a"]);
    // Late is better than never: the next attempt knows.
    answer(&mut silent, &["new-a", "new-b"]);
    silent.pass(SECOND * 5);
    assert_eq!(relays(&mut silent), ["new-b"]);
}

#[test]
fn recovery_does_not_wait_for_the_provider_when_the_list_has_expired() {
    let mut hand = hand(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_590);
        config.idle_timeout = None;
    });
    hand.give(Input::Connect);
    let session = hand.accept();
    hand.pass_alive(SECOND * 20);
    hand.out.clear();
    hand.lose(session);
    assert_eq!(relays(&mut hand), ["old-a"], "at once");
    answer(&mut hand, &["new-a", "new-b"]);
    hand.pass(SECOND * 5);
    assert_eq!(relays(&mut hand), ["new-b"]);
    hand.pass(SECOND * 60);
    assert_eq!(asked(&mut hand), []);
}

#[test]
fn an_incident_begins_at_the_relay_of_the_last_stable_session() {
    let mut hand = hand(|_| {});
    hand.give(Input::Connect);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
    hand.pass(SECOND);
    let (_, session, relay, _) = dials(&mut hand)[0].clone();
    assert_eq!(relay, "static-b");
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND * 15);
    hand.lose(session);
    assert_eq!(relays(&mut hand), ["static-b"]);
    hand.pass(SECOND * 5);
    assert_eq!(relays(&mut hand), ["static-a"]);
}

#[test]
fn an_answer_to_no_question_changes_nothing() {
    let mut hand = hand(|config| {
        config.directory.provider = true;
        config.directory.credentials = true;
    });
    hand.give(Input::Connect);
    let before = format!("{:?}", hand.call);
    for request in [RequestId(0), RequestId(99)] {
        hand.give(Input::DirectoryAnswered { request, relays: vec!["evil".into()] });
        hand.give(Input::CredentialAnswered { request, credential: credential("evil", None) });
        let cause = Cause::new(CauseKind::SignedOut);
        hand.give(Input::CredentialFailed { request, cause });
    }
    assert_eq!(format!("{:?}", hand.call), before);
}

#[test]
fn a_list_is_good_until_its_hour_is_over_and_asked_for_once_in_two_seconds() {
    let mut hand = hand(|config| {
        config.directory.provider = true;
        config.directory.remembered = remembered(SECOND * 3_590);
        config.policy = Policy { initial: MS, max: MS, ..Policy::interactive() };
    });
    hand.give(Input::Connect);
    // How often it is asked for if the session is lost then.
    let mut lost_at = |millis: u32| {
        let session = hand.next_dial().session;
        hand.accept_on(session);
        let start = holdline_core::Timestamp::ZERO;
        hand.pass_alive(MS * millis - (hand.now - start));
        hand.lose(session);
        asked(&mut hand).len()
    };
    assert_eq!(lost_at(9_999), 0);
    assert_eq!(lost_at(10_005), 1, "an hour old");
    assert_eq!(lost_at(10_010), 0, "asked a moment ago");
    assert_eq!(lost_at(12_004), 0);
    assert_eq!(lost_at(12_005 + 5), 1, "two seconds without an answer");

    let expired_now = |millis: u32| {
        let mut hand = self::hand(|config| {
            config.directory.provider = true;
            config.directory.remembered = remembered(SECOND * 3_590);
        });
        hand.give(Input::Connect);
        let session = hand.accept();
        hand.pass_alive(MS * millis);
        hand.lose(session);
        asked(&mut hand).len()
    };
    assert_eq!((expired_now(9_999), expired_now(10_000)), (0, 1));
}

#[test]
fn a_new_list_keeps_the_relay_of_the_last_stable_session_if_it_names_it() {
    for (answered, next) in [(["new", "static-b"], "static-b"), (["new", "newer"], "new")] {
        let mut hand = hand(|config| config.directory.provider = true);
        hand.give(Input::Connect);
        hand.pass(SECOND * 2);
        let (_, session, ..) = dials(&mut hand)[0].clone();
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        hand.pass(SECOND);
        let (_, session, relay, _) = dials(&mut hand)[0].clone();
        assert_eq!(relay, "static-b");
        hand.give(Input::Connected { session });
        hand.pass_alive(SECOND * 15);
        asked(&mut hand);
        hand.lose(session);
        assert_eq!(relays(&mut hand), ["static-b"]);
        answer(&mut hand, &answered);
        hand.pass(SECOND * 5);
        let after = relays(&mut hand);
        assert_eq!(after[0] == "new", next == "static-b", "{after:?}: the one after {next}");
    }
}
