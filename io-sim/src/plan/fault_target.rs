//! The target of a fault: one participant or one relay.

/// The target of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultTarget {
    Participant(u64),
    Relay(u64),
}
