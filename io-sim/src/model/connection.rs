//! A connection between a participant and a relay.

use holdline_core::SessionId;

/// A connection between a participant and a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId(pub(super) usize);

#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) who: usize,
    pub(super) session: SessionId,
    pub(super) relay: usize,
    /// Which life of the relay it is with.
    pub(super) relay_incarnation: u64,
    /// Until when its relay accepts what it was shown, in microseconds from the start.
    pub(super) admits_until: u64,
    /// Whether the participant still holds it.
    pub(super) open: bool,
    /// Whether the relay does.
    pub(super) known_to_relay: bool,
    /// What the participant's counters say, and when the probes that are under way will have come back.
    pub(super) received: u64,
    pub(super) acknowledged: u64,
    pub(super) probes: Vec<u64>,
    /// When the last of each stream arrives, each way, as far as that is still to come.
    pub(super) streams: [Vec<(u64, u64)>; 2],
    pub(super) timeouts_scheduled: bool,
}
