//! The decisions of a call that survives its network.
//!
//! Holdline keeps a live call over MoQ (Media over QUIC) going while the network breaks under it.
//! This crate is its heart: a deterministic state machine without clock, socket, thread or ambient
//! randomness. What happened goes in as an [`Input`]; what to do comes out as [`Output`]s; the same
//! inputs always give the same outputs.
//!
//! # The drive loop
//!
//! ```
//! use holdline_core::{Config, Input, Output, Supervisor, Timestamp};
//!
//! let config = Config::new("moqt://relay.example", "room", "alice");
//! let mut call = Supervisor::new(config, 42, Timestamp::ZERO)?;
//! let mut input = Some((Timestamp::ZERO, Input::Connect)); // then: whatever comes first of an input
//! while let Some((now, next)) = input.take() {
//!     call.handle(now, next);
//!     while let Some(output) = call.poll_output() {
//!         if let Output::Dial { session, relay, .. } = output { println!("{session}: dial {relay}") }
//!     }
//!     println!("wake me at {:?}", call.deadline()); // and Input::Tick at the deadline
//! }
//! # Ok::<(), holdline_core::ConfigError>(())
//! ```
//!
//! # Where to find what
//!
//! [`Supervisor`] is the machine; [`Input`], [`Output`] and [`Event`] are its language; [`Config`]
//! and [`Policy`] are what it is told beforehand; [`CallError`] and [`Summary`] are what is left.

#![no_std]
// A new variant of an enum is looked at wherever one is decided by.
#![deny(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod backoff;
mod campaign;
mod canary;
mod config;
mod credentials;
mod delivery;
mod desk;
mod dial;
mod directory;
mod error;
mod event;
mod followed;
mod gap;
mod histogram;
mod history;
mod id;
mod input;
#[cfg(debug_assertions)]
mod invariants;
mod lateness;
mod liveness;
mod media;
mod migration;
mod outbox;
mod output;
mod policy;
mod pre_call;
mod presence;
mod published;
mod pulse;
mod quality;
mod readiness;
mod reception;
mod record;
mod renewal;
mod repair;
mod replay;
mod search;
mod secret;
mod session;
mod stand_in;
mod state;
mod subscribed;
mod summary;
mod supervisor;
mod time;
mod window;

#[doc(hidden)]
pub use canary::Canary;
pub use config::{Config, ConfigError, validate_name};
pub use credentials::{Credential, Token};
pub use delivery::{Delivery, Retention};
pub use directory::{DirectoryConfig, RememberedRelays};
pub use error::{Action, CallError, Cause, CauseKind, ErrorCode, Severity};
pub use event::Event;
pub use gap::{Gap, GapReason};
pub use histogram::Histogram;
pub use id::{
    FetchId, IncidentId, PublicationId, RequestId, SessionId, SubscriptionId, TrackId, WatchId,
};
pub use input::Input;
pub use media::{Frame, FrameNumber, Location, MediaKind, Object, Track};
pub use output::Output;
pub use policy::{Growth, Policy};
pub use pre_call::{HostReport, PreCallConfig, PreCallReport};
pub use quality::{Measurement, Quality, QualityOf, Rating};
pub use record::{CallRecord, CallStatus, ParticipantRecord, SafetyAlert};
pub use repair::FetchEnd;
pub use secret::Secret;
pub use state::StateName;
pub use summary::{
    Evicted, Outcome, PublishedCounters, PublishedTrackStats, Stats, SubscribedCounters,
    SubscribedTrackStats, Summary, Telemetry,
};
pub use supervisor::{Deadline, Reason, Supervisor};
pub use time::Timestamp;
