//! A real MoQ relay in this process, for development and tests: `moq-relay-ietf` as a library.
//!
//! Kept apart from the library that applications embed, because a relay pulls in much that a call
//! does not need.

mod certificate;
mod coordinator;
mod guard;
mod relay;

pub use certificate::{Certificate, CertificateFiles};
pub use guard::Guard;
pub use relay::Relay;
