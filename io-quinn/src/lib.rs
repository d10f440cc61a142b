//! Calls over MoQ (Media over QUIC) that survive their network.
//!
//! Holdline keeps a call alive while relays restart and paths break: it detects the loss,
//! reconnects, publishes and subscribes again, and the application's handles stay valid. Every
//! decision is taken by [`holdline_core`], a state machine without IO; this crate carries the
//! decisions out over `quinn` and `moq-transport`.
//!
//! # Embedding
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//!
//! use bytes::Bytes;
//! use futures::StreamExt as _;
//! use holdline_quinn::{Call, CallConfig, Frame, Track, Trust};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let trust = Trust::pem_file("relay.pem".as_ref())?; // or Trust::host(), the default
//!     let config = CallConfig::new("moqt://127.0.0.1:4443", "room", "alice").trust(trust);
//!     let call = Call::connect(config)?;
//!
//!     // Prints what happens to the call: attempts, incidents, recoveries, the end.
//!     let mut events = call.events();
//!     tokio::spawn(async move {
//!         while let Some(event) = events.next().await {
//!             println!("{event:?}");
//!         }
//!     });
//!
//!     // Sends a frame every 20 ms. All capture times come from one running clock.
//!     let microphone = call.publish(Track::audio("microphone"))?;
//!     tokio::spawn(async move {
//!         let clock = Instant::now();
//!         let mut ticks = tokio::time::interval(Duration::from_millis(20));
//!         loop {
//!             ticks.tick().await;
//!             let captured_at = clock.elapsed().as_micros() as u64; // in µs
//!             let encoded = Bytes::from_static(b"20 ms of encoded audio");
//!             if microphone.send(Frame::new(captured_at, encoded)).is_err() {
//!                 break; // the call has ended
//!             }
//!         }
//!     });
//!
//!     // Receives Bob's frames, through every recovery, until Bob finishes his track.
//!     let mut bob = call.subscribe("bob", Track::audio("microphone"))?;
//!     while let Some(frame) = bob.next().await {
//!         println!("{} bytes, captured at {} µs", frame.payload.len(), frame.captured_at);
//!     }
//!     println!("{:?}", call.close().await.outcome);
//!     Ok(())
//! }
//! ```
//!
//! The folder `examples` of this crate has whole programs: a conversation of two participants,
//! a recorder, and a network of the application's own.
//!
//! # Where to start
//!
//! [`Call`] is the entry point. [`PublishedTrack`] and [`SubscribedTrack`] are its handles to
//! media, [`Event`] reports what happens, and [`CallConfig`] holds every setting. A [`Network`]
//! replaces the host's network, and a [`journal`] records a call for a replay.

mod call;
mod call_config;
mod driver;
pub mod journal;
mod network;
mod providers;
mod received_frame;
mod relay_url;
mod session;
mod tracks;
mod trust;

pub use call::{Call, Events};
pub use call_config::{CallConfig, ConnectError};
pub use holdline_core::media::{Frame, Track};
pub use holdline_core::{Event, StateName, Timestamp};
#[doc(inline)]
pub use holdline_core::{config, credential, error, id, media, pre_call, quality, stats};
pub use network::{HostNetwork, Network};
pub use providers::{CredentialProvider, NoCredential, RelayProvider, Unavailable};
pub use received_frame::{CallEnded, ReceivedFrame};
pub use relay_url::{RelayUrl, RelayUrlError};
pub use tracks::{PublishedTrack, SubscribedTrack};
pub use trust::{Trust, TrustError};

pub use {holdline_core, quinn};

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
