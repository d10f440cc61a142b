//! A real relay on loopback, and calls through it.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use holdline_dev_relay::{Certificate, CertificateFiles, Forwarder, Relay, ReservedPort};
use holdline_quinn::{
    Call, CallConfig, Event, Events, Frame, PublishedTrack, SubscribedTrack, Trust,
};

/// The timeout of any step of a test. No test measures it, so it is long enough for a busy machine.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Site {
    pub folder: tempfile::TempDir,
    pub files: CertificateFiles,
    pub address: SocketAddr,
    pub relay: Option<Relay>,
    _port: ReservedPort,
}

impl Site {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files =
            Certificate::generate().and_then(|c| c.save(folder.path())).expect("a certificate");
        let port = ReservedPort::reserve().expect("a port");
        let relay = Relay::start(port.address(), &files).expect("the relay starts");
        Self { folder, files, address: relay.address(), relay: Some(relay), _port: port }
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

    /// A network between one participant and the relay.
    pub async fn forwarder(&self) -> Forwarder {
        Forwarder::start(self.address).await.expect("a free port")
    }

    pub fn config_through(&self, forwarder: &Forwarder, participant: &str) -> CallConfig {
        let url = format!("moqt://{}", forwarder.address());
        CallConfig::new(url, "room", participant).trust(self.trust())
    }

    pub fn join(&self, participant: &str) -> Call {
        Call::connect(self.config(participant)).expect("a valid configuration")
    }

    /// Stops the relay without closing its sessions, as a crash would.
    pub fn crash(&mut self) {
        self.relay = None;
    }

    /// Starts the relay again on the same port.
    pub fn restart(&mut self) {
        self.relay = Some(
            Relay::start(self.address, &self.files).expect("the relay starts on the same port"),
        );
    }
}

/// Sends a numbered frame every 20 ms until the call ends or this is dropped.
pub struct FrameSender(tokio::task::JoinHandle<()>);

impl FrameSender {
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

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub fn numbered(number: u64) -> Frame {
    Frame::new(number * 20_000, Bytes::copy_from_slice(&number.to_be_bytes()))
}

/// Receives the next frame and returns its number.
pub async fn receive(track: &mut SubscribedTrack) -> u64 {
    let frame = tokio::time::timeout(STEP_TIMEOUT, track.next())
        .await
        .expect("a frame before the timeout")
        .expect("a frame");
    let number = u64::from_be_bytes(frame.payload[..].try_into().expect("eight bytes"));
    assert_eq!(frame.captured_at, number * 20_000, "the publisher's timestamp");
    number
}

/// Waits for the first event for which `pick` returns a value.
pub async fn wait_for<T>(events: &mut Events, pick: impl Fn(&Event) -> Option<T>) -> T {
    let wait = async {
        while let Some(event) = events.next().await {
            if let Some(found) = pick(&event) {
                return found;
            }
        }
        panic!("the call ended without the event");
    };
    tokio::time::timeout(STEP_TIMEOUT, wait).await.expect("before the timeout")
}
