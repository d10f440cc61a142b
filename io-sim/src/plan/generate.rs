//! The plan of a seed.

use super::concerns::Concerns;
use super::fault::{FOREVER_MS, Fault, FaultKind, Side};
use super::{FaultPlan, Topology};
use crate::chance::{Chance, Stream};

/// Draws a fault of a family.
type Family = fn(&Topology, &mut Chance) -> FaultKind;

/// What a seed may draw from.
const FAMILIES: [Family; 16] = [
    |topology, chance| FaultKind::Partition {
        participant: topology.someone(chance),
        side: chance.one_of(&[Side::Up, Side::Down, Side::Both, Side::Both]),
    },
    |topology, chance| FaultKind::Latency {
        participant: topology.someone(chance),
        by_ms: chance.between(10, 400),
    },
    |topology, chance| FaultKind::Loss {
        participant: topology.someone(chance),
        one_in: chance.between(3, 50),
    },
    |topology, chance| FaultKind::Duplication {
        participant: topology.someone(chance),
        one_in: chance.between(1, 20),
    },
    |topology, chance| FaultKind::Reordering {
        participant: topology.someone(chance),
        one_in: chance.between(2, 20),
        by_ms: chance.between(1, 100),
    },
    |topology, chance| FaultKind::Corruption {
        participant: topology.someone(chance),
        one_in: chance.between(3, 50),
    },
    |topology, chance| FaultKind::Bandwidth {
        participant: topology.someone(chance),
        kbits: chance.between(64, 1_000),
    },
    |topology, chance| FaultKind::SmallPackets {
        participant: topology.someone(chance),
        bytes: chance.between(600, 1_300),
    },
    |topology, chance| FaultKind::Rebinding { participant: topology.someone(chance) },
    |topology, chance| FaultKind::NetworkChange {
        participant: topology.someone(chance),
        announced: !chance.one_in(4),
    },
    |topology, chance| FaultKind::Suspend { participant: topology.someone(chance) },
    |topology, chance| FaultKind::Restart { participant: topology.someone(chance) },
    |topology, chance| FaultKind::ClockJump {
        participant: topology.someone(chance),
        by_ms: chance.one_of(&[-3_600_000, -5_000, 5_000, 3_600_000]),
    },
    |topology, chance| FaultKind::RelayCrash { relay: topology.some_relay(chance) },
    |topology, chance| FaultKind::SlowRelay { relay: topology.some_relay(chance) },
    |topology, chance| FaultKind::RefusingRelay { relay: topology.some_relay(chance) },
];

/// What may stay to the end: a call can live with it, or must end.
const LASTING: [Family; 7] = [
    |topology, chance| FaultKind::Latency {
        participant: topology.someone(chance),
        by_ms: chance.between(10, 150),
    },
    |topology, chance| FaultKind::Loss {
        participant: topology.someone(chance),
        one_in: topology.bearable(chance),
    },
    |topology, chance| FaultKind::Duplication {
        participant: topology.someone(chance),
        one_in: chance.between(2, 20),
    },
    // What overtakes others passes for a loss, too.
    |topology, chance| FaultKind::Reordering {
        participant: topology.someone(chance),
        one_in: if topology.video { topology.bearable(chance) } else { chance.between(5, 50) },
        by_ms: chance.between(1, 30),
    },
    |topology, chance| FaultKind::Corruption {
        participant: topology.someone(chance),
        one_in: topology.bearable(chance),
    },
    // The only one is as good as a partition of everybody.
    |topology, chance| FaultKind::RelayCrash { relay: topology.some_relay(chance) },
    |topology, chance| FaultKind::Partition {
        participant: topology.someone(chance),
        side: chance.one_of(&[Side::Up, Side::Down, Side::Both]),
    },
];

/// What people and their devices do in the middle of a call.
const ACTS: [Family; 5] = [
    |topology, chance| FaultKind::HangUp { participant: topology.someone(chance) },
    |topology, chance| FaultKind::StopListening { participant: topology.someone(chance) },
    |topology, chance| FaultKind::Present { participant: topology.someone(chance) },
    |topology, chance| FaultKind::DeviceError { participant: topology.someone(chance) },
    |topology, chance| FaultKind::SafetyAlert { participant: topology.someone(chance) },
];

impl Topology {
    fn someone(&self, chance: &mut Chance) -> u64 {
        chance.between(0, self.participants - 1)
    }

    /// Some calls have more people in them, and more places to meet.
    fn crowd(&mut self, chance: &mut Chance) {
        if chance.one_in(16) {
            self.participants = chance.between(4, 5);
            self.relays = chance.between(1, 3);
            self.latency_ms.resize_with(self.participants as usize, || chance.between(5, 80));
            self.frame_ms = 100;
        }
    }

    /// Something befalls everybody at the same moment, or every relay.
    fn share(&self, faults: &mut Vec<Fault>, chance: &mut Chance) {
        let shared = chance.one_of(faults);
        if shared.is_lasting() {
            return;
        }
        let all = match shared.kind.concerns() {
            Concerns::Participant(_) => self.participants,
            Concerns::Relay(_) => self.relays,
        };
        for another in 0..all {
            let mut fault = shared;
            if *fault.kind.bearer() != another {
                *fault.kind.bearer() = another;
                faults.push(fault);
            }
        }
    }

    fn some_relay(&self, chance: &mut Chance) -> u64 {
        chance.between(0, self.relays - 1)
    }

    /// One in how many packets may be lost for good. What a path carries falls with the root of it: video
    /// needs more, and a publisher does not drop yet what it cannot send.
    fn bearable(&self, chance: &mut Chance) -> u64 {
        if self.video { chance.between(200, 400) } else { chance.between(20, 100) }
    }
}

/// One plan in so many keeps its frames when it is thinned.
const DENSE: u64 = 64;
/// So many frames are one in the others.
const THINNED: u64 = 10;

impl FaultPlan {
    /// The same for the model of the network, whose runs are spent on frames while what they are for are
    /// decisions: in all plans but a few, frames last longer.
    #[must_use]
    pub fn thinned(mut self) -> Self {
        if !self.seed.is_multiple_of(DENSE) {
            self.topology.frame_ms *= THINNED;
        }
        self
    }

    /// The plan of a seed. Each seed leaves out whole families of faults, so that the others come in
    /// greater numbers (swarm testing, Groce et al., ISSTA 2012).
    pub fn generate(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Stream::Topology);
        let participants = if chance.one_in(4) { 3 } else { 2 };
        let relays = if chance.one_in(4) { 2 } else { 1 };
        let mut topology = Topology {
            participants,
            relays,
            latency_ms: (0..participants).map(|_| chance.between(5, 80)).collect(),
            frame_ms: chance.one_of(&[20, 40, 60, 100]),
            speech_ms: 40_000,
            video: chance.one_in(4),
            lossless_bytes: Topology::SPEECH_BYTES,
            history_ms: Topology::HISTORY_MS,
        };
        // 300 kbit/s of video at most.
        if topology.video {
            topology.frame_ms = topology.frame_ms.max(40);
        }
        // Some speech as it is recorded: 16 bits, 16,000 times a second, for 20 ms.
        if !topology.video && chance.one_in(4) {
            topology.lossless_bytes = 640;
        }
        topology.crowd(&mut Chance::new(seed, Stream::Crowd));
        let mut chance = Chance::new(seed, Stream::Faults);
        let families: Vec<_> = FAMILIES.into_iter().filter(|_| chance.one_in(2)).collect();
        let mut faults: Vec<Fault> = Vec::new();
        if !families.is_empty() {
            for _ in 0..chance.between(0, 8) {
                let family = chance.one_of(&families);
                let kind = family(&topology, &mut chance);
                let near = chance.one_in(3).then(|| faults.last().copied()).flatten();
                let at_ms = match near {
                    // What is hardest is what comes while something else begins or ends.
                    Some(other) => {
                        let edge = chance.one_of(&[other.at_ms, other.end_ms()]);
                        (edge + chance.between(0, 1_000)).saturating_sub(500)
                    }
                    None => chance.between(0, 20_000),
                };
                let for_ms = match chance.between(0, 15) {
                    0 => chance.between(10_000, 16_000),
                    1..=4 => chance.between(3_000, 10_000),
                    _ => chance.between(50, 3_000),
                };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        if chance.one_in(4) {
            let kind = chance.one_of(&LASTING)(&topology, &mut chance);
            let at_ms = chance.between(0, 20_000);
            faults.push(Fault { at_ms, for_ms: FOREVER_MS - at_ms, kind });
        }
        // Some people are impatient, half of the time because something has just begun.
        let mut chance = Chance::new(seed, Stream::Requests);
        if chance.one_in(4) {
            for _ in 0..chance.between(1, 3) {
                let near = !faults.is_empty() && chance.one_in(2);
                let least = if near { chance.one_of(&faults).at_ms } else { 0 };
                let most = if near { least + 2_000 } else { 30_000 };
                let at_ms = chance.between(least, most);
                let kind = FaultKind::Reconnect { participant: topology.someone(&mut chance) };
                faults.push(Fault { at_ms, for_ms: 0, kind });
            }
        }
        // Some relays want to see a token. What matters is who has none when it has to dial.
        let mut chance = Chance::new(seed, Stream::Tokens);
        if chance.one_in(8) {
            let near = !faults.is_empty() && !chance.one_in(4);
            let around =
                if near { chance.one_of(&faults).at_ms } else { chance.between(0, 20_000) };
            for participant in 0..topology.participants {
                if chance.one_in(3) {
                    continue;
                }
                let at_ms = (around + chance.between(0, 2_000)).saturating_sub(1_000);
                let for_ms = chance.one_of(&[0, 0, 500, 2_000, 6_000]);
                let kind = FaultKind::ExpiredToken { participant };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        // Some relays are not known before somebody says which there are. What matters is when a call begins.
        let mut chance = Chance::new(seed, Stream::Directory);
        if chance.one_in(8) {
            for participant in 0..topology.participants {
                let begins = |fault: &&Fault| {
                    matches!(fault.kind, FaultKind::Restart { .. })
                        && fault.kind.participant() == Some(participant)
                };
                let again = faults.iter().find(begins).filter(|_| chance.one_in(2));
                let at_ms = again.map_or(0, Fault::end_ms);
                let for_ms = chance.one_of(&[0, 500, 1_500, 2_500, 6_000]);
                let kind = FaultKind::SilentDirectory { participant };
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        // And some do other things, mostly while something is amiss.
        let mut chance = Chance::new(seed, Stream::Acts);
        if chance.one_in(4) {
            for _ in 0..chance.between(1, 3) {
                let near = !faults.is_empty() && !chance.one_in(4);
                let around =
                    if near { chance.one_of(&faults).at_ms } else { chance.between(0, 25_000) };
                let at_ms = (around + chance.between(0, 4_000)).saturating_sub(1_000);
                let for_ms = chance.one_of(&[100, 1_000, 4_000]) * chance.between(1, 3) / 2;
                let kind = chance.one_of(&ACTS)(&topology, &mut chance);
                faults.push(Fault { at_ms, for_ms, kind });
            }
        }
        let mut chance = Chance::new(seed, Stream::Together);
        if !faults.is_empty() && chance.one_in(8) {
            topology.share(&mut faults, &mut chance);
        }
        faults.sort_by_key(|fault| fault.at_ms);
        Self { version: Self::VERSION, seed, topology, faults }
    }
}
