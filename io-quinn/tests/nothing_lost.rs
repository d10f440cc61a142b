//! R7, R20, R22: what is said is heard, whatever breaks: through the real relay, on real sockets.
//!
//! `HOLDLINE_RUNS=10 cargo test -p holdline-quinn --test nothing_lost -- --nocapture` repeats every
//! outage ten times and shows each.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{PATIENCE, Site};
use futures::StreamExt as _;
use holdline_dev_relay::Forwarder;
use holdline_quinn::{
    Call, Delivery, Frame, PublishedTrack, ReceivedFrame, Retention, SubscribedTrack, Track,
};

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
enum Outage {
    Relay,
    Listener,
    Speaker,
    /// The NAT in front of one of them forgets it.
    ListenerRebound,
    SpeakerRebound,
}

/// The room, and the networks of both participants.
struct Stage {
    site: Site,
    speaker: Forwarder,
    listener: Forwarder,
}

impl Stage {
    async fn open() -> Self {
        let site = Site::open();
        let (speaker, listener) = (site.forwarder().await, site.forwarder().await);
        Self { site, speaker, listener }
    }

    fn break_it(&mut self, outage: Outage) {
        match outage {
            Outage::Relay => self.site.crash(),
            Outage::Listener => self.listener.partition(true),
            Outage::Speaker => self.speaker.partition(true),
            Outage::ListenerRebound => self.listener.rebind(),
            Outage::SpeakerRebound => self.speaker.rebind(),
        }
    }

    fn heal(&mut self, outage: Outage) {
        match outage {
            Outage::Relay => self.site.restart(),
            Outage::Listener => self.listener.partition(false),
            Outage::Speaker => self.speaker.partition(false),
            Outage::ListenerRebound | Outage::SpeakerRebound => {}
        }
    }
}

/// Speaks on tracks until it is stopped: a numbered frame every 20 ms on each.
struct Voice {
    stop: tokio::sync::oneshot::Sender<()>,
    speaking: tokio::task::JoinHandle<Vec<Instant>>,
}

impl Voice {
    fn start(tracks: Vec<PublishedTrack>) -> Self {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let speaking = tokio::spawn(async move {
            let mut said = Vec::new();
            let mut tick = tokio::time::interval(FRAME);
            while stopped.try_recv().is_err() {
                tick.tick().await;
                for track in &tracks {
                    track.send(numbered(said.len() as u64)).expect("a live call");
                }
                said.push(Instant::now());
            }
            for track in &tracks {
                track.finish().expect("a live call");
            }
            said
        });
        Self { stop, speaking }
    }

    /// When each frame was said.
    async fn stop(self) -> Vec<Instant> {
        self.stop.send(()).expect("still speaking");
        self.speaking.await.expect("no panic")
    }
}

/// A frame like no other.
fn numbered(number: u64) -> Frame {
    let digits = (0..20).flat_map(|round| (number.wrapping_mul(0x9e37_79b9) + round).to_be_bytes());
    let frame = Frame::new(number * 20_000, digits.collect::<Bytes>());
    Frame { keyframe: number.is_multiple_of(7), ..frame }
}

type Heard = Arc<Mutex<Vec<(Instant, ReceivedFrame)>>>;

/// Notes what is heard until the track ends.
fn listen(mut track: SubscribedTrack) -> (Heard, tokio::task::JoinHandle<()>) {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let listening = tokio::spawn(async move {
        while let Some(frame) = track.next().await {
            notes.lock().expect("no panic").push((Instant::now(), frame));
        }
        assert_eq!(track.overrun(), 0);
    });
    (heard, listening)
}

async fn hears(heard: &Heard, frames: usize) {
    let enough = async {
        while heard.lock().expect("no panic").len() < frames {
            tokio::time::sleep(FRAME).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("in time");
}

/// What came of one outage.
struct Account {
    said: Vec<Instant>,
    lossless: Vec<(Instant, ReceivedFrame)>,
    live: Vec<(Instant, ReceivedFrame)>,
    repaired: u64,
    skipped: u64,
    lost: u64,
    healed: Instant,
}

/// A call through it: one lossless and one live track.
async fn live_through(outage: Outage, away: Duration) -> Account {
    let mut stage = Stage::open().await;
    let join = |forwarder: &Forwarder, name| {
        Call::connect(stage.site.config_through(forwarder, name)).expect("a call")
    };
    let (alice, bob) = (join(&stage.speaker, "alice"), join(&stage.listener, "bob"));
    let publish = |track| alice.publish(track).expect("a name");
    let subscribe = |track| bob.subscribe("alice", track).expect("a name");
    let (lossless, lossless_ended) = listen(subscribe(Track::audio("lossless").lossless()));
    let (live, live_ended) = listen(subscribe(Track::audio("live")));
    let voice = Voice::start(vec![
        publish(Track::audio("lossless").lossless()),
        publish(Track::audio("live")),
    ]);
    hears(&lossless, 50).await;
    stage.break_it(outage);
    tokio::time::sleep(away).await;
    stage.heal(outage);
    let healed = Instant::now();
    tokio::time::sleep(SECOND * 3).await;
    let said = voice.stop().await;
    let ended = futures::future::join(lossless_ended, live_ended);
    let (first, second) = tokio::time::timeout(PATIENCE, ended).await.expect("in time");
    first.and(second).expect("no panic");
    let summary = bob.close().await;
    alice.close().await;
    let counters = |name: &str| {
        let track = summary.stats.subscribed.iter().find(|track| track.name == name);
        track.expect("subscribed").counters
    };
    let take = |heard: &Heard| heard.lock().expect("no panic").clone();
    let counted = counters("lossless");
    assert_eq!((counted.skipped, counted.held), (0, 0));
    Account {
        said,
        lossless: take(&lossless),
        live: take(&live),
        repaired: counted.repaired,
        skipped: counters("live").skipped,
        lost: counted.lost + counters("live").lost,
        healed,
    }
}

impl Account {
    /// Exactly once, in order, unaltered, and nothing missing.
    fn lost_nothing(&self) {
        let heard: Vec<u64> = self.lossless.iter().map(|(_, f)| f.number.sequence).collect();
        let said: Vec<u64> = (0..self.said.len() as u64).collect();
        assert_eq!(heard, said);
        for (_, frame) in &self.lossless {
            assert_eq!((frame.gap, self.altered(frame)), (None, false));
        }
        assert_eq!(self.lost, 0);
    }

    /// In order, unaltered, and what is missing is told, frame for frame.
    fn kept_count(&self) {
        let mut next = self.live.first().expect("something").1.number.sequence;
        let before = next;
        for (_, frame) in &self.live {
            next += frame.gap.map_or(0, |gap| gap.frames);
            assert_eq!((frame.number.sequence, self.altered(frame)), (next, false));
            next += 1;
        }
        let at_the_end = self.said.len() as u64 - next;
        let told: u64 = self.live.iter().filter_map(|(_, f)| f.gap).map(|gap| gap.frames).sum();
        assert_eq!(told + at_the_end, self.skipped);
        assert_eq!(before + self.live.len() as u64 + self.skipped, self.said.len() as u64);
    }

    fn altered(&self, frame: &ReceivedFrame) -> bool {
        let said = numbered(frame.number.sequence);
        (frame.captured_at, frame.keyframe, &frame.payload)
            != (said.captured_at, said.keyframe, &said.payload)
    }

    /// The latest that a live frame was, of those that came half a second after it was over; and when
    /// the first new frame came. Not asserted on: this machine may be busy.
    fn timing(&self) -> (Duration, Duration) {
        let late = |(at, frame): &(Instant, ReceivedFrame)| {
            *at - self.said[usize::try_from(frame.number.sequence).expect("small")]
        };
        let settled = self.healed + SECOND;
        let after = self.live.iter().filter(|(at, _)| *at > settled);
        let first = self.live.iter().find(|(at, frame)| {
            *at > self.healed
                && self.said[usize::try_from(frame.number.sequence).expect("small")] > self.healed
        });
        let recovered = first.map(|(at, _)| *at - self.healed).unwrap_or_default();
        (after.map(late).max().unwrap_or_default(), recovered)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_any_outage_within_the_bounds_of_the_history() {
    let outages = [
        (Outage::Relay, 1),
        (Outage::Relay, 3),
        (Outage::Relay, 16),
        (Outage::Listener, 2),
        (Outage::Listener, 5),
        (Outage::Listener, 12),
        (Outage::Speaker, 2),
        (Outage::Speaker, 5),
        (Outage::Speaker, 12),
        (Outage::ListenerRebound, 1),
        (Outage::SpeakerRebound, 1),
    ];
    let runs = std::env::var("HOLDLINE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1);
    for run in 1..=runs {
        let calls = outages.map(|(outage, seconds)| async move {
            (outage, seconds, tokio::spawn(live_through(outage, SECOND * seconds)).await)
        });
        for (outage, seconds, account) in futures::future::join_all(calls).await {
            let account = account.expect("no panic");
            let (latest, recovered) = account.timing();
            println!(
                "run {run}, {outage:?} for {seconds} s: said {}, heard {} ({} asked for), live {} \
                 (skipped {}), new again after {} ms, live at most {} ms late",
                account.said.len(),
                account.lossless.len(),
                account.repaired,
                account.live.len(),
                account.skipped,
                recovered.as_millis(),
                latest.as_millis(),
            );
            account.lost_nothing();
            account.kept_count();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_the_history_is_told_frame_for_frame() {
    let mut site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let little = Retention { frames: 40, ..Retention::lossless() };
    let track = Track::audio("audio").lossless();
    assert_eq!(track.delivery, Delivery::Lossless);
    let (heard, ended) = listen(bob.subscribe("alice", track.clone()).expect("a name"));
    let voice = Voice::start(vec![alice.publish(track.retaining(little)).expect("a name")]);
    hears(&heard, 50).await;
    site.crash();
    tokio::time::sleep(SECOND * 4).await;
    site.restart();
    let before = heard.lock().expect("no panic").len();
    hears(&heard, before + 100).await;
    let said = voice.stop().await.len() as u64;
    tokio::time::timeout(PATIENCE, ended).await.expect("in time").expect("no panic");
    let summary = bob.close().await;
    let published = alice.close().await.stats.published[0].counters;
    let heard = heard.lock().expect("no panic");
    let mut next = 0;
    let mut missing = 0;
    for (_, frame) in heard.iter() {
        missing += frame.gap.map_or(0, |gap| gap.frames);
        next += frame.gap.map_or(0, |gap| gap.frames);
        assert_eq!(frame.number.sequence, next);
        next += 1;
    }
    let counters = summary.stats.subscribed[0].counters;
    assert!(missing > 0 && counters.repaired > 0, "{counters:?}");
    assert_eq!((next, counters.lost, counters.delivered), (said, missing, said - missing));
    assert_eq!(published.accepted, published.held + published.evicted.frames);
}
