//! Connections between participants and relays.

use holdline_core::id::SessionId;

/// The identifier of a connection between a participant and a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId(pub(super) usize);

#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) who: usize,
    pub(super) session: SessionId,
    pub(super) relay: usize,
    /// The incarnation of the relay at the other end.
    pub(super) relay_incarnation: u64,
    /// When the relay stops accepting the presented token, in microseconds from the start.
    pub(super) admits_until: u64,
    /// Whether the participant still holds the connection.
    pub(super) open: bool,
    /// Whether the relay still holds the connection.
    pub(super) known_to_relay: bool,
    /// The participant's packet counters, and when the probes in flight return.
    pub(super) received: u64,
    pub(super) acknowledged: u64,
    pub(super) probes: Vec<u64>,
    /// For each direction, the last arrival time of each stream that still has data in flight.
    pub(super) streams: [Vec<(u64, u64)>; 2],
    pub(super) timeouts_scheduled: bool,
}

impl Conn {
    /// The participant and the relay between which the connection's path runs.
    pub(super) fn path(&self) -> (usize, usize) {
        (self.who, self.relay)
    }
}
