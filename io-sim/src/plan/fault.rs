//! A fault: its kind, its begin and its length.

use serde::{Deserialize, Serialize};

use super::fault_target::FaultTarget;

/// A fault that lasts for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The begin, in milliseconds from the start of the run.
    pub at_ms: u64,
    /// The length, in milliseconds.
    pub for_ms: u64,
    /// The kind.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// The direction in which packets are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// From the participant to the relays.
    Up,
    /// From the relays to the participant.
    Down,
    /// Both directions.
    Both,
}

/// A fault that ends here or later, in milliseconds from the start, is permanent.
pub(super) const FOREVER_MS: u64 = 600_000;

impl Fault {
    pub(crate) fn end_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.for_ms)
    }

    /// Whether a call may fail to continue or to recover while the fault is active.
    pub(super) fn blocks_calls(&self) -> bool {
        match self.kind {
            FaultKind::Partition { .. }
            | FaultKind::PathPartition { .. }
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

    /// Whether the fault is temporary and stops all packets, or all new frames.
    pub fn interrupts(&self) -> bool {
        let interrupts = matches!(
            self.kind,
            FaultKind::Partition { .. }
                | FaultKind::PathPartition { .. }
                | FaultKind::NetworkChange { .. }
                | FaultKind::Suspend { .. }
                | FaultKind::RelayCrash { .. }
        );
        interrupts && !self.is_lasting()
    }

    /// Whether the fault lasts to the end of the run. The effects of momentary faults persist
    /// anyway.
    pub fn is_lasting(&self) -> bool {
        self.end_ms() >= FOREVER_MS
    }
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum FaultKind {
    /// A participant's packets are lost.
    Partition {
        /// The participant.
        participant: u64,
        /// The direction.
        side: Side,
    },
    /// A participant's packets to and from one relay are lost; its paths to the others still work.
    PathPartition {
        /// The participant.
        participant: u64,
        /// The relay.
        relay: u64,
        /// The direction.
        side: Side,
    },
    /// A participant's packets take longer.
    Latency {
        /// The participant.
        participant: u64,
        /// The added one-way latency, in milliseconds.
        by_ms: u64,
    },
    /// One in so many of a participant's packets is lost.
    Loss {
        /// The participant.
        participant: u64,
        /// One packet in how many.
        one_in: u64,
    },
    /// One in so many of a participant's packets arrives twice.
    Duplication {
        /// The participant.
        participant: u64,
        /// One packet in how many.
        one_in: u64,
    },
    /// One in so many of a participant's packets arrives after later ones.
    Reordering {
        /// The participant.
        participant: u64,
        /// One packet in how many.
        one_in: u64,
        /// The added delay, in milliseconds.
        by_ms: u64,
    },
    /// One in so many of a participant's packets arrives with a flipped bit.
    Corruption {
        /// The participant.
        participant: u64,
        /// One packet in how many.
        one_in: u64,
    },
    /// A participant's link has limited bandwidth in each direction, and queues at most a quarter
    /// of a second of data.
    Bandwidth {
        /// The participant.
        participant: u64,
        /// The bandwidth, in kilobits a second.
        kbits: u64,
    },
    /// A participant's longer packets are lost. A QUIC handshake needs packets of 1,200 bytes.
    SmallPackets {
        /// The participant.
        participant: u64,
        /// The longest packet that passes, in bytes of UDP payload.
        bytes: u64,
    },
    /// A participant's NAT drops its port mappings and assigns new ones. This happens at once.
    Rebinding {
        /// The participant.
        participant: u64,
    },
    /// A participant's host changes its network and its address; all packets are lost meanwhile.
    NetworkChange {
        /// The participant.
        participant: u64,
        /// Whether the host reports the change when it ends.
        announced: bool,
    },
    /// A participant's process is suspended, and continues as if no time had passed.
    Suspend {
        /// The participant.
        participant: u64,
    },
    /// A participant's process is killed, and a new one starts at the end of the fault.
    Restart {
        /// The participant.
        participant: u64,
    },
    /// A participant's wall clock is set, and keeps the error.
    ClockJump {
        /// The participant.
        participant: u64,
        /// The change, in milliseconds.
        by_ms: i64,
    },
    /// A participant's token expires, and the issuer has no other one while the fault lasts.
    ///
    /// With such a fault in the plan, relays require a token of every call, and accept no request
    /// once it has expired.
    ExpiredToken {
        /// The participant.
        participant: u64,
    },
    /// The relay directory answers a participant's query only when the fault ends.
    ///
    /// With such a fault in the plan, every participant queries the directory when a call starts.
    /// The directory lists the relays in another order than the configuration.
    SilentDirectory {
        /// The participant.
        participant: u64,
    },
    /// A user asks the call to reconnect now. This happens at once.
    Reconnect {
        /// The participant.
        participant: u64,
    },
    /// A user hangs up, and calls again when the fault ends.
    HangUp {
        /// The participant.
        participant: u64,
    },
    /// A user unsubscribes from every track, and subscribes again when the fault ends.
    StopListening {
        /// The participant.
        participant: u64,
    },
    /// A user publishes one more track, which has no subscriber, and finishes it when the fault
    /// ends. This happens at most once in a call.
    Present {
        /// The participant.
        participant: u64,
    },
    /// The application reports an error of its microphone. This happens at once.
    DeviceError {
        /// The participant.
        participant: u64,
    },
    /// The application raises a safety alert. This happens at once.
    SafetyAlert {
        /// The participant.
        participant: u64,
    },
    /// A relay crashes, and restarts without its state.
    RelayCrash {
        /// The relay.
        relay: u64,
    },
    /// A relay answers no requests; it still forwards media.
    SlowRelay {
        /// The relay.
        relay: u64,
    },
    /// A relay refuses new namespaces.
    RefusingRelay {
        /// The relay.
        relay: u64,
    },
}

impl FaultKind {
    /// The name of the fault's family, as in a plan.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::PathPartition { .. } => "path_partition",
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

    /// The index of the participant or relay that the fault hits; of a path, its participant.
    pub(super) fn target_index(&mut self) -> &mut u64 {
        match self {
            Self::Partition { participant: target_index, .. }
            | Self::PathPartition { participant: target_index, .. }
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

    /// The participant that the fault hits, at all or on one path; `None` if it hits a relay.
    pub fn participant(&self) -> Option<u64> {
        match self.target() {
            FaultTarget::Participant(participant) | FaultTarget::Path { participant, .. } => {
                Some(participant)
            }
            FaultTarget::Relay(_) => None,
        }
    }

    pub(crate) fn target(&self) -> FaultTarget {
        match *self {
            Self::PathPartition { participant, relay, .. } => {
                FaultTarget::Path { participant, relay }
            }
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
