//! R13: two real relays that do not know each other, with one participant on each.

mod common;

use common::{FrameSender, Site, receive};
use holdline_quinn::{Call, Track, Trust};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn participants_on_different_relays_find_each_other() {
    let (north, south) = (Site::open(), Site::open());
    let mut both = std::fs::read(&north.files.certificate).expect("a certificate");
    both.extend(std::fs::read(&south.files.certificate).expect("a certificate"));
    let trust = Trust::pem(&both).expect("two certificates");
    let join = |name, first: &Site, second: &Site| {
        let config = first.config(name).relay(second.url()).trust(trust.clone());
        Call::connect(config).expect("a valid configuration")
    };
    let (alice, bob) = (join("alice", &north, &south), join("bob", &south, &north));
    let mut received = Vec::new();
    let mut senders = Vec::new();
    for (call, other) in [(&alice, "bob"), (&bob, "alice")] {
        senders.push(FrameSender::start(call.publish(Track::audio("mic")).expect("a valid track")));
        received.push(call.subscribe(other, Track::audio("mic")).expect("a valid track"));
    }
    for track in &mut received {
        receive(track).await;
    }
    let (stayed, moved) = (alice.stats().await.telemetry, bob.stats().await.telemetry);
    assert_eq!(
        (stayed.incidents, moved.incidents_recovered),
        (0, 1),
        "the participant with the greater name moves"
    );
}
