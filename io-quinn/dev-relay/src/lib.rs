//! A real MoQ relay in this process (`moq-relay-ietf` as a library), and a network in front of it
//! whose faults a test controls.
//!
//! This crate is apart from the library that applications embed, because a relay has many
//! dependencies that a call does not need.

mod certificate;
mod coordinator;
mod forwarder;
mod guard;
mod relay;
mod reserved_port;

pub use certificate::{Certificate, CertificateFiles};
pub use forwarder::{Conditions, Direction, Forwarder};
pub use guard::Guard;
pub use relay::Relay;
pub use reserved_port::ReservedPort;
