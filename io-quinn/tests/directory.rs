//! R32: relays from a provider, credentials that expire, and a real relay that wants to see them.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{Site, Speaker, hear, wait_for};
use holdline_dev_relay::{Guard, Relay};
use holdline_quinn::{
    CallConfig, CauseKind, Credential, CredentialProvider, ErrorCode, Event, NoCredential, Outcome,
    Policy, RelayProvider, Secret, Token, Track, Unavailable,
};

/// Hands out tokens of the given validity in seconds, one after the other, the last again and again.
/// One that is valid for no time was signed by a stranger.
#[derive(Clone)]
struct Desk {
    guard: Arc<Guard>,
    stranger: Arc<Guard>,
    validities: Arc<[u64]>,
    asked: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

#[async_trait]
impl CredentialProvider for Desk {
    async fn credential(&self, _relay: &str) -> Result<Credential, NoCredential> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let seconds = self.validities[asked.min(self.validities.len() - 1)];
        let (signer, valid) = match seconds {
            0 => (&self.stranger, Duration::from_secs(60)),
            _ => (&self.guard, Duration::from_secs(seconds)),
        };
        let value = signer.token("room", valid).expect("a token");
        let token = Token { token_type: Guard::TOKEN_TYPE, secret: Secret::new(value) };
        Ok(Credential { token, valid_for: Some(valid) })
    }
}

fn guarded(validities: &[u64]) -> (Site, Desk) {
    let mut site = Site::open();
    site.crash();
    let guard = Arc::new(Guard::new().expect("a key"));
    let relay = Relay::start_guarded(site.address, &site.files, &guard).expect("the same port");
    site.relay = Some(relay);
    let stranger = Arc::new(Guard::new().expect("a key"));
    (site, Desk { guard, stranger, validities: validities.into(), asked: Arc::default() })
}

#[tokio::test]
async fn a_relay_that_wants_a_token_is_shown_a_fresh_one_for_each_session() {
    // 4 s are enough for the first dial, and too little for the next one some seconds later.
    let (mut site, desk) = guarded(&[4, 3_600]);
    let call = |name| site.config(name).credential_provider(desk.clone());
    let alice = holdline_quinn::Call::connect(call("alice")).expect("a call");
    let bob = holdline_quinn::Call::connect(call("bob")).expect("a call");
    let _speaker = Speaker::start(alice.publish(Track::audio("mic")).expect("a track"));
    let mut heard = bob.subscribe("alice", Track::audio("mic")).expect("a track");
    let mut events = bob.events();
    let before = hear(&mut heard).await;
    let shown = desk.asked.load(Ordering::Relaxed);
    assert_eq!(shown, 2, "each call asked once");
    tokio::time::sleep(Duration::from_secs(4)).await;
    site.crash();
    let relay = Relay::start_guarded(site.address, &site.files, &desk.guard).expect("a relay");
    site.relay = Some(relay);
    wait_for(&mut events, |e| matches!(e, Event::Recovered { .. }).then_some(())).await;
    assert!(hear(&mut heard).await > before);
    assert!(desk.asked.load(Ordering::Relaxed) > shown, "what had expired was not shown again");
}

#[tokio::test]
async fn a_session_does_not_outlive_its_token() {
    let (site, desk) = guarded(&[4, 3_600]);
    let mut policy = Policy::interactive();
    policy.stable_after = Duration::from_millis(100);
    let config = site.config("alice").credential_provider(desk.clone()).policy(policy);
    let alice = holdline_quinn::Call::connect(config).expect("a call");
    let mut events = alice.events();
    let _speaker = Speaker::start(alice.publish(Track::audio("mic")).expect("a track"));
    let config = site.config("bob").credential_provider(desk.clone());
    let bob = holdline_quinn::Call::connect(config).expect("a call");
    let mut heard = bob.subscribe("alice", Track::audio("mic").lossless()).expect("a track");
    let before = hear(&mut heard).await;
    let renewed = |event: &Event| match event {
        Event::IncidentStarted { cause, .. } => Some(cause.kind),
        _ => None,
    };
    assert_eq!(wait_for(&mut events, renewed).await, CauseKind::CredentialRenewed);
    wait_for(&mut events, |e| matches!(e, Event::Recovered { .. }).then_some(())).await;
    let said = alice.stats().await.published[0].counters.accepted;
    let mut last = before;
    while last < said {
        let next = hear(&mut heard).await;
        assert_eq!(next, last + 1, "nothing is lost");
        last = next;
    }
}

#[tokio::test]
async fn a_token_that_the_relay_refuses_is_refreshed_once_and_then_it_is_final() {
    for (validities, recovers) in [(&[0, 3_600][..], true), (&[0][..], false)] {
        let (site, desk) = guarded(validities);
        let config = site.config("alice").credential_provider(desk.clone());
        let call = holdline_quinn::Call::connect(config).expect("a call");
        let _track = call.publish(Track::audio("mic")).expect("a track");
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
        assert_eq!(desk.asked.load(Ordering::Relaxed), 2);
    }
}

#[derive(Debug, Default)]
struct Answers(Mutex<Vec<Result<Vec<String>, Unavailable>>>);

#[async_trait]
impl RelayProvider for Answers {
    async fn relays(&self) -> Result<Vec<String>, Unavailable> {
        let answer = self.0.lock().expect("not poisoned").pop();
        answer.unwrap_or_else(|| Err(Unavailable("nothing more to say".into())))
    }
}

#[tokio::test]
async fn relays_come_from_the_provider_are_remembered_and_fall_back_to_the_static_list() {
    let site = Site::open();
    let cache = site.folder.path().join("relays.json");
    let nowhere = || CallConfig::new("moqt://127.0.0.1:9", "room", "alice").trust(site.trust());
    let provider = |answer| Answers(Mutex::new(vec![answer]));
    let live = |e: &Event| matches!(e, Event::StateChanged { to, .. } if to.to_string() == "live");

    let relays = vec!["no address".into(), format!("{}?jwt=secret", site.url())];
    let config = nowhere().relay_provider(provider(Ok(relays))).relay_cache(&cache);
    let call = holdline_quinn::Call::connect(config).expect("a call");
    wait_for(&mut call.events(), |e| live(e).then_some(())).await;
    call.close().await;
    let remembered = std::fs::read_to_string(&cache).expect("remembered");
    assert!(remembered.contains(&site.address.to_string()) && !remembered.contains("secret"));

    // The next call need not ask.
    let config = nowhere().relay_provider(Answers::default()).relay_cache(&cache);
    let call = holdline_quinn::Call::connect(config).expect("a call");
    wait_for(&mut call.events(), |e| live(e).then_some(())).await;

    let broken = provider(Err(Unavailable("out of order".into())));
    let call = holdline_quinn::Call::connect(site.config("alice").relay_provider(broken));
    wait_for(&mut call.expect("a call").events(), |e| live(e).then_some(())).await;
}
