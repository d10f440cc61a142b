//! The target of a fault: a participant, a relay, or the path between one of each.

/// The target of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultTarget {
    Participant(u64),
    Relay(u64),
    Path { participant: u64, relay: u64 },
}
