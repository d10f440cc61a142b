//! R32: what relays are shown, from where it comes, and what happens when it expires or is refused.

use crate::common::{Hand, MS};
use crate::directory::{asked, dials, hand};
use holdline_core::{
    Cause, CauseKind, Credential, ErrorCode, Event, Input, Output, Policy, Secret, SessionId,
    StateName, Token,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn credential(secret: &'static str, valid_for: Option<Duration>) -> Credential {
    Credential { token: token(secret), valid_for }
}

fn token(secret: &'static str) -> Token {
    Token { token_type: 0, secret: Secret::new(secret) }
}

fn let_in(hand: &mut Hand, secret: &'static str, valid_for: Option<Duration>) {
    let request = asked(hand).pop().expect("asked for");
    hand.give(Input::CredentialAnswered { request, credential: credential(secret, valid_for) });
}

#[test]
fn a_credential_is_had_before_the_dial_and_kept_as_long_as_it_is_valid() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    assert!(dials(&mut hand).is_empty(), "nothing to show yet");
    hand.pass(MS * 50);
    let_in(&mut hand, "first", Some(SECOND * 60));
    let (at, session, _, secret) = dials(&mut hand)[0].clone();
    assert_eq!((at, secret), (MS * 50, Some(token("first"))));
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND * 20);
    hand.lose(session);
    let (.., session, _, secret) = dials(&mut hand)[0].clone();
    assert_eq!(secret, Some(token("first")), "still valid");
    hand.give(Input::Connected { session });
    // 3 s is what the dial may take: what expires within it is not shown.
    hand.pass_alive(MS * 37_000);
    hand.lose(session);
    assert!(dials(&mut hand).is_empty());
    let_in(&mut hand, "second", None);
    assert_eq!(dials(&mut hand)[0].3, Some(token("second")));
}

#[test]
fn a_credential_that_expires_before_a_dial_may_end_is_shown_and_asked_for_again_only_by_the_next() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    let_in(&mut hand, "short", Some(MS * 500));
    let (_, session, _, secret) = dials(&mut hand)[0].clone();
    assert_eq!((secret, asked(&mut hand)), (Some(token("short")), vec![]));
    hand.give(Input::Connected { session });
    hand.lose(session);
    assert!(dials(&mut hand).is_empty());
    let_in(&mut hand, "next", Some(Duration::ZERO));
    assert_eq!(dials(&mut hand)[0].3, Some(token("next")));
}

#[test]
fn a_refused_credential_is_refreshed_once_and_then_the_answer_is_final() {
    for (kind, code) in [
        (CauseKind::Unauthorized, ErrorCode::AuthRejected),
        (CauseKind::CredentialExpired, ErrorCode::AuthExpired),
    ] {
        let mut hand = hand(|config| config.directory.credentials = true);
        hand.give(Input::Connect);
        let_in(&mut hand, "first", None);
        let (_, session, ..) = dials(&mut hand)[0].clone();
        hand.give(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(hand.call.state(), StateName::Connecting);
        // The next attempt is at the other relay, which has its own; then it is the first's turn.
        hand.pass(SECOND);
        let_in(&mut hand, "other", None);
        let (_, session, relay, _) = dials(&mut hand)[0].clone();
        assert_eq!(relay, "static-b");
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        hand.pass(SECOND * 2);
        let_in(&mut hand, "second", None);
        let (_, session, relay, secret) = dials(&mut hand)[0].clone();
        assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
        hand.give(Input::DialFailed { session, cause: Cause::new(kind) });
        assert_eq!(hand.error().code, code);
    }
}

#[test]
fn a_refusal_that_was_not_final_is_not_the_cause_if_no_relay_is_reached_after_that() {
    for cause in [CauseKind::TimedOut, CauseKind::Unauthorized] {
        let mut hand = hand(|config| {
            config.directory.credentials = true;
            config.relays.truncate(1);
        });
        hand.give(Input::Connect);
        let_in(&mut hand, "first", None);
        let (_, session, ..) = dials(&mut hand)[0].clone();
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
        hand.pass(SECOND * 2);
        let_in(&mut hand, "second", None);
        while hand.call.state() == StateName::Connecting {
            for (_, session, ..) in dials(&mut hand) {
                hand.give(Input::DialFailed { session, cause: Cause::new(cause) });
            }
            hand.pass(MS * 100);
        }
        let error = hand.error();
        let code = match cause {
            CauseKind::TimedOut => ErrorCode::RelayUnreachable,
            _ => ErrorCode::AuthRejected,
        };
        assert_eq!((error.code, error.root_cause.kind), (code, cause));
    }
}

#[test]
fn without_anybody_to_ask_a_refusal_is_final_at_once() {
    let mut hand = hand(|_| {});
    hand.give(Input::Connect);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::CredentialExpired) });
    assert_eq!(hand.error().code, ErrorCode::AuthExpired);
}

#[test]
fn attempts_that_race_ask_once_and_a_refusal_of_what_they_share_counts_once() {
    let mut hand = hand(|config| {
        config.policy = Policy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    hand.give(Input::Connect);
    hand.pass(MS * 1_200);
    let request = asked(&mut hand);
    assert_eq!(request.len(), 1, "one question");
    assert!(dials(&mut hand).is_empty());
    let first = credential("first", None);
    hand.give(Input::CredentialAnswered { request: request[0], credential: first });
    let raced = dials(&mut hand);
    assert!(raced.len() >= 2, "whoever waited goes");
    for (_, session, ..) in raced {
        hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    }
    assert_eq!(hand.call.state(), StateName::Connecting, "refreshed once");
    hand.pass(SECOND);
    let_in(&mut hand, "second", None);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(hand.error().code, ErrorCode::AuthRejected);
}

#[test]
fn no_credential_is_a_failed_attempt_and_signed_out_is_final() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    let request = asked(&mut hand)[0];
    let unavailable = Cause::new(CauseKind::CredentialUnavailable);
    hand.give(Input::CredentialFailed { request, cause: unavailable });
    assert_eq!(hand.call.state(), StateName::Connecting);
    hand.pass(SECOND);
    let request = asked(&mut hand)[0];
    hand.give(Input::CredentialFailed { request, cause: Cause::new(CauseKind::SignedOut) });
    assert_eq!(hand.error().code, ErrorCode::AuthExpired);
    assert!(dials(&mut hand).is_empty());
}

#[test]
fn a_provider_that_never_answers_costs_attempts_and_ends_with_the_budget() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    hand.pass(SECOND * 60);
    assert_eq!(hand.call.state(), StateName::Failed);
    assert!(asked(&mut hand).len() >= 3, "asked again, not once for ever");
    assert!(dials(&mut hand).is_empty());
}

#[test]
fn no_secret_is_in_what_is_printed_or_serialised() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    let request = asked(&mut hand)[0];
    let input = Input::CredentialAnswered { request, credential: credential("hunter2", None) };
    let mut told = format!("{input:?}{}", serde_json::to_string(&input).expect("serialises"));
    hand.give(input);
    told += &format!("{:?}", hand.call);
    for (_, output) in &hand.out {
        told += &format!("{output:?}{}", serde_json::to_string(output).expect("serialises"));
    }
    assert!(told.contains("(secret)"));
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "(secret)");
    assert!(!told.contains("hunter2"));
}

#[test]
fn a_credential_that_came_later_is_not_taken_back_by_a_refusal_of_the_one_before() {
    let mut hand = hand(|config| {
        config.policy = Policy::interactive();
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    hand.give(Input::Connect);
    let_in(&mut hand, "first", Some(MS * 3_100));
    let (_, early, ..) = dials(&mut hand)[0].clone();
    hand.pass(MS * 800);
    assert!(dials(&mut hand).is_empty(), "it would expire on the way");
    let_in(&mut hand, "second", None);
    let late = dials(&mut hand);
    assert!(!late.is_empty());
    assert!(late.iter().all(|(_, session, ..)| *session != early), "a dial goes out once");
    assert!(late.iter().all(|dial| dial.3 == Some(token("second"))));
    hand.give(Input::DialFailed { session: early, cause: Cause::new(CauseKind::Unauthorized) });
    hand.pass(SECOND * 2);
    assert_eq!(asked(&mut hand), [], "the second is still good");
    assert_eq!(hand.call.state(), StateName::Connecting);
}

#[test]
fn a_relay_that_let_us_in_may_want_a_fresh_credential_again() {
    let mut hand = hand(|config| {
        config.relays.truncate(1);
        config.directory.credentials = true;
    });
    hand.give(Input::Connect);
    let_in(&mut hand, "first", None);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    hand.pass(SECOND);
    let_in(&mut hand, "second", None);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND * 15);
    hand.lose(session);
    let (_, session, _, shown) = dials(&mut hand)[0].clone();
    assert_eq!(shown, Some(token("second")));
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    assert_eq!(hand.call.state(), StateName::Recovering, "refreshed once more");
    hand.pass(SECOND);
    let_in(&mut hand, "third", None);
    assert_eq!(dials(&mut hand)[0].3, Some(token("third")));
}

/// A live call that was let in with a credential that is valid for so long, and the time at which it is asked for
/// another one.
fn asked_again(valid_for: Duration) -> (Hand, SessionId, Duration) {
    let mut hand = hand(|config| {
        config.directory.credentials = true;
        (config.idle_timeout, config.answer_timeout) = (None, SECOND * 7_200);
    });
    hand.give(Input::Connect);
    let_in(&mut hand, "first", Some(valid_for));
    let session = hand.accept();
    let began = hand.now;
    hand.out.clear();
    while !hand.out.iter().any(|(_, o)| matches!(o, Output::AskCredential { .. })) {
        assert!(hand.now - began < SECOND * 7_200, "it is never asked for another one");
        hand.pass_alive(SECOND);
    }
    let after = hand.now - began;
    (hand, session, after)
}

#[test]
fn before_a_live_sessions_credential_expires_it_is_replaced_by_one_with_another() {
    let (mut hand, session, after) = asked_again(SECOND * 3_600);
    assert_eq!(after, SECOND * 3_570);
    let_in(&mut hand, "second", Some(SECOND * 3_600));
    let causes = hand.events().into_iter().filter_map(|event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [CauseKind::CredentialRenewed]);
    hand.pass_alive(MS * 200);
    assert_eq!(hand.call.state(), StateName::Recovering, "that it is alive is no reason to stay");
    assert_eq!(hand.closed_sessions(), [], "it is kept until the next one is there");
    let (_, next, relay, secret) = dials(&mut hand)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-a", Some(token("second"))));
    hand.give(Input::Connected { session: next });
    assert_eq!(hand.closed_sessions(), [session]);
    assert_eq!(hand.call.state(), StateName::Live);
}

#[test]
fn a_session_is_not_replaced_for_the_credential_that_it_has_and_goes_on_if_there_is_no_other() {
    let (mut hand, _, after) = asked_again(SECOND * 60);
    assert_eq!(after, SECOND * 30);
    let_in(&mut hand, "first", Some(SECOND * 30));
    assert_eq!(hand.call.state(), StateName::Live);
    hand.pass_alive(SECOND * 15);
    for cause in [CauseKind::CredentialUnavailable, CauseKind::SignedOut] {
        let request = asked(&mut hand).pop().expect("asked for");
        hand.give(Input::CredentialFailed { request, cause: Cause::new(cause) });
        assert_eq!(hand.call.state(), StateName::Live);
        hand.pass_alive(SECOND * 60);
    }
    assert!(dials(&mut hand).is_empty());
    let_in(&mut hand, "second", None);
    assert_eq!(dials(&mut hand)[0].3, Some(token("second")));
}

#[test]
fn a_session_is_renewed_where_it_is_and_elsewhere_only_if_that_cannot_be() {
    let (mut hand, ..) = asked_again(SECOND * 60);
    let_in(&mut hand, "second", None);
    let mut tried = Vec::new();
    let mut states = Vec::new();
    for _ in 0..1_000 {
        states.push(hand.call.state());
        for (_, session, relay, _) in dials(&mut hand) {
            tried.push(relay);
            hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
        }
        for (_, request) in hand.take(|output| match output {
            Output::AskCredential { request, .. } => Some(*request),
            _ => None,
        }) {
            let credential = credential("other", None);
            hand.give(Input::CredentialAnswered { request, credential });
        }
        hand.pass_alive(MS * 100);
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
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    let_in(&mut hand, "of a", None);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
    hand.pass(SECOND);
    let_in(&mut hand, "of b", Some(SECOND * 4));
    let (_, session, relay, _) = dials(&mut hand)[0].clone();
    assert_eq!(relay, "static-b");
    hand.give(Input::Connected { session });
    hand.pass_alive(SECOND * 4);
    let_in(&mut hand, "of b, again", None);
    let (_, _, relay, secret) = dials(&mut hand)[0].clone();
    assert_eq!((relay.as_str(), secret), ("static-b", Some(token("of b, again"))));
}

/// Home is where the call was stable. A session that flaps has its home where it is only by being renewed.
#[test]
fn a_renewal_begins_where_the_session_is_whatever_was_tried_before() {
    let mut hand = hand(|config| {
        config.policy = Policy::interactive();
        config.directory.credentials = true;
    });
    hand.give(Input::Connect);
    let_in(&mut hand, "first", None);
    let session = hand.accept();
    hand.pass_alive(SECOND * 15);
    hand.lose(session);
    let mut tried = Vec::new();
    while tried.len() < 6 {
        for request in asked(&mut hand) {
            let credential = credential("short", Some(SECOND * 6));
            hand.give(Input::CredentialAnswered { request, credential });
        }
        for (_, session, relay, _) in dials(&mut hand) {
            tried.push(relay);
            if tried.len() < 6 {
                let cause = Cause::new(CauseKind::TimedOut);
                hand.give(Input::DialFailed { session, cause });
            } else {
                hand.give(Input::Connected { session });
            }
        }
        hand.pass_alive(MS * 10);
    }
    // Home has a moment to answer.
    hand.pass_alive(SECOND);
    assert_eq!(dials(&mut hand)[0].2, "static-a");
    assert_eq!((tried[5].as_str(), hand.call.state()), ("static-b", StateName::Live));
    hand.pass_alive(SECOND * 6);
    let_in(&mut hand, "second", None);
    hand.pass_alive(SECOND);
    assert_eq!(dials(&mut hand)[0].2, "static-b");
}

#[test]
fn what_waits_for_a_credential_has_not_gone_out_and_is_not_closed() {
    let mut hand = hand(|config| config.directory.credentials = true);
    hand.give(Input::Connect);
    hand.pass(SECOND * 4);
    let causes = hand.events().into_iter().filter_map(|event| match event {
        Event::AttemptFailed { cause, .. } => Some(cause.kind),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [CauseKind::CredentialUnavailable], "late");
    hand.pass(SECOND);
    hand.give(Input::Close);
    assert_eq!(hand.call.stats().telemetry.attempts_cancelled, 1);
    assert_eq!(hand.closed_sessions(), []);
}

#[test]
fn what_a_silent_session_is_closed_for_is_not_shown_again() {
    let states = [(SECOND, StateName::Suspect), (SECOND * 5, StateName::Recovering)];
    for (silent_for, state) in states {
        let mut hand = hand(|config| {
            config.policy = Policy::interactive();
            config.relays.truncate(1);
            config.directory.credentials = true;
        });
        hand.give(Input::Connect);
        let_in(&mut hand, "first", None);
        let session = hand.accept();
        hand.pass_alive(SECOND);
        hand.pass_silent(silent_for);
        assert_eq!(hand.call.state(), state);
        hand.out.clear();
        let cause = Cause::new(CauseKind::Unauthorized);
        hand.give(Input::SessionClosed { session, cause });
        hand.pass(SECOND);
        assert!(dials(&mut hand).is_empty(), "there is nothing to show");
        let_in(&mut hand, "second", None);
        assert!(dials(&mut hand).iter().all(|dial| dial.3 == Some(token("second"))));
    }
}

/// What nobody waits for is no reason to begin again: the relay has just refused.
#[test]
fn a_renewal_that_was_in_vain_is_not_tried_again_at_once_whatever_credentials_come() {
    let (mut hand, ..) = asked_again(SECOND * 60);
    let_in(&mut hand, "second", None);
    let (_, session, ..) = dials(&mut hand)[0].clone();
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::Unauthorized) });
    // The next attempts ask; before they are answered, the time is over.
    while hand.call.state() == StateName::Recovering {
        hand.pass_alive(MS * 100);
    }
    assert_eq!(hand.call.state(), StateName::Live);
    let open = hand.take(|output| match output {
        Output::AskCredential { request, relay } if relay == "static-a" => Some(*request),
        _ => None,
    });
    let request = open.last().expect("asked").1;
    let credential = credential("third", None);
    hand.give(Input::CredentialAnswered { request, credential });
    assert_eq!(hand.call.state(), StateName::Live);
    assert!(dials(&mut hand).is_empty());
    // It is asked again when it has rested, and then it is tried.
    while asked(&mut hand).is_empty() {
        hand.pass_alive(MS * 100);
    }
}

#[test]
fn a_renewal_never_ends_a_call_that_is_alive() {
    // The one attempt of the budget has been made, for the session that is to be renewed.
    let mut hand = hand(|config| {
        (config.directory.credentials, config.policy.attempts) = (true, 1);
        config.relays.truncate(1);
    });
    hand.give(Input::Connect);
    let_in(&mut hand, "first", Some(SECOND * 17));
    let session = hand.accept();
    hand.pass_alive(SECOND * 15);
    hand.lose(session);
    let_in(&mut hand, "second", Some(SECOND * 4));
    hand.accept();
    hand.pass_alive(SECOND * 4);
    let_in(&mut hand, "third", None);
    assert_eq!(hand.call.state(), StateName::Live);
    assert!(hand.closed_sessions().is_empty());

    // Another one cannot be had, and that is certain before anything was heard on this one again.
    for cause in [CauseKind::VersionMismatch, CauseKind::CertificateUntrusted] {
        let (mut hand, ..) = asked_again(SECOND * 60);
        let_in(&mut hand, "second", None);
        let (_, session, ..) = dials(&mut hand)[0].clone();
        hand.give(Input::DialFailed { session, cause: Cause::new(cause) });
        assert_eq!(hand.call.state(), StateName::Live);
    }
}
