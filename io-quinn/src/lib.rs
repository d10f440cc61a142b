//! Calls over MoQ (Media over QUIC) that survive their network.
//!
//! Holdline keeps a call going while relays restart and paths break: it notices, reconnects,
//! publishes and subscribes again, and your handles stay what they were. Every decision is taken
//! by [`holdline_core`], a state machine without IO; this crate carries them out over `quinn` and
//! `moq-transport`.
//!
//! # Embedding
//!
//! ```no_run
//! use bytes::Bytes;
//! use futures::StreamExt as _;
//! use holdline_quinn::{Call, CallConfig, Frame, Track, Trust};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trust = Trust::pem_file("relay.pem".as_ref())?; // or Trust::host(), the default
//! let call = Call::connect(CallConfig::new("moqt://127.0.0.1:4443", "room", "alice").trust(trust))?;
//!
//! let microphone = call.publish(Track::audio("microphone"))?;
//! let mut bob = call.subscribe("bob", Track::audio("microphone"))?;
//! let mut events = call.events();
//! tokio::spawn(async move {
//!     while let Some(event) = events.next().await {
//!         println!("{event:?}"); // lost, attempts, recovered, ended
//!     }
//! });
//!
//! microphone.send(Frame::new(0, Bytes::from_static(b"hello")))?;
//! while let Some(frame) = bob.next().await {
//!     println!("{} bytes captured at {} µs", frame.payload.len(), frame.captured_at);
//! }
//! println!("{:?}", call.close().await.outcome);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to find what
//!
//! [`Call`] is the way in; [`PublishedTrack`] and [`SubscribedTrack`] are its handles; [`Network`]
//! is the seam where another network than the host's plugs in.

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
pub use holdline_core::{
    Action, CallError, CallRecord, CallStatus, Cause, CauseKind, Config, ConfigError, Credential,
    Delivery, ErrorCode, Event, Frame, FrameNumber, Gap, GapReason, Histogram, HostReport,
    IncidentId, Location, Measurement, MediaKind, Outcome, ParticipantRecord, Policy,
    PreCallReport, Quality, QualityOf, Rating, Retention, SafetyAlert, Secret, StateName, Stats,
    Summary, Token, Track, TrackId, validate_name,
};
pub use network::{HostNetwork, Network};
pub use providers::{CredentialProvider, NoCredential, RelayProvider, Unavailable};
pub use received_frame::{CallEnded, ReceivedFrame};
pub use relay_url::{RelayUrl, RelayUrlError};
pub use tracks::{PublishedTrack, SubscribedTrack};
pub use trust::{Trust, TrustError};

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
