//! What a call does, requirement by requirement (see docs/testing/requirements.md). All files are
//! one crate, because it is built often.

mod common;
mod continuity;
mod cost;
mod credential_renewal;
mod credentials;
mod directory;
mod errors;
mod glare;
mod herd;
mod homing;
mod matrix;
mod policies;
mod pre_call;
mod presence;
mod quality;
mod random;
mod readiness;
mod recovery;
mod rendezvous;
mod replacement;
mod retry_budget;
mod rules;
mod steady;
mod suspicion;
mod telemetry;
mod tracks;
