//! A real relay on loopback, and calls through it.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use holdline_dev_relay::{Certificate, CertificateFiles, Forwarder, Relay};
use holdline_quinn::{
    Call, CallConfig, Event, Events, Frame, PublishedTrack, SubscribedTrack, Trust,
};

/// Long enough for any step on a busy machine; nothing measures it.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Site {
    pub folder: tempfile::TempDir,
    pub files: CertificateFiles,
    pub address: SocketAddr,
    pub relay: Option<Relay>,
}

impl Site {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files =
            Certificate::generate().and_then(|c| c.save(folder.path())).expect("a certificate");
        let relay = Relay::start(([127, 0, 0, 1], 0).into(), &files).expect("a relay");
        Self { folder, files, address: relay.address(), relay: Some(relay) }
    }

    pub fn url(&self) -> String {
        format!("moqt://{}", self.address)
    }

    pub fn trust(&self) -> Trust {
        Trust::pem_file(&self.files.certificate).expect("the relay's certificate")
    }

    pub fn config(&self, participant: &str) -> CallConfig {
        CallConfig::new(self.url(), "room", participant).trust(self.trust())
    }

    /// A network of the participant's own, on the way to the relay.
    pub async fn forwarder(&self) -> Forwarder {
        Forwarder::start(self.address).await.expect("a port")
    }

    pub fn config_through(&self, forwarder: &Forwarder, participant: &str) -> CallConfig {
        let url = format!("moqt://{}", forwarder.address());
        CallConfig::new(url, "room", participant).trust(self.trust())
    }

    pub fn join(&self, participant: &str) -> Call {
        Call::connect(self.config(participant)).expect("a call")
    }

    /// Stops the relay without a word, as a crash would.
    pub fn crash(&mut self) {
        self.relay = None;
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.relay = Some(Relay::start(self.address, &self.files).expect("the same port"));
    }
}

/// Sends a numbered frame every 20 ms until the call ends or this is dropped.
pub struct Speaker(tokio::task::JoinHandle<()>);

impl Speaker {
    pub fn start(track: PublishedTrack) -> Self {
        Self(tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            for number in 0_u64.. {
                tick.tick().await;
                if track.send(numbered(number)).is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub fn numbered(number: u64) -> Frame {
    Frame::new(number * 20_000, Bytes::copy_from_slice(&number.to_be_bytes()))
}

/// The number of the next frame.
pub async fn hear(track: &mut SubscribedTrack) -> u64 {
    let frame = tokio::time::timeout(PATIENCE, track.next())
        .await
        .expect("a frame in time")
        .expect("a frame");
    let number = u64::from_be_bytes(frame.payload[..].try_into().expect("eight bytes"));
    assert_eq!(frame.captured_at, number * 20_000, "the publisher's timestamp");
    number
}

/// Waits for an event that `pick` wants.
pub async fn wait_for<T>(events: &mut Events, pick: impl Fn(&Event) -> Option<T>) -> T {
    let wait = async {
        while let Some(event) = events.next().await {
            if let Some(found) = pick(&event) {
                return found;
            }
        }
        panic!("the call ended without it");
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time")
}
