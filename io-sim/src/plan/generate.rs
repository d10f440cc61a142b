//! Generated plans: the plan of a seed.

use super::fault::{FOREVER_MS, Fault, FaultKind, Side};
use super::fault_target::FaultTarget;
use super::{FaultPlan, Topology};
use crate::rng::{RngStream, SimRng};

/// Draws a fault of one family.
type Family = fn(&Topology, &mut SimRng) -> FaultKind;

/// The families of temporary faults.
const FAMILIES: [Family; 16] = [
    |topology, rng| FaultKind::Partition {
        participant: topology.any_participant(rng),
        side: rng.one_of(&[Side::Up, Side::Down, Side::Both, Side::Both]),
    },
    |topology, rng| FaultKind::Latency {
        participant: topology.any_participant(rng),
        by_ms: rng.between(10, 400),
    },
    |topology, rng| FaultKind::Loss {
        participant: topology.any_participant(rng),
        one_in: rng.between(3, 50),
    },
    |topology, rng| FaultKind::Duplication {
        participant: topology.any_participant(rng),
        one_in: rng.between(1, 20),
    },
    |topology, rng| FaultKind::Reordering {
        participant: topology.any_participant(rng),
        one_in: rng.between(2, 20),
        by_ms: rng.between(1, 100),
    },
    |topology, rng| FaultKind::Corruption {
        participant: topology.any_participant(rng),
        one_in: rng.between(3, 50),
    },
    |topology, rng| FaultKind::Bandwidth {
        participant: topology.any_participant(rng),
        kbits: rng.between(64, 1_000),
    },
    |topology, rng| FaultKind::SmallPackets {
        participant: topology.any_participant(rng),
        bytes: rng.between(600, 1_300),
    },
    |topology, rng| FaultKind::Rebinding { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::NetworkChange {
        participant: topology.any_participant(rng),
        announced: !rng.one_in(4),
    },
    |topology, rng| FaultKind::Suspend { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::Restart { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::ClockJump {
        participant: topology.any_participant(rng),
        by_ms: rng.one_of(&[-3_600_000, -5_000, 5_000, 3_600_000]),
    },
    |topology, rng| FaultKind::RelayCrash { relay: topology.any_relay(rng) },
    |topology, rng| FaultKind::SlowRelay { relay: topology.any_relay(rng) },
    |topology, rng| FaultKind::RefusingRelay { relay: topology.any_relay(rng) },
];

/// The families of permanent faults. A call continues despite them, or must end.
const LASTING: [Family; 7] = [
    |topology, rng| FaultKind::Latency {
        participant: topology.any_participant(rng),
        by_ms: rng.between(10, 150),
    },
    |topology, rng| FaultKind::Loss {
        participant: topology.any_participant(rng),
        one_in: topology.bearable_loss(rng),
    },
    |topology, rng| FaultKind::Duplication {
        participant: topology.any_participant(rng),
        one_in: rng.between(2, 20),
    },
    // The transport takes overtaken packets for lost ones, too.
    |topology, rng| FaultKind::Reordering {
        participant: topology.any_participant(rng),
        one_in: if topology.video { topology.bearable_loss(rng) } else { rng.between(5, 50) },
        by_ms: rng.between(1, 30),
    },
    |topology, rng| FaultKind::Corruption {
        participant: topology.any_participant(rng),
        one_in: topology.bearable_loss(rng),
    },
    // A crash of the only relay cuts off every participant.
    |topology, rng| FaultKind::RelayCrash { relay: topology.any_relay(rng) },
    |topology, rng| FaultKind::Partition {
        participant: topology.any_participant(rng),
        side: rng.one_of(&[Side::Up, Side::Down, Side::Both]),
    },
];

/// Actions of users and their devices during a call.
const APP_ACTIONS: [Family; 5] = [
    |topology, rng| FaultKind::HangUp { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::StopListening { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::Present { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::DeviceError { participant: topology.any_participant(rng) },
    |topology, rng| FaultKind::SafetyAlert { participant: topology.any_participant(rng) },
];

impl Topology {
    fn any_participant(&self, rng: &mut SimRng) -> u64 {
        rng.between(0, self.participants - 1)
    }

    /// Makes some calls larger, with more relays.
    fn enlarge(&mut self, rng: &mut SimRng) {
        if rng.one_in(16) {
            self.participants = rng.between(4, 5);
            self.relays = rng.between(1, 3);
            self.latency_ms.resize_with(self.participants as usize, || rng.between(5, 80));
            self.frame_ms = 100;
        }
    }

    /// Repeats one fault for every participant, or every relay, at the same moment.
    fn spread(&self, faults: &mut Vec<Fault>, rng: &mut SimRng) {
        let shared = rng.one_of(faults);
        if shared.is_lasting() {
            return;
        }
        let all = match shared.kind.target() {
            FaultTarget::Participant(_) | FaultTarget::Path { .. } => self.participants,
            FaultTarget::Relay(_) => self.relays,
        };
        for another in 0..all {
            let mut fault = shared;
            if *fault.kind.target_index() != another {
                *fault.kind.target_index() = another;
                faults.push(fault);
            }
        }
    }

    /// Cuts some participants from one of several relays, sometimes for good, and sometimes all
    /// participants from the same one. A third of the faults are near another fault.
    fn path_faults(&self, others: &[Fault], rng: &mut SimRng) -> Vec<Fault> {
        let mut faults = Vec::new();
        for _ in 0..rng.between(1, 2) {
            let kind = FaultKind::PathPartition {
                participant: self.any_participant(rng),
                relay: self.any_relay(rng),
                side: rng.one_of(&[Side::Up, Side::Down, Side::Both, Side::Both]),
            };
            let around = if !others.is_empty() && rng.one_in(3) {
                let other = rng.one_of(others);
                rng.one_of(&[other.at_ms, other.end_ms().min(other.at_ms + 20_000)])
            } else {
                rng.between(0, 20_000)
            };
            let at_ms = (around + rng.between(0, 1_000)).saturating_sub(500);
            let for_ms = match rng.between(0, 7) {
                0..=1 => rng.between(10_000, 20_000),
                2..=4 => rng.between(3_000, 10_000),
                _ => rng.between(50, 3_000),
            };
            faults.push(Fault { at_ms, for_ms, kind });
        }
        // At most one never heals, so a relay remains that every participant reaches which is not
        // cut off.
        if rng.one_in(4) {
            let at_ms = rng.between(0, 20_000);
            faults[0] = Fault { at_ms, for_ms: FOREVER_MS - at_ms, ..faults[0] };
        }
        if rng.one_in(8) {
            self.spread(&mut faults, rng);
        }
        faults
    }

    fn any_relay(&self, rng: &mut SimRng) -> u64 {
        rng.between(0, self.relays - 1)
    }

    /// One packet in how many may be lost permanently. Throughput falls with the square root of the
    /// loss rate; video needs more of it, and a publisher does not yet drop what it cannot send.
    fn bearable_loss(&self, rng: &mut SimRng) -> u64 {
        if self.video { rng.between(200, 400) } else { rng.between(20, 100) }
    }
}

/// One thinned plan in so many keeps its frame rate.
const FULL_RATE_EVERY: u64 = 64;
/// How much longer frames are in the other thinned plans.
const SPARSE_FACTOR: u64 = 10;

impl FaultPlan {
    /// The plan for the model of the network: all but a few plans have longer frames. The model
    /// exists to test decisions, and would spend its time on frames.
    #[must_use]
    pub fn thinned(mut self) -> Self {
        if !self.seed.is_multiple_of(FULL_RATE_EVERY) {
            self.topology.frame_ms *= SPARSE_FACTOR;
        }
        self
    }

    /// Generates the plan of a seed. Each seed leaves out whole families of faults, so that more
    /// faults of the others come together (swarm testing, Groce et al., ISSTA 2012).
    pub fn generate(seed: u64) -> Self {
        let mut rng = SimRng::new(seed, RngStream::Topology);
        let participants = if rng.one_in(4) { 3 } else { 2 };
        let relays = if rng.one_in(4) { 2 } else { 1 };
        let mut topology = Topology {
            participants,
            relays,
            latency_ms: (0..participants).map(|_| rng.between(5, 80)).collect(),
            frame_ms: rng.one_of(&[20, 40, 60, 100]),
            speech_ms: 40_000,
            video: rng.one_in(4),
            lossless_bytes: Topology::SPEECH_BYTES,
            history_ms: Topology::HISTORY_MS,
        };
        // Video sends at most 300 kbit/s.
        if topology.video {
            topology.frame_ms = topology.frame_ms.max(40);
        }
        // Some lossless tracks carry speech as recorded: 16 bits at 16 kHz, in frames of 20 ms.
        if !topology.video && rng.one_in(4) {
            topology.lossless_bytes = 640;
        }
        topology.enlarge(&mut SimRng::new(seed, RngStream::Crowd));
        let mut rng = SimRng::new(seed, RngStream::Faults);
        let families: Vec<_> = FAMILIES.into_iter().filter(|_| rng.one_in(2)).collect();
        let mut faults: Vec<Fault> = Vec::new();
        if !families.is_empty() {
            for _ in 0..rng.between(0, 8) {
                let family = rng.one_of(&families);
                let kind = family(&topology, &mut rng);
                let near = rng.one_in(3).then(|| faults.last().copied()).flatten();
                let at_ms = match near {
                    // Faults near the begin or end of another fault are the hardest.
                    Some(other) => {
                        let edge = rng.one_of(&[other.at_ms, other.end_ms()]);
                        (edge + rng.between(0, 1_000)).saturating_sub(500)
                    }
                    None => rng.between(0, 20_000),
                };
                let for_ms = match rng.between(0, 15) {
                    0 => rng.between(10_000, 16_000),
                    1..=4 => rng.between(3_000, 10_000),
                    _ => rng.between(50, 3_000),
                };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        if rng.one_in(4) {
            let kind = rng.one_of(&LASTING)(&topology, &mut rng);
            let at_ms = rng.between(0, 20_000);
            faults.push(Fault { at_ms, for_ms: FOREVER_MS - at_ms, kind });
        }
        // Some users are impatient, half of them because a fault has just begun.
        let mut rng = SimRng::new(seed, RngStream::Requests);
        if rng.one_in(4) {
            for _ in 0..rng.between(1, 3) {
                let near = !faults.is_empty() && rng.one_in(2);
                let least = if near { rng.one_of(&faults).at_ms } else { 0 };
                let most = if near { least + 2_000 } else { 30_000 };
                let at_ms = rng.between(least, most);
                let kind = FaultKind::Reconnect { participant: topology.any_participant(&mut rng) };
                faults.push(Fault { at_ms, for_ms: 0, kind });
            }
        }
        // Some relays require tokens. The hard case is a participant without a token when it must
        // dial.
        let mut rng = SimRng::new(seed, RngStream::Tokens);
        if rng.one_in(8) {
            let near = !faults.is_empty() && !rng.one_in(4);
            let around = if near { rng.one_of(&faults).at_ms } else { rng.between(0, 20_000) };
            for participant in 0..topology.participants {
                if rng.one_in(3) {
                    continue;
                }
                let at_ms = (around + rng.between(0, 2_000)).saturating_sub(1_000);
                let for_ms = rng.one_of(&[0, 0, 500, 2_000, 6_000]);
                let kind = FaultKind::ExpiredToken { participant };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        // Some calls query a directory for relays. The hard case is the start of a call.
        let mut rng = SimRng::new(seed, RngStream::Directory);
        if rng.one_in(8) {
            for participant in 0..topology.participants {
                let begins = |fault: &&Fault| {
                    matches!(fault.kind, FaultKind::Restart { .. })
                        && fault.kind.participant() == Some(participant)
                };
                let again = faults.iter().find(begins).filter(|_| rng.one_in(2));
                let at_ms = again.map_or(0, Fault::end_ms);
                let for_ms = rng.one_of(&[0, 500, 1_500, 2_500, 6_000]);
                let kind = FaultKind::SilentDirectory { participant };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        // Some users do other things, mostly near a fault.
        let mut rng = SimRng::new(seed, RngStream::AppActions);
        if rng.one_in(4) {
            for _ in 0..rng.between(1, 3) {
                let near = !faults.is_empty() && !rng.one_in(4);
                let around = if near { rng.one_of(&faults).at_ms } else { rng.between(0, 25_000) };
                let at_ms = (around + rng.between(0, 4_000)).saturating_sub(1_000);
                let for_ms = rng.one_of(&[100, 1_000, 4_000]) * rng.between(1, 3) / 2;
                let kind = rng.one_of(&APP_ACTIONS)(&topology, &mut rng);
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        let mut rng = SimRng::new(seed, RngStream::Together);
        if !faults.is_empty() && rng.one_in(8) {
            topology.spread(&mut faults, &mut rng);
        }
        // These come last and from a stream of their own, so every other fault is as it was.
        let mut rng = SimRng::new(seed, RngStream::PathFaults);
        if topology.relays > 1 && rng.one_in(2) {
            faults.extend(topology.path_faults(&faults, &mut rng));
        }
        faults.sort_by_key(|fault| fault.at_ms);
        Self { version: Self::VERSION, seed, topology, faults }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At most one path is lost for good: with two, participants could be without a common relay.
    #[test]
    fn paths_are_lost_only_among_several_relays() {
        let mut plans_with = 0;
        for seed in 0..2_000 {
            let plan = FaultPlan::generate(seed);
            let is_lost = |f: &&Fault| matches!(f.kind, FaultKind::PathPartition { .. });
            let lost: Vec<&Fault> = plan.faults.iter().filter(is_lost).collect();
            plans_with += u64::from(!lost.is_empty());
            assert!(lost.is_empty() || plan.topology.relays > 1, "seed {seed}");
            assert!(lost.iter().filter(|f| f.is_lasting()).count() <= 1, "seed {seed}");
            assert!(plan.has_common_relay(), "seed {seed}");
        }
        assert!((200..400).contains(&plans_with), "{plans_with} plans");
    }
}
