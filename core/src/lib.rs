//! The state machine of a call that survives its network.
//!
//! Holdline continues a live call over MoQ (Media over QUIC, draft-ietf-moq-transport-18) while the
//! network breaks under it. This crate makes every decision of such a call, without a clock,
//! socket, thread or ambient randomness. Applications embed `holdline-quinn`, whose driver feeds
//! this state machine. Use this crate directly to write another driver, or to simulate calls.
//!
//! # The drive loop
//!
//! A [`Supervisor`] is one call. Its driver repeats three steps:
//!
//! 1. Report what happened, and when, with [`Supervisor::handle`].
//! 2. Carry out each output of [`Supervisor::poll_output`] until there is none.
//! 3. Wait for the next input. If [`Supervisor::deadline`] is reached first, the next input is
//!    [`Input::Tick`].
//!
//! ```
//! use holdline_core::config::{Config, ConfigError};
//! use holdline_core::{Input, Output, Supervisor, Timestamp};
//!
//! let config = Config::new("moqt://relay.example", "room", "alice");
//! let mut call = Supervisor::new(config, 42, Timestamp::ZERO)?;
//! let mut next = Some((Timestamp::ZERO, Input::Connect));
//! while let Some((now, input)) = next.take() {
//!     call.handle(now, input);
//!     while let Some(output) = call.poll_output() {
//!         if let Output::Dial { session, relay, .. } = output {
//!             println!("{session}: dial {relay}");
//!         }
//!     }
//!     println!("wake me at {:?}", call.deadline());
//!     // A driver waits here, and sets `next` to the next input or to a tick at the deadline.
//! }
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! # Inputs, outputs and events
//!
//! An [`Input`] is one thing that happened: a command of the application, a report of the driver,
//! or the passing of time. An [`Output`] is one thing for the driver to do: dial a relay, send an
//! object, deliver a frame. An [`Event`] is news for the application, and arrives as
//! [`Output::Event`]. All three are plain data that serde can read and write, so a call can be
//! recorded and fed back.
//!
//! # The contract
//!
//! - `handle` never fails and never panics. An input that is impossible in the present state
//!   changes nothing.
//! - The core mints the identifiers of module [`id`], except [`id::TrackId`], and the driver
//!   returns them in its inputs. An outdated identifier changes nothing.
//! - The same configuration, seed and inputs always give the same outputs.
//! - Deadlines that are due take effect before the input. The next deadline is always later than
//!   the last `now`. Time never runs back: an earlier `now` counts as the latest one.
//! - Everything that a call holds is bounded: by its configuration, by the retention of its tracks,
//!   or by a constant.
//! - A call ends with exactly one [`Event::Ended`], and no output follows it.
//!
//! # The modules
//!
//! | module | what it has |
//! |---|---|
//! | [`config`] | what a call is configured with: [`Config`] and the retry policies |
//! | [`media`] | tracks, frames, how they are delivered and retained, gaps |
//! | [`id`] | the identifiers that inputs and outputs carry |
//! | [`credential`] | tokens for relays, which never appear in a log |
//! | [`error`] | causes, error codes for users and machines, the error that ended a call |
//! | [`quality`] | measurements, and the ratings that result from them |
//! | [`stats`] | counters, the call record, and the summary of a call |
//! | [`pre_call`] | the report of a pre-call test |
//!
//! Pages name requirements by number (R12). The numbers are those of `docs/REQUIREMENTS.md`; the
//! words are those of `docs/GLOSSARY.md`.

#![no_std]
// A new variant of an enum must be a compile error wherever a decision depends on the enum.
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
