//! R13: looking for somebody who is missing on another relay, step by step.

mod credentials;
mod looks;
mod moved;
mod when;

use crate::common::{CallHarness, subscribe};
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId, TrackId};
use holdline_core::{Config, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How long the polite one waits before a look.
const POLITE: Duration = SECOND;
/// How long whoever has the smallest name does.
const PATIENT: Duration = Duration::from_secs(8);
const HOUR: Duration = Duration::from_secs(3_600);

/// Carol, live with two relays, who listens to Bob and Dave and misses Bob from now on. She is woken
/// for nothing but that.
fn missing_bob(change: impl FnOnce(&mut Config)) -> (CallHarness, [NamespaceSubscriptionId; 2]) {
    missing_bob_after(change, CallHarness::last_dial)
}

/// The same, on a session that came about in some way.
fn missing_bob_after(
    change: impl FnOnce(&mut Config),
    last_dial: impl FnOnce(&mut CallHarness) -> SessionId,
) -> (CallHarness, [NamespaceSubscriptionId; 2]) {
    let mut config = Config::new("north", "room", "carol");
    config.relays.push("south".into());
    (config.probe_interval, config.quality_interval) = (HOUR, HOUR);
    (config.idle_timeout, config.answer_timeout) = (None, HOUR);
    change(&mut config);
    let credentials = config.directory.credentials;
    let mut harness = CallHarness::with(config, 1);
    for (id, peer) in [(2, "bob"), (3, "dave")] {
        harness.feed(subscribe(TrackId(id), peer, "audio"));
    }
    harness.feed(Input::Connect);
    if credentials {
        show(&mut harness);
    }
    let session = last_dial(&mut harness);
    harness.feed(Input::Connected { session });
    if harness.call.state() != StateName::Joining {
        // Home has a moment to answer.
        harness.advance(SECOND);
    }
    let namespace_subscriptions = agree_to_look_out(&mut harness);
    for namespace_subscription in namespace_subscriptions {
        harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 5 });
    }
    let subscriptions = harness.drain(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        harness.feed(Input::SubscriptionAccepted { subscription });
    }
    harness.advance(SECOND);
    assert_eq!(harness.call.state(), StateName::Live);
    harness.feed(Input::NamespaceRemoved {
        namespace_subscription: namespace_subscriptions[0],
        epoch: 5,
    });
    harness.advance(SECOND * 2).out.clear();
    (harness, namespace_subscriptions)
}

/// The same, and the session that she is on.
fn missing_bob_on(
    change: impl FnOnce(&mut Config),
) -> (CallHarness, SessionId, [NamespaceSubscriptionId; 2]) {
    let mut session = SessionId(0);
    let (harness, namespace_subscriptions) = missing_bob_after(change, |harness| {
        session = harness.last_dial();
        session
    });
    (harness, session, namespace_subscriptions)
}

/// The relay looks out for both of them from now on.
fn agree_to_look_out(harness: &mut CallHarness) -> [NamespaceSubscriptionId; 2] {
    let asked = harness.drain(|output| match output {
        Output::SubscribeNamespace { namespace_subscription, .. } => Some(*namespace_subscription),
        _ => None,
    });
    let [(_, bob), (_, dave)] = asked[..] else { panic!("{asked:?}") };
    for namespace_subscription in [bob, dave] {
        harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    }
    [bob, dave]
}

fn show(harness: &mut CallHarness) {
    let asked = harness.drain(|output| match output {
        Output::QueryCredential { query: request, .. } => Some(*request),
        _ => None,
    });
    let token = Token { token_type: 0, secret: Secret::new("token") };
    let credential = Credential { token, valid_for: None };
    harness.feed(Input::CredentialAnswered { query: asked[0].1, credential });
}

/// A session with the other relay, which has been asked to look out for Bob.
fn looking() -> (CallHarness, [NamespaceSubscriptionId; 2], SessionId, NamespaceSubscriptionId) {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.advance(POLITE);
    let scout = harness.last_dial();
    harness.feed(Input::Connected { session: scout });
    let namespace_subscription =
        harness.namespace_subscription().expect("the other relay looks out for bob");
    harness.out.clear();
    (harness, namespace_subscriptions, scout, namespace_subscription)
}

/// Where the dials since the last look at them go.
fn dialled(harness: &mut CallHarness) -> Vec<(SessionId, String)> {
    let dials = harness.drain(|output| match output {
        Output::Dial { session, relay, .. } => Some((*session, relay.clone())),
        _ => None,
    });
    dials.into_iter().map(|(_, dial)| dial).collect()
}

fn fail(harness: &mut CallHarness, session: SessionId) {
    harness.feed(Input::DialFailed { session, cause: Cause::new(CauseKind::TimedOut) });
}
