//! R13: probing other relays for a missing participant, step by step.

mod credentials;
mod moved;
mod probes;
mod when;

use crate::common::{CallHarness, subscribe};
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId, TrackId};
use holdline_core::{Config, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How long a participant that misses a smaller name waits before a probe.
const PROBE_DELAY: Duration = SECOND;
/// How long the participant with the smallest name waits before a probe.
const SMALLEST_NAME_PROBE_DELAY: Duration = Duration::from_secs(8);
const HOUR: Duration = Duration::from_secs(3_600);

/// Carol's live call with two relays. She listens to Bob and Dave, and misses Bob from now on. Only
/// deadlines of the rendezvous wake her call.
fn missing_bob(change: impl FnOnce(&mut Config)) -> (CallHarness, [NamespaceSubscriptionId; 2]) {
    missing_bob_after(change, CallHarness::last_dial)
}

/// The same, on the session that `last_dial` returns.
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
        answer_credential(&mut harness);
    }
    let session = last_dial(&mut harness);
    harness.feed(Input::Connected { session });
    if harness.call.state() != StateName::Joining {
        // The home relay has a moment to answer.
        harness.advance(SECOND);
    }
    let namespace_subscriptions = accept_namespace_subscriptions(&mut harness);
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

/// The same, and the session that Carol is on.
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

/// The relay accepts the namespace subscriptions for Bob and Dave.
fn accept_namespace_subscriptions(harness: &mut CallHarness) -> [NamespaceSubscriptionId; 2] {
    let requested = harness.drain(|output| match output {
        Output::SubscribeNamespace { namespace_subscription, .. } => Some(*namespace_subscription),
        _ => None,
    });
    let [(_, bob), (_, dave)] = requested[..] else { panic!("{requested:?}") };
    for namespace_subscription in [bob, dave] {
        harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    }
    [bob, dave]
}

/// The provider answers the open credential query.
fn answer_credential(harness: &mut CallHarness) {
    let queries = harness.drain(|output| match output {
        Output::QueryCredential { query, .. } => Some(*query),
        _ => None,
    });
    let token = Token { token_type: 0, secret: Secret::new("token") };
    let credential = Credential { token, valid_for: None };
    harness.feed(Input::CredentialAnswered { query: queries[0].1, credential });
}

/// Carol's call with a connected probe on the other relay, which has subscribed to Bob's namespace.
fn probing() -> (CallHarness, [NamespaceSubscriptionId; 2], SessionId, NamespaceSubscriptionId) {
    let (mut harness, namespace_subscriptions) = missing_bob(|_| {});
    harness.advance(PROBE_DELAY);
    let probe = harness.last_dial();
    harness.feed(Input::Connected { session: probe });
    let namespace_subscription =
        harness.namespace_subscription().expect("the probe subscribes to bob's namespace");
    harness.out.clear();
    (harness, namespace_subscriptions, probe, namespace_subscription)
}

/// The dials since the last call of this function, with their relays.
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
