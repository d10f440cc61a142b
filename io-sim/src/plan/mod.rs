//! What happens in a run: data, that a seed generates and a person can write.

mod fault;
mod fault_target;
mod file;
mod generate;

use serde::{Deserialize, Serialize};

pub use fault::{Fault, FaultKind, Side};
pub(crate) use fault_target::FaultTarget;
pub use file::PlanError;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// The version of this format: 1.
    pub version: u32,
    /// What all chance in the run comes from.
    pub seed: u64,
    /// Who takes part.
    pub topology: Topology,
    /// What breaks.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// Who takes part, and through what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// How many participants: each speaks on a lossless and on a live track, and listens to all others.
    pub participants: u64,
    /// How many relays.
    pub relays: u64,
    /// How long a packet takes one way, in milliseconds, for each participant.
    pub latency_ms: Vec<u64>,
    /// How long a frame lasts, in milliseconds.
    pub frame_ms: u64,
    /// How long everybody speaks, in milliseconds.
    pub speech_ms: u64,
    /// Whether everybody has a video track, too.
    #[serde(default)]
    pub video: bool,
    /// How long a frame of the lossless track is, in bytes: 40, as speech is coded, if nothing else is said.
    #[serde(default = "Topology::speech_bytes")]
    pub lossless_bytes: u64,
    /// For how long everybody remembers what it said on it, in milliseconds: 20,000 if nothing else is said.
    #[serde(default = "Topology::history_ms")]
    pub history_ms: u64,
}

impl Topology {
    /// A frame of coded speech: 16 kbit/s for 20 ms.
    pub const SPEECH_BYTES: u64 = 40;

    /// As long as histories are if an application says nothing else.
    pub const HISTORY_MS: u64 = 20_000;

    fn speech_bytes() -> u64 {
        Self::SPEECH_BYTES
    }

    fn history_ms() -> u64 {
        Self::HISTORY_MS
    }
}

impl FaultPlan {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// When everything works again that will, in milliseconds from the start.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().filter(|fault| !fault.is_lasting()).map(Fault::end_ms);
        ends.max().unwrap_or(0)
    }

    /// For how long faults of relays, and of these participants, may keep their calls from going on, in milliseconds,
    /// taken together.
    pub fn outage_ms(&self, whose: &[usize]) -> u64 {
        let target = |fault: &&Fault| {
            fault.kind.participant().is_none_or(|who| whose.contains(&(who as usize)))
        };
        let outages =
            self.faults.iter().filter(|fault| fault.blocks_calls() && !fault.is_lasting());
        outages.filter(target).map(|fault| fault.for_ms).sum()
    }

    /// The longest that anybody's round trip to a relay ever takes, in milliseconds, if nothing is lost.
    pub fn longest_round_trip_ms(&self) -> u64 {
        let by_ms = |fault: &Fault, who: u64| match fault.kind {
            FaultKind::Latency { participant, by_ms } if participant == who => by_ms,
            _ => 0,
        };
        // It is longest when one of those that add up has just begun.
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

    /// Since when a participant reaches nobody any more, in milliseconds from the start: it is cut off for good, or
    /// every relay has crashed for good.
    pub fn cut_off_since(&self, who: u64) -> Option<u64> {
        let since = |is_it: &dyn Fn(&FaultKind) -> bool| {
            let lasting =
                self.faults.iter().filter(|fault| fault.is_lasting() && is_it(&fault.kind));
            lasting.map(|fault| fault.at_ms).min()
        };
        let cut_off = since(
            &|kind| matches!(kind, FaultKind::Partition { participant, .. } if *participant == who),
        );
        let crashed = |relay: u64| since(&|kind| *kind == FaultKind::RelayCrash { relay });
        let deserted: Option<Vec<u64>> = (0..self.topology.relays).map(crashed).collect();
        let deserted = deserted.and_then(|since| since.into_iter().max());
        cut_off.into_iter().chain(deserted).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_trip_is_that_of_whoever_has_the_longest_way_at_any_time() {
        let mut plan = FaultPlan::generate(1);
        plan.topology.latency_ms = vec![10, 70];
        let longer = |participant, at_ms, for_ms, by_ms| {
            let kind = FaultKind::Latency { participant, by_ms };
            Fault { at_ms, for_ms, kind }
        };
        plan.faults.clear();
        assert_eq!(plan.longest_round_trip_ms(), 140);
        // They add up while both last, and not after.
        plan.faults = vec![longer(0, 1_000, 500, 100), longer(0, 1_499, 500, 30)];
        assert_eq!(plan.longest_round_trip_ms(), 280);
        plan.faults[1].at_ms = 1_500;
        assert_eq!(plan.longest_round_trip_ms(), 220);
    }
}
