//! R32: relays from a provider, credentials that expire, and a real relay that requires them.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{FrameSender, Site, receive, wait_for};
use holdline_dev_relay::{Guard, Relay};
use holdline_quinn::config::RetryPolicy;
use holdline_quinn::credential::{Credential, Secret, Token};
use holdline_quinn::error::{CauseKind, ErrorCode};
use holdline_quinn::stats::Outcome;
use holdline_quinn::{
    CallConfig, CredentialProvider, Event, NoCredential, RelayProvider, Track, Unavailable,
};

/// A provider of tokens with the given validities in seconds, in this order; the last one repeats.
/// A validity of 0 means a token with an unknown signature.
#[derive(Clone)]
struct TokenService {
    guard: Arc<Guard>,
    stranger: Arc<Guard>,
    validities: Arc<[u64]>,
    queries: Arc<AtomicUsize>,
}

impl std::fmt::Debug for TokenService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenService")
    }
}

#[async_trait]
impl CredentialProvider for TokenService {
    async fn credential(&self, _relay: &str) -> Result<Credential, NoCredential> {
        let query = self.queries.fetch_add(1, Ordering::Relaxed);
        let seconds = self.validities[query.min(self.validities.len() - 1)];
        let (signer, valid) = match seconds {
            0 => (&self.stranger, Duration::from_secs(60)),
            _ => (&self.guard, Duration::from_secs(seconds)),
        };
        let value = signer.token("room", valid).expect("a token");
        let token = Token { token_type: Guard::TOKEN_TYPE, secret: Secret::new(value) };
        Ok(Credential { token, valid_for: Some(valid) })
    }
}

fn guarded(validities: &[u64]) -> (Site, TokenService) {
    let mut site = Site::open();
    site.crash();
    let guard = Arc::new(Guard::new().expect("a key"));
    let relay = Relay::start_guarded(site.address, &site.files, &guard).expect("the same port");
    site.relay = Some(relay);
    let stranger = Arc::new(Guard::new().expect("a key"));
    (site, TokenService { guard, stranger, validities: validities.into(), queries: Arc::default() })
}

/// A token that has expired since the first session is replaced before the next dial.
#[tokio::test]
async fn each_session_presents_a_token_that_is_still_valid() {
    // 4 s are enough for the first dial, and too short for the next dial some seconds later.
    let (mut site, service) = guarded(&[4, 3_600]);
    let call = |name| site.config(name).credential_provider(service.clone());
    let alice = holdline_quinn::Call::connect(call("alice")).expect("a valid configuration");
    let bob = holdline_quinn::Call::connect(call("bob")).expect("a valid configuration");
    let _sender = FrameSender::start(alice.publish(Track::audio("mic")).expect("a valid track"));
    let mut received = bob.subscribe("alice", Track::audio("mic")).expect("a valid track");
    let mut events = bob.events();
    let before = receive(&mut received).await;
    let queries = service.queries.load(Ordering::Relaxed);
    assert_eq!(queries, 2, "each call queried once");
    tokio::time::sleep(Duration::from_secs(4)).await;
    site.crash();
    let relay = Relay::start_guarded(site.address, &site.files, &service.guard).expect("a relay");
    site.relay = Some(relay);
    wait_for(&mut events, |e| matches!(e, Event::Recovered { .. }).then_some(())).await;
    assert!(receive(&mut received).await > before);
    assert!(
        service.queries.load(Ordering::Relaxed) > queries,
        "an expired token was not presented again"
    );
}

#[tokio::test]
async fn a_session_does_not_outlive_its_token() {
    let (site, service) = guarded(&[4, 3_600]);
    let mut policy = RetryPolicy::interactive();
    policy.stable_after = Duration::from_millis(100);
    let config = site.config("alice").credential_provider(service.clone()).policy(policy);
    let alice = holdline_quinn::Call::connect(config).expect("a valid configuration");
    let mut events = alice.events();
    let _sender = FrameSender::start(alice.publish(Track::audio("mic")).expect("a valid track"));
    let config = site.config("bob").credential_provider(service.clone());
    let bob = holdline_quinn::Call::connect(config).expect("a valid configuration");
    let mut received =
        bob.subscribe("alice", Track::audio("mic").lossless()).expect("a valid track");
    let before = receive(&mut received).await;
    let renewed = |event: &Event| match event {
        Event::SessionReplacing { cause } => Some(*cause),
        Event::IncidentStarted { cause, .. } => panic!("a renewal is no incident: {cause:?}"),
        _ => None,
    };
    assert_eq!(wait_for(&mut events, renewed).await, CauseKind::CredentialRenewed);
    wait_for(&mut events, |e| matches!(e, Event::SessionReplaced { .. }).then_some(())).await;
    let sent = alice.stats().await.published[0].counters.accepted;
    let mut last = before;
    while last < sent {
        let next = receive(&mut received).await;
        assert_eq!(next, last + 1, "no frame is lost");
        last = next;
    }
}

/// If the relay accepts the refreshed token, the call goes live; if not, it fails with
/// `AUTH_REJECTED`.
#[tokio::test]
async fn a_refused_token_is_refreshed_once_then_the_call_fails() {
    for (validities, recovers) in [(&[0, 3_600][..], true), (&[0][..], false)] {
        let (site, service) = guarded(validities);
        let config = site.config("alice").credential_provider(service.clone());
        let call = holdline_quinn::Call::connect(config).expect("a valid configuration");
        let _track = call.publish(Track::audio("mic")).expect("a valid track");
        if recovers {
            let mut events = call.events();
            let live =
                |e: &Event| matches!(e, Event::StateChanged { to, .. } if to.to_string() == "live");
            wait_for(&mut events, |e| live(e).then_some(())).await;
        } else {
            let summary = call.ended().await;
            let Outcome::Failed(error) = summary.outcome else { panic!("{summary:?}") };
            assert_eq!(error.code, ErrorCode::AuthRejected);
        }
        assert_eq!(service.queries.load(Ordering::Relaxed), 2);
    }
}

#[derive(Debug, Default)]
struct Responses(Mutex<Vec<Result<Vec<String>, Unavailable>>>);

#[async_trait]
impl RelayProvider for Responses {
    async fn relays(&self) -> Result<Vec<String>, Unavailable> {
        let response = self.0.lock().expect("not poisoned").pop();
        response.unwrap_or_else(|| Err(Unavailable("no response is left".into())))
    }
}

#[tokio::test]
async fn provider_relays_are_cached_and_static_relays_are_the_fallback() {
    let site = Site::open();
    let cache = site.folder.path().join("relays.json");
    let nowhere = || CallConfig::new("moqt://127.0.0.1:9", "room", "alice").trust(site.trust());
    let provider = |response| Responses(Mutex::new(vec![response]));
    let live = |e: &Event| matches!(e, Event::StateChanged { to, .. } if to.to_string() == "live");

    let relays = vec!["no address".into(), format!("{}?jwt=secret", site.url())];
    let config = nowhere().relay_provider(provider(Ok(relays))).relay_cache(&cache);
    let call = holdline_quinn::Call::connect(config).expect("a valid configuration");
    wait_for(&mut call.events(), |e| live(e).then_some(())).await;
    call.close().await;
    let cached = std::fs::read_to_string(&cache).expect("the list is cached");
    assert!(cached.contains(&site.address.to_string()) && !cached.contains("secret"));

    // The next call uses the cached list without a query.
    let config = nowhere().relay_provider(Responses::default()).relay_cache(&cache);
    let call = holdline_quinn::Call::connect(config).expect("a valid configuration");
    wait_for(&mut call.events(), |e| live(e).then_some(())).await;

    let broken = provider(Err(Unavailable("out of order".into())));
    let call = holdline_quinn::Call::connect(site.config("alice").relay_provider(broken));
    wait_for(&mut call.expect("a valid configuration").events(), |e| live(e).then_some(())).await;
}
