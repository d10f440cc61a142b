//! What can break, and for how long.

use serde::{Deserialize, Serialize};

use super::fault_target::FaultTarget;

/// Something that breaks for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// What.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// From the participant to the relays.
    Up,
    /// From the relays to the participant.
    Down,
    /// Either way.
    Both,
}

/// A fault that ends here, in milliseconds from the start, never does.
pub(super) const FOREVER_MS: u64 = 600_000;

impl Fault {
    pub(crate) fn end_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.for_ms)
    }

    /// Whether a call may not be able to go on, or to come back, while it is in force.
    pub(super) fn blocks_calls(&self) -> bool {
        match self.kind {
            FaultKind::Partition { .. }
            | FaultKind::NetworkChange { .. }
            | FaultKind::Suspend { .. }
            | FaultKind::Restart { .. }
            | FaultKind::RelayCrash { .. }
            | FaultKind::SlowRelay { .. }
            | FaultKind::RefusingRelay { .. }
            | FaultKind::SmallPackets { .. }
            | FaultKind::ExpiredToken { .. }
            | FaultKind::SilentDirectory { .. }
            | FaultKind::Bandwidth { .. } => true,
            FaultKind::Loss { one_in, .. } | FaultKind::Corruption { one_in, .. } => one_in < 10,
            FaultKind::Latency { .. }
            | FaultKind::Duplication { .. }
            | FaultKind::Reordering { .. }
            | FaultKind::Rebinding { .. }
            | FaultKind::ClockJump { .. }
            | FaultKind::Reconnect { .. }
            | FaultKind::HangUp { .. }
            | FaultKind::StopListening { .. }
            | FaultKind::Present { .. }
            | FaultKind::DeviceError { .. }
            | FaultKind::SafetyAlert { .. } => false,
        }
    }

    /// Whether it is one that nothing, or no new frame, comes through, and that passes.
    pub fn interrupts(&self) -> bool {
        let interrupts = matches!(
            self.kind,
            FaultKind::Partition { .. }
                | FaultKind::NetworkChange { .. }
                | FaultKind::Suspend { .. }
                | FaultKind::RelayCrash { .. }
        );
        interrupts && !self.is_lasting()
    }

    /// Whether it stays to the end of the run. What happens at once stays for good anyway.
    pub fn is_lasting(&self) -> bool {
        self.end_ms() >= FOREVER_MS
    }
}

/// What can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum FaultKind {
    /// A participant's packets do not come through.
    Partition {
        /// Whose.
        participant: u64,
        /// Which way.
        side: Side,
    },
    /// A participant's packets take longer.
    Latency {
        /// Whose.
        participant: u64,
        /// By how much, in milliseconds.
        by_ms: u64,
    },
    /// One in so many of a participant's packets is lost.
    Loss {
        /// Whose.
        participant: u64,
        /// One in how many.
        one_in: u64,
    },
    /// One in so many of a participant's packets arrives twice.
    Duplication {
        /// Whose.
        participant: u64,
        /// One in how many.
        one_in: u64,
    },
    /// One in so many of a participant's packets arrives behind later ones.
    Reordering {
        /// Whose.
        participant: u64,
        /// One in how many.
        one_in: u64,
        /// How much later, in milliseconds.
        by_ms: u64,
    },
    /// One in so many of a participant's packets arrives with a bit turned over.
    Corruption {
        /// Whose.
        participant: u64,
        /// One in how many.
        one_in: u64,
    },
    /// A participant's line carries no more than this each way, and queues what is more for a quarter of a
    /// second at most.
    Bandwidth {
        /// Whose.
        participant: u64,
        /// Thousands of bits a second.
        kbits: u64,
    },
    /// A participant's longer packets do not come through. QUIC needs 1,200 bytes to begin a connection.
    SmallPackets {
        /// Whose.
        participant: u64,
        /// The longest that do, in bytes of UDP payload.
        bytes: u64,
    },
    /// A participant's NAT forgets its ports and gives it others. It happens at once.
    Rebinding {
        /// Whose.
        participant: u64,
    },
    /// The host gets another address; nothing comes through meanwhile.
    NetworkChange {
        /// Whose.
        participant: u64,
        /// Whether the host says so at its end.
        announced: bool,
    },
    /// A participant's process is suspended, and goes on as if nothing had happened.
    Suspend {
        /// Whose.
        participant: u64,
    },
    /// A participant's process ends without a word, and a new one begins.
    Restart {
        /// Whose.
        participant: u64,
    },
    /// A participant's wall clock is set. It stays so.
    ClockJump {
        /// Whose.
        participant: u64,
        /// By how much, in milliseconds.
        by_ms: i64,
    },
    /// What a participant has shown relays to be let in expires, and whoever issues it has no other one for the while.
    /// In a plan with this, relays want to see a token from everybody, and agree to nothing new once it has expired.
    ExpiredToken {
        /// Whose.
        participant: u64,
    },
    /// Whoever knows which relays there are answers a participant only at its end. In a plan with this, everybody asks
    /// for relays when a call begins, and hears of them in another order than that of the last resort.
    SilentDirectory {
        /// Whom.
        participant: u64,
    },
    /// Somebody asks a participant's call to reconnect now. It happens at once.
    Reconnect {
        /// Whose.
        participant: u64,
    },
    /// Somebody hangs up, and calls again at its end.
    HangUp {
        /// Who.
        participant: u64,
    },
    /// Somebody leaves every track that they listen to, and listens again at its end.
    StopListening {
        /// Who.
        participant: u64,
    },
    /// Somebody publishes one more track, that nobody listens to, and finishes it at its end. Once in a call.
    Present {
        /// Who.
        participant: u64,
    },
    /// The application reports an error of its microphone. It happens at once.
    DeviceError {
        /// Whose.
        participant: u64,
    },
    /// The application raises a safety alert. It happens at once.
    SafetyAlert {
        /// Whose.
        participant: u64,
    },
    /// A relay crashes, and comes back with nothing in its memory.
    RelayCrash {
        /// Which.
        relay: u64,
    },
    /// A relay does not answer requests; it goes on carrying media.
    SlowRelay {
        /// Which.
        relay: u64,
    },
    /// A relay lets nobody publish anything new.
    RefusingRelay {
        /// Which.
        relay: u64,
    },
}

impl FaultKind {
    /// Its family's name, as it stands in a plan.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::Latency { .. } => "latency",
            Self::Loss { .. } => "loss",
            Self::Duplication { .. } => "duplication",
            Self::Reordering { .. } => "reordering",
            Self::Corruption { .. } => "corruption",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SmallPackets { .. } => "small_packets",
            Self::Rebinding { .. } => "rebinding",
            Self::NetworkChange { .. } => "network_change",
            Self::Suspend { .. } => "suspend",
            Self::Restart { .. } => "restart",
            Self::ClockJump { .. } => "clock_jump",
            Self::ExpiredToken { .. } => "expired_token",
            Self::SilentDirectory { .. } => "silent_directory",
            Self::Reconnect { .. } => "reconnect",
            Self::HangUp { .. } => "hang_up",
            Self::StopListening { .. } => "stop_listening",
            Self::Present { .. } => "present",
            Self::DeviceError { .. } => "device_error",
            Self::SafetyAlert { .. } => "safety_alert",
            Self::RelayCrash { .. } => "relay_crash",
            Self::SlowRelay { .. } => "slow_relay",
            Self::RefusingRelay { .. } => "refusing_relay",
        }
    }

    /// Which participant, or which relay, it befalls.
    pub(super) fn target_index(&mut self) -> &mut u64 {
        match self {
            Self::Partition { participant: target_index, .. }
            | Self::Latency { participant: target_index, .. }
            | Self::Loss { participant: target_index, .. }
            | Self::Duplication { participant: target_index, .. }
            | Self::Reordering { participant: target_index, .. }
            | Self::Corruption { participant: target_index, .. }
            | Self::Bandwidth { participant: target_index, .. }
            | Self::SmallPackets { participant: target_index, .. }
            | Self::Rebinding { participant: target_index }
            | Self::NetworkChange { participant: target_index, .. }
            | Self::Suspend { participant: target_index }
            | Self::Restart { participant: target_index }
            | Self::ClockJump { participant: target_index, .. }
            | Self::ExpiredToken { participant: target_index }
            | Self::SilentDirectory { participant: target_index }
            | Self::Reconnect { participant: target_index }
            | Self::HangUp { participant: target_index }
            | Self::StopListening { participant: target_index }
            | Self::Present { participant: target_index }
            | Self::DeviceError { participant: target_index }
            | Self::SafetyAlert { participant: target_index }
            | Self::RelayCrash { relay: target_index }
            | Self::SlowRelay { relay: target_index }
            | Self::RefusingRelay { relay: target_index } => target_index,
        }
    }

    /// Whom it befalls; `None` for a relay.
    pub fn participant(&self) -> Option<u64> {
        match self.target() {
            FaultTarget::Participant(who) => Some(who),
            FaultTarget::Relay(_) => None,
        }
    }

    pub(crate) fn target(&self) -> FaultTarget {
        match *self {
            Self::Partition { participant, .. }
            | Self::Latency { participant, .. }
            | Self::Loss { participant, .. }
            | Self::Duplication { participant, .. }
            | Self::Reordering { participant, .. }
            | Self::Corruption { participant, .. }
            | Self::Bandwidth { participant, .. }
            | Self::SmallPackets { participant, .. }
            | Self::Rebinding { participant }
            | Self::NetworkChange { participant, .. }
            | Self::Suspend { participant }
            | Self::Restart { participant }
            | Self::ClockJump { participant, .. }
            | Self::ExpiredToken { participant }
            | Self::SilentDirectory { participant }
            | Self::Reconnect { participant }
            | Self::HangUp { participant }
            | Self::StopListening { participant }
            | Self::Present { participant }
            | Self::DeviceError { participant }
            | Self::SafetyAlert { participant } => FaultTarget::Participant(participant),
            Self::RelayCrash { relay }
            | Self::SlowRelay { relay }
            | Self::RefusingRelay { relay } => FaultTarget::Relay(relay),
        }
    }
}
