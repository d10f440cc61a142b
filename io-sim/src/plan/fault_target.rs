//! Whom a fault befalls: one participant, or one relay.

/// Whom a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultTarget {
    Participant(u64),
    Relay(u64),
}
