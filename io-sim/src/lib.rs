//! Calls in a simulated network.
//!
//! A [`FaultPlan`] is data: who takes part, and what breaks when. [`model::run`] plays it over the
//! bare state machines on a model of the network, and returns a [`Record`] of what everybody saw.

mod chance;
pub mod model;
mod plan;
mod record;

pub use plan::{Fault, FaultKind, FaultPlan, PlanError, Side, Topology};
pub use record::{Heard, ParticipantRecord, Record, Said, TrackRecord};
