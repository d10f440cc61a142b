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
//! and [`RetryPolicy`] are what it is told beforehand; [`CallError`] and [`Summary`] are what is left.

#![no_std]
// A new variant of an enum is looked at wherever one is decided by.
#![deny(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod api;
pub mod config;
mod connect;
mod context;
mod participants;
mod publish;
mod quality_monitor;
mod session;
mod subscribe;
mod supervisor;

pub use api::deadline::{Deadline, WakeReason};
pub use api::event::Event;
pub use api::input::Input;
pub use api::output::Output;
pub use api::state_name::StateName;
pub use api::time::Timestamp;
pub use api::{credential, error, id, media, pre_call, quality, stats};
pub use config::Config;
pub use supervisor::Supervisor;
