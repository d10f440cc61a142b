//! R7, R20, R22: every frame that is sent is delivered in spite of outages, through the real relay
//! and on real sockets.
//!
//! `HOLDLINE_RUNS=10 cargo test -p holdline-quinn --test nothing_lost -- --nocapture` repeats every
//! outage ten times and prints each.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{STEP_TIMEOUT, Site};
use futures::StreamExt as _;
use holdline_dev_relay::Forwarder;
use holdline_quinn::media::{Delivery, Retention};
use holdline_quinn::{Call, Frame, PublishedTrack, ReceivedFrame, SubscribedTrack, Track};

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
enum Outage {
    Relay,
    Subscriber,
    Publisher,
    /// The NAT in front of the participant drops its mapping.
    SubscriberRebound,
    PublisherRebound,
}

/// The room, and the networks of both participants.
struct Stage {
    site: Site,
    publisher: Forwarder,
    subscriber: Forwarder,
}

impl Stage {
    async fn open() -> Self {
        let site = Site::open();
        let (publisher, subscriber) = (site.forwarder().await, site.forwarder().await);
        Self { site, publisher, subscriber }
    }

    fn break_it(&mut self, outage: Outage) {
        match outage {
            Outage::Relay => self.site.crash(),
            Outage::Subscriber => self.subscriber.partition(true),
            Outage::Publisher => self.publisher.partition(true),
            Outage::SubscriberRebound => self.subscriber.rebind(),
            Outage::PublisherRebound => self.publisher.rebind(),
        }
    }

    fn heal(&mut self, outage: Outage) {
        match outage {
            Outage::Relay => self.site.restart(),
            Outage::Subscriber => self.subscriber.partition(false),
            Outage::Publisher => self.publisher.partition(false),
            Outage::SubscriberRebound | Outage::PublisherRebound => {}
        }
    }
}

/// Sends a numbered frame every 20 ms on each of its tracks until it is stopped.
struct FrameSource {
    stop: tokio::sync::oneshot::Sender<()>,
    sending: tokio::task::JoinHandle<Vec<Instant>>,
}

impl FrameSource {
    fn start(tracks: Vec<PublishedTrack>) -> Self {
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let sending = tokio::spawn(async move {
            let mut sent = Vec::new();
            let mut tick = tokio::time::interval(FRAME);
            while stopped.try_recv().is_err() {
                tick.tick().await;
                for track in &tracks {
                    track.send(numbered(sent.len() as u64)).expect("the call is live");
                }
                sent.push(Instant::now());
            }
            for track in &tracks {
                track.finish().expect("the call is live");
            }
            sent
        });
        Self { stop, sending }
    }

    /// Stops the source. Returns when each frame was sent.
    async fn stop(self) -> Vec<Instant> {
        self.stop.send(()).expect("the source is sending");
        self.sending.await.expect("the task did not panic")
    }
}

/// A frame with a payload that no other number has.
fn numbered(number: u64) -> Frame {
    let digits = (0..20).flat_map(|round| (number.wrapping_mul(0x9e37_79b9) + round).to_be_bytes());
    let frame = Frame::new(number * 20_000, digits.collect::<Bytes>());
    Frame { keyframe: number.is_multiple_of(7), ..frame }
}

type ReceivedFrames = Arc<Mutex<Vec<(Instant, ReceivedFrame)>>>;

/// Collects the frames of a track until it ends.
fn collect(mut track: SubscribedTrack) -> (ReceivedFrames, tokio::task::JoinHandle<()>) {
    let received = ReceivedFrames::default();
    let notes = Arc::clone(&received);
    let collecting = tokio::spawn(async move {
        while let Some(frame) = track.next().await {
            notes.lock().expect("the task did not panic").push((Instant::now(), frame));
        }
        assert_eq!(track.overrun(), 0);
    });
    (received, collecting)
}

async fn wait_for_frames(received: &ReceivedFrames, frames: usize) {
    let enough = async {
        while received.lock().expect("the task did not panic").len() < frames {
            tokio::time::sleep(FRAME).await;
        }
    };
    tokio::time::timeout(STEP_TIMEOUT, enough).await.expect("before the timeout");
}

/// The observations of a call with one outage.
struct Observations {
    sent: Vec<Instant>,
    lossless: Vec<(Instant, ReceivedFrame)>,
    live: Vec<(Instant, ReceivedFrame)>,
    repaired: u64,
    skipped: u64,
    lost: u64,
    healed: Instant,
}

/// Makes a call with one lossless and one live track, and with one outage.
async fn call_with(outage: Outage, away: Duration) -> Observations {
    let mut stage = Stage::open().await;
    let join = |forwarder: &Forwarder, name| {
        Call::connect(stage.site.config_through(forwarder, name)).expect("a valid configuration")
    };
    let (alice, bob) = (join(&stage.publisher, "alice"), join(&stage.subscriber, "bob"));
    let publish = |track| alice.publish(track).expect("a valid track");
    let subscribe = |track| bob.subscribe("alice", track).expect("a valid track");
    let (lossless, lossless_ended) = collect(subscribe(Track::audio("lossless").lossless()));
    let (live, live_ended) = collect(subscribe(Track::audio("live")));
    let source = FrameSource::start(vec![
        publish(Track::audio("lossless").lossless()),
        publish(Track::audio("live")),
    ]);
    wait_for_frames(&lossless, 50).await;
    stage.break_it(outage);
    tokio::time::sleep(away).await;
    stage.heal(outage);
    let healed = Instant::now();
    tokio::time::sleep(SECOND * 3).await;
    let sent = source.stop().await;
    let ended = futures::future::join(lossless_ended, live_ended);
    let (first, second) =
        tokio::time::timeout(STEP_TIMEOUT, ended).await.expect("before the timeout");
    first.and(second).expect("the task did not panic");
    let summary = bob.close().await;
    alice.close().await;
    let counters = |name: &str| {
        let track = summary.stats.subscribed.iter().find(|track| track.name == name);
        track.expect("subscribed").counters
    };
    let take = |received: &ReceivedFrames| received.lock().expect("the task did not panic").clone();
    let counted = counters("lossless");
    assert_eq!((counted.skipped, counted.held), (0, 0));
    Observations {
        sent,
        lossless: take(&lossless),
        live: take(&live),
        repaired: counted.repaired,
        skipped: counters("live").skipped,
        lost: counted.lost + counters("live").lost,
        healed,
    }
}

impl Observations {
    /// Every lossless frame arrived exactly once, in order and unaltered.
    fn assert_nothing_lost(&self) {
        let received: Vec<u64> = self.lossless.iter().map(|(_, f)| f.number.sequence).collect();
        let sent: Vec<u64> = (0..self.sent.len() as u64).collect();
        assert_eq!(received, sent);
        for (_, frame) in &self.lossless {
            assert_eq!((frame.gap, self.altered(frame)), (None, false));
        }
        assert_eq!(self.lost, 0);
    }

    /// The live frames arrived in order and unaltered, and every missing one was reported.
    fn assert_gaps_complete(&self) {
        let mut next = self.live.first().expect("a live frame").1.number.sequence;
        let before = next;
        for (_, frame) in &self.live {
            next += frame.gap.map_or(0, |gap| gap.frames);
            assert_eq!((frame.number.sequence, self.altered(frame)), (next, false));
            next += 1;
        }
        let at_the_end = self.sent.len() as u64 - next;
        let reported: u64 = self.live.iter().filter_map(|(_, f)| f.gap).map(|gap| gap.frames).sum();
        assert_eq!(reported + at_the_end, self.skipped);
        assert_eq!(before + self.live.len() as u64 + self.skipped, self.sent.len() as u64);
    }

    fn altered(&self, frame: &ReceivedFrame) -> bool {
        let sent = numbered(frame.number.sequence);
        (frame.captured_at, frame.keyframe, &frame.payload)
            != (sent.captured_at, sent.keyframe, &sent.payload)
    }

    /// The greatest delay of a live frame that arrived later than 1 s after the repair, and how
    /// long after the repair the first new frame arrived. For the output only: a busy machine
    /// delays both.
    fn timing(&self) -> (Duration, Duration) {
        let late = |(at, frame): &(Instant, ReceivedFrame)| {
            *at - self.sent[usize::try_from(frame.number.sequence).expect("a small number")]
        };
        let settled = self.healed + SECOND;
        let after = self.live.iter().filter(|(at, _)| *at > settled);
        let first = self.live.iter().find(|(at, frame)| {
            *at > self.healed
                && self.sent[usize::try_from(frame.number.sequence).expect("a small number")]
                    > self.healed
        });
        let recovered = first.map(|(at, _)| *at - self.healed).unwrap_or_default();
        (after.map(late).max().unwrap_or_default(), recovered)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_frame_is_lost_in_outages_within_the_history_bounds() {
    let outages = [
        (Outage::Relay, 1),
        (Outage::Relay, 3),
        (Outage::Relay, 16),
        (Outage::Subscriber, 2),
        (Outage::Subscriber, 5),
        (Outage::Subscriber, 12),
        (Outage::Publisher, 2),
        (Outage::Publisher, 5),
        (Outage::Publisher, 12),
        (Outage::SubscriberRebound, 1),
        (Outage::PublisherRebound, 1),
    ];
    let runs = std::env::var("HOLDLINE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1);
    for run in 1..=runs {
        let calls = outages.map(|(outage, seconds)| async move {
            (outage, seconds, tokio::spawn(call_with(outage, SECOND * seconds)).await)
        });
        for (outage, seconds, observations) in futures::future::join_all(calls).await {
            let observations = observations.expect("the task did not panic");
            let (latest, recovered) = observations.timing();
            println!(
                "run {run}, {outage:?} for {seconds} s: sent {}, received {} ({} fetched), live {} \
                 (skipped {}), new again after {} ms, live at most {} ms late",
                observations.sent.len(),
                observations.lossless.len(),
                observations.repaired,
                observations.live.len(),
                observations.skipped,
                recovered.as_millis(),
                latest.as_millis(),
            );
            observations.assert_nothing_lost();
            observations.assert_gaps_complete();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_beyond_the_history_are_reported_as_gaps() {
    let mut site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let little = Retention { frames: 40, ..Retention::lossless() };
    let track = Track::audio("audio").lossless();
    assert_eq!(track.delivery, Delivery::Lossless);
    let (received, ended) = collect(bob.subscribe("alice", track.clone()).expect("a valid track"));
    let source =
        FrameSource::start(vec![alice.publish(track.retaining(little)).expect("a valid track")]);
    wait_for_frames(&received, 50).await;
    site.crash();
    tokio::time::sleep(SECOND * 4).await;
    site.restart();
    let before = received.lock().expect("the task did not panic").len();
    wait_for_frames(&received, before + 100).await;
    let sent = source.stop().await.len() as u64;
    tokio::time::timeout(STEP_TIMEOUT, ended)
        .await
        .expect("before the timeout")
        .expect("the task did not panic");
    let summary = bob.close().await;
    let published = alice.close().await.stats.published[0].counters;
    let received = received.lock().expect("the task did not panic");
    let mut next = 0;
    let mut missing = 0;
    for (_, frame) in received.iter() {
        missing += frame.gap.map_or(0, |gap| gap.frames);
        next += frame.gap.map_or(0, |gap| gap.frames);
        assert_eq!(frame.number.sequence, next);
        next += 1;
    }
    let counters = summary.stats.subscribed[0].counters;
    assert!(missing > 0 && counters.repaired > 0, "{counters:?}");
    assert_eq!((next, counters.lost, counters.delivered), (sent, missing, sent - missing));
    assert_eq!(published.accepted, published.held + published.evicted.frames);
}
