//! A real MoQ relay in this process, for development and tests: `moq-relay-ietf` as a library; and a
//! network in front of it that breaks when it is told to.
//!
//! Kept apart from the library that applications embed, because a relay pulls in much that a call
//! does not need.

mod certificate;
mod coordinator;
mod forwarder;
mod guard;
mod relay;

pub use certificate::{Certificate, CertificateFiles};
pub use forwarder::{Conditions, Forwarder, Way};
pub use guard::Guard;
pub use relay::Relay;
