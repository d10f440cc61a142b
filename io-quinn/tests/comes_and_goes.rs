//! R8: a network that comes and goes ends no call, on real sockets: the relay is killed, one side
//! or both are cut off, NATs rebind, and only seconds of a working network lie between.

mod common;

use std::time::Duration;

use common::{FrameSender, Site, receive};
use holdline_dev_relay::Forwarder;
use holdline_quinn::{Call, CallConfig, StateName, SubscribedTrack, Track};

/// How many calls meet the same faults at a time.
const PAIRS: usize = 4;

/// Draws from a seed, evenly enough for faults.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % below
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next(to - from + 1))
    }
}

/// A speaker and a listener in a room of their own.
struct Pair {
    speaker: Call,
    listener: Call,
    received: SubscribedTrack,
    _sender: FrameSender,
}

impl Pair {
    fn join(site: &Site, room: &str, networks: &[Forwarder; 2]) -> Self {
        let join = |name: &str, network: &Forwarder| {
            let url = format!("moqt://{}", network.address());
            let config = CallConfig::new(url, room, name).trust(site.trust());
            Call::connect(config).expect("a valid configuration")
        };
        let (speaker, listener) = (join("alice", &networks[0]), join("bob", &networks[1]));
        let received = listener.subscribe("alice", Track::audio("mic")).expect("a valid track");
        let track = speaker.publish(Track::audio("mic")).expect("a valid track");
        Self { speaker, listener, received, _sender: FrameSender::start(track) }
    }
}

/// Plays so many faults, which the seed draws. Then every call is live, and still heard.
async fn play(seed: u64, faults: usize) {
    let mut site = Site::open();
    let networks = [site.forwarder().await, site.forwarder().await];
    let mut pairs: Vec<Pair> =
        (0..PAIRS).map(|n| Pair::join(&site, &format!("room-{n}"), &networks)).collect();
    for pair in &mut pairs {
        receive(&mut pair.received).await;
    }
    let mut draws = Draws(seed);
    for _ in 0..faults {
        match draws.next(5) {
            0 => {
                site.crash();
                tokio::time::sleep(draws.millis(100, 2_400)).await;
                site.restart();
            }
            1 => networks.iter().for_each(Forwarder::rebind),
            side => {
                // 2: the speaker, 3: the listener, 4: both.
                let is_cut = [side != 3, side != 2];
                for (network, _) in networks.iter().zip(is_cut).filter(|(_, cut)| *cut) {
                    network.partition(true);
                }
                tokio::time::sleep(draws.millis(300, 7_000)).await;
                networks.iter().for_each(|network| network.partition(false));
            }
        }
        tokio::time::sleep(draws.millis(200, 4_200)).await;
    }
    for (n, pair) in pairs.iter_mut().enumerate() {
        for call in [&pair.speaker, &pair.listener] {
            let state = call.stats().await.state;
            assert!(!matches!(state, StateName::Failed | StateName::Closed), "call {n} has ended");
        }
        let sent = pair.speaker.stats().await.published[0].counters.accepted;
        while receive(&mut pair.received).await < sent {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_ends_on_a_network_that_comes_and_goes() {
    play(1, 4).await;
}

/// As in the field: 30 faults. `cargo test --test comes_and_goes -- --ignored` plays one seed, and
/// `HOLDLINE_SEEDS=1,2,3` others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes for each seed"]
async fn no_call_ends_after_thirty_faults() {
    let seeds = std::env::var("HOLDLINE_SEEDS").unwrap_or_else(|_| "1".into());
    for seed in seeds.split(',').map(|seed| seed.parse().expect("a seed")) {
        play(seed, 30).await;
        println!("seed {seed}: no call ended");
    }
}
