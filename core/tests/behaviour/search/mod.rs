//! R13: looking for somebody who is missing on another relay, step by step.

mod credentials;
mod looks;
mod moved;
mod when;

use crate::common::{Hand, subscribe};
use holdline_core::{
    Cause, CauseKind, Config, Credential, Input, Output, Secret, SessionId, StateName, Token,
    TrackId, WatchId,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How long the polite one waits before a look.
const POLITE: Duration = SECOND;
/// How long whoever has the smallest name does.
const PATIENT: Duration = Duration::from_secs(8);
const HOUR: Duration = Duration::from_secs(3_600);

/// Carol, live with two relays, who listens to Bob and Dave and misses Bob from now on. She is woken
/// for nothing but that.
fn missing_bob(change: impl FnOnce(&mut Config)) -> (Hand, [WatchId; 2]) {
    missing_bob_after(change, Hand::last_dial)
}

/// The same, on a session that came about in some way.
fn missing_bob_after(
    change: impl FnOnce(&mut Config),
    last_dial: impl FnOnce(&mut Hand) -> SessionId,
) -> (Hand, [WatchId; 2]) {
    let mut config = Config::new("north", "room", "carol");
    config.relays.push("south".into());
    (config.probe_interval, config.quality_interval) = (HOUR, HOUR);
    (config.idle_timeout, config.answer_timeout) = (None, HOUR);
    change(&mut config);
    let credentials = config.directory.credentials;
    let mut hand = Hand::with(config, 1);
    for (id, peer) in [(2, "bob"), (3, "dave")] {
        hand.give(subscribe(TrackId(id), peer, "audio"));
    }
    hand.give(Input::Connect);
    if credentials {
        show(&mut hand);
    }
    let session = last_dial(&mut hand);
    hand.give(Input::Connected { session });
    if hand.call.state() != StateName::Joining {
        // Home has a moment to answer.
        hand.pass(SECOND);
    }
    let watches = agree_to_look_out(&mut hand);
    for watch in watches {
        hand.give(Input::EpochAdded { watch, epoch: 5 });
    }
    let subscriptions = hand.take(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        hand.give(Input::SubscriptionAccepted { subscription });
    }
    hand.pass(SECOND);
    assert_eq!(hand.call.state(), StateName::Live);
    hand.give(Input::EpochRemoved { watch: watches[0], epoch: 5 });
    hand.pass(SECOND * 2).out.clear();
    (hand, watches)
}

/// The same, and the session that she is on.
fn missing_bob_on(change: impl FnOnce(&mut Config)) -> (Hand, SessionId, [WatchId; 2]) {
    let mut session = SessionId(0);
    let (hand, watches) = missing_bob_after(change, |hand| {
        session = hand.last_dial();
        session
    });
    (hand, session, watches)
}

/// The relay looks out for both of them from now on.
fn agree_to_look_out(hand: &mut Hand) -> [WatchId; 2] {
    let asked = hand.take(|output| match output {
        Output::Watch { watch, .. } => Some(*watch),
        _ => None,
    });
    let [(_, bob), (_, dave)] = asked[..] else { panic!("{asked:?}") };
    for watch in [bob, dave] {
        hand.give(Input::WatchAccepted { watch });
    }
    [bob, dave]
}

fn show(hand: &mut Hand) {
    let asked = hand.take(|output| match output {
        Output::AskCredential { request, .. } => Some(*request),
        _ => None,
    });
    let token = Token { token_type: 0, secret: Secret::new("token") };
    let credential = Credential { token, valid_for: None };
    hand.give(Input::CredentialAnswered { request: asked[0].1, credential });
}

/// A session with the other relay, which has been asked to look out for Bob.
fn looking() -> (Hand, [WatchId; 2], SessionId, WatchId) {
    let (mut hand, watches) = missing_bob(|_| {});
    hand.pass(POLITE);
    let scout = hand.last_dial();
    hand.give(Input::Connected { session: scout });
    let watch = hand.watch().expect("the other relay looks out for bob");
    hand.out.clear();
    (hand, watches, scout, watch)
}

/// Where the dials since the last look at them go.
fn dialled(hand: &mut Hand) -> Vec<(SessionId, String)> {
    let dials = hand.take(|output| match output {
        Output::Dial { session, relay, .. } => Some((*session, relay.clone())),
        _ => None,
    });
    dials.into_iter().map(|(_, dial)| dial).collect()
}

fn fail(hand: &mut Hand, session: SessionId) {
    hand.give(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
}
