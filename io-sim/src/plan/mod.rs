//! Fault plans: what happens in a run, as data that a seed generates or a person writes.

mod fault;
mod fault_target;
mod file;
mod generate;
mod outage;

use serde::{Deserialize, Serialize};

pub use fault::{Fault, FaultKind, Side};
pub(crate) use fault_target::FaultTarget;
pub use file::PlanError;

/// The plan of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// The version of the file format: 1.
    pub version: u32,
    /// The seed of all randomness in the run.
    pub seed: u64,
    /// The participants and relays.
    pub topology: Topology,
    /// The faults.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// The participants and relays of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// The number of participants. Each publishes a lossless and a live track, and subscribes to
    /// those of all others.
    pub participants: u64,
    /// The number of relays.
    pub relays: u64,
    /// The one-way latency of each participant, in milliseconds.
    pub latency_ms: Vec<u64>,
    /// The length of a frame, in milliseconds.
    pub frame_ms: u64,
    /// How long every participant sends frames, in milliseconds.
    pub speech_ms: u64,
    /// Whether every participant has a video track, too.
    #[serde(default)]
    pub video: bool,
    /// The length of a frame of the lossless track, in bytes; by default 40, as of coded speech.
    #[serde(default = "Topology::speech_bytes")]
    pub lossless_bytes: u64,
    /// How long the lossless track retains its frames for FETCH, in milliseconds; by default
    /// 20,000.
    #[serde(default = "Topology::history_ms")]
    pub history_ms: u64,
}

impl Topology {
    /// The length of a frame of coded speech: 16 kbit/s for 20 ms.
    pub const SPEECH_BYTES: u64 = 40;

    /// The default length of a history.
    pub const HISTORY_MS: u64 = 20_000;

    fn speech_bytes() -> u64 {
        Self::SPEECH_BYTES
    }

    fn history_ms() -> u64 {
        Self::HISTORY_MS
    }
}

impl FaultPlan {
    /// The version of the file format.
    pub const VERSION: u32 = 1;

    /// When the last temporary fault ends, in milliseconds from the start.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().filter(|fault| !fault.is_lasting()).map(Fault::end_ms);
        ends.max().unwrap_or(0)
    }

    /// The longest round trip of any participant to a relay at any time, in milliseconds, without
    /// retransmissions.
    pub fn longest_round_trip_ms(&self) -> u64 {
        let by_ms = |fault: &Fault, who: u64| match fault.kind {
            FaultKind::Latency { participant, by_ms } if participant == who => by_ms,
            _ => 0,
        };
        // The sum of the latencies peaks when one of them begins.
        let one_way = |who: u64, at: u64| -> u64 {
            let now =
                self.faults.iter().filter(|fault| (fault.at_ms..fault.end_ms()).contains(&at));
            now.map(|fault| by_ms(fault, who)).sum()
        };
        let times = || self.faults.iter().map(|fault| fault.at_ms);
        let longest = (0..)
            .zip(&self.topology.latency_ms)
            .map(|(who, latency)| latency + times().map(|at| one_way(who, at)).max().unwrap_or(0));
        longest.max().unwrap_or(0) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_trip_counts_overlapping_latency_faults() {
        let mut plan = FaultPlan::generate(1);
        plan.topology.latency_ms = vec![10, 70];
        let longer = |participant, at_ms, for_ms, by_ms| {
            let kind = FaultKind::Latency { participant, by_ms };
            Fault { at_ms, for_ms, kind }
        };
        plan.faults.clear();
        assert_eq!(plan.longest_round_trip_ms(), 140);
        // Two faults add up only while both last.
        plan.faults = vec![longer(0, 1_000, 500, 100), longer(0, 1_499, 500, 30)];
        assert_eq!(plan.longest_round_trip_ms(), 280);
        plan.faults[1].at_ms = 1_500;
        assert_eq!(plan.longest_round_trip_ms(), 220);
    }
}
