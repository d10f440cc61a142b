//! A conversation of two participants through one relay, in one process.
//!
//! ```sh
//! cargo run --bin holdline -- relay        # prints the path of its certificate
//! cargo run -p holdline-quinn --example two_party -- moqt://127.0.0.1:4443 CERT.pem
//! ```
//!
//! If you kill the relay and start it again meanwhile, the call continues.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures::StreamExt as _;
use holdline_quinn::{
    Call, CallConfig, Event, Events, Frame, PublishedTrack, SubscribedTrack, Track, Trust,
};

/// How long the two talk.
const CONVERSATION: Duration = Duration::from_secs(20);
/// One frame of audio.
const FRAME: Duration = Duration::from_millis(20);
/// Both participants give their track this name.
const TRACK: &str = "microphone";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let relay = args.next().context("usage: two_party RELAY CERTIFICATE")?;
    let certificate = args.next().context("usage: two_party RELAY CERTIFICATE")?;
    let trust = Trust::pem_file(Path::new(&certificate))?;

    let config = |name| CallConfig::new(&relay, "example", name).trust(trust.clone());
    let alice = Call::connect(config("alice"))?;
    let bob = Call::connect(config("bob"))?;

    for (call, name, peer) in [(&alice, "alice", "bob"), (&bob, "bob", "alice")] {
        tokio::spawn(print_events(name, call.events()));
        tokio::spawn(talk(call.publish(Track::audio(TRACK))?));
        tokio::spawn(listen(name, call.subscribe(peer, Track::audio(TRACK))?));
    }

    tokio::time::sleep(CONVERSATION).await;
    for (name, call) in [("alice", alice), ("bob", bob)] {
        let summary = call.close().await;
        let received: u64 =
            summary.stats.subscribed.iter().map(|track| track.counters.delivered).sum();
        println!("{name}: {:?}, {received} frames received", summary.outcome);
    }
    Ok(())
}

/// Sends a frame every 20 ms until the call ends. All capture times come from one running clock.
async fn talk(track: PublishedTrack) {
    let clock = Instant::now();
    let mut ticks = tokio::time::interval(FRAME);
    loop {
        ticks.tick().await;
        let captured_at = clock.elapsed().as_micros() as u64; // in µs
        let encoded = Bytes::from_static(b"20 ms of encoded audio");
        if track.send(Frame::new(captured_at, encoded)).is_err() {
            return;
        }
    }
}

/// Receives the peer's frames through every recovery, and prints one line a second.
async fn listen(name: &str, mut track: SubscribedTrack) {
    let mut received = 0_u64;
    while let Some(frame) = track.next().await {
        received += 1;
        if let Some(gap) = frame.gap {
            println!("{name}: {} frames are missing ({:?})", gap.frames, gap.reason);
        }
        if received.is_multiple_of(50) {
            println!("{name}: {received} frames received");
        }
    }
}

/// Prints what happens to a call until it ends.
async fn print_events(name: &str, mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::StateChanged { to, .. } => println!("{name}: the call is {to}"),
            Event::IncidentStarted { cause, .. } => println!("{name}: lost the relay: {cause}"),
            Event::Recovered { duration, attempts, .. } => {
                println!("{name}: recovered after {duration:.1?} and {attempts} attempts");
            }
            Event::ParticipantJoined { participant, .. } => {
                println!("{name}: {participant} is here")
            }
            // An application picks the events that it needs.
            _ => {}
        }
    }
}
