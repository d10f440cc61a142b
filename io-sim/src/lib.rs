//! Calls in a simulated network.
//!
//! A [`FaultPlan`] is data: the participants, and the faults that hit them. [`stack::run`] plays a
//! plan with the production driver, real QUIC and the real relay on a simulated network.
//! [`model::run`] plays it with the bare state machines on a model of the network. Both return a
//! [`RunLog`] of what the participants saw.

mod conditions;
mod digest;
mod error;
pub mod model;
mod plan;
mod rng;
mod run_log;
mod script;
pub mod stack;

pub use error::RunError;
pub use plan::{Fault, FaultKind, FaultPlan, PlanError, Side, Topology};
pub use run_log::{CallLog, DeliveredFrame, ParticipantLog, RunLog, SentFrame, TrackLog};
