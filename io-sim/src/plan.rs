//! What happens in a run: data, that a seed generates and a person can write.

use serde::{Deserialize, Serialize};

use crate::chance::{Chance, Stream};

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
}

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
    /// A relay crashes, and comes back with nothing in its memory.
    RelayCrash {
        /// Which.
        relay: u64,
    },
    /// A participant's packets take longer.
    Latency {
        /// Whose.
        participant: u64,
        /// By how much, in milliseconds.
        by_ms: u64,
    },
    /// One in so many of a participant's packets is lost, and sent again a round trip later.
    Loss {
        /// Whose.
        participant: u64,
        /// One in how many.
        one_in: u64,
    },
    /// A relay does not answer requests; it goes on carrying media.
    SlowRelay {
        /// Which.
        relay: u64,
    },
    /// The host's network changes: nothing comes through for so long, and the host says so at its end.
    NetworkChange {
        /// Whose.
        participant: u64,
    },
    /// A participant's process is suspended, and goes on as if nothing had happened.
    Suspend {
        /// Whose.
        participant: u64,
    },
}

/// A plan that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is not a plan.
    #[error("not a fault plan: {0}")]
    Unreadable(String),
    /// It is of another version.
    #[error("a fault plan of version {0}; this reads version 1")]
    Version(u32),
    /// Something in it cannot be.
    #[error("{0}")]
    Impossible(String),
}

impl FaultPlan {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// The plan of a seed. Each seed leaves out whole families of faults, so that the others come in
    /// greater numbers (swarm testing, Groce et al., ISSTA 2012).
    pub fn generate(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Stream::Topology);
        let participants = if chance.one_in(4) { 3 } else { 2 };
        let relays = if chance.one_in(4) { 2 } else { 1 };
        let topology = Topology {
            participants,
            relays,
            latency_ms: (0..participants).map(|_| chance.between(1, 80)).collect(),
            frame_ms: [20, 40, 60, 100][usize::try_from(chance.between(0, 3)).unwrap_or(0)],
            speech_ms: 40_000,
        };
        let mut chance = Chance::new(seed, Stream::Faults);
        let families: Vec<u64> = (0..7).filter(|_| chance.one_in(2)).collect();
        let mut faults = Vec::new();
        if !families.is_empty() {
            for _ in 0..chance.between(0, 6) {
                let index = chance.between(0, families.len() as u64 - 1);
                let family = families[usize::try_from(index).unwrap_or(0)];
                faults.push(Self::fault(family, &topology, &mut chance));
            }
        }
        faults.sort_by_key(|fault| fault.at_ms);
        Self { version: Self::VERSION, seed, topology, faults }
    }

    fn fault(family: u64, topology: &Topology, chance: &mut Chance) -> Fault {
        let participant = chance.between(0, topology.participants - 1);
        let relay = chance.between(0, topology.relays - 1);
        let long = chance.one_in(4);
        let kind = match family {
            0 => {
                let side = match chance.between(0, 3) {
                    0 => Side::Up,
                    1 => Side::Down,
                    _ => Side::Both,
                };
                FaultKind::Partition { participant, side }
            }
            1 => FaultKind::RelayCrash { relay },
            2 => FaultKind::Latency { participant, by_ms: chance.between(10, 400) },
            3 => FaultKind::Loss { participant, one_in: chance.between(3, 50) },
            4 => FaultKind::SlowRelay { relay },
            5 => FaultKind::NetworkChange { participant },
            _ => FaultKind::Suspend { participant },
        };
        let at_ms = chance.between(0, 20_000);
        let for_ms = if long { chance.between(3_000, 10_000) } else { chance.between(50, 3_000) };
        Fault { at_ms, for_ms, kind }
    }

    /// When everything works again, in milliseconds from the start.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().map(|fault| fault.at_ms.saturating_add(fault.for_ms));
        ends.max().unwrap_or(0)
    }

    /// Reads a plan, and refuses one that cannot be played.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let plan: Self =
            toml::from_str(text).map_err(|error| PlanError::Unreadable(error.to_string()))?;
        plan.validate().map(|()| plan)
    }

    /// Writes it.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        toml::to_string(self).map_err(|error| PlanError::Unreadable(error.to_string()))
    }

    /// Refuses what cannot be played.
    pub fn validate(&self) -> Result<(), PlanError> {
        let Topology { participants, relays, latency_ms, frame_ms, speech_ms } = &self.topology;
        let ensure = |ok: bool, problem: &str| {
            if ok { Ok(()) } else { Err(PlanError::Impossible(problem.into())) }
        };
        if self.version != Self::VERSION {
            return Err(PlanError::Version(self.version));
        }
        ensure((2..=8).contains(participants), "topology.participants must be between 2 and 8")?;
        ensure((1..=4).contains(relays), "topology.relays must be between 1 and 4")?;
        ensure(
            latency_ms.len() as u64 == *participants,
            "topology.latency_ms must have one value for each participant",
        )?;
        ensure(
            latency_ms.iter().all(|ms| *ms <= 5_000),
            "topology.latency_ms: at most 5,000 each",
        )?;
        ensure((5..=1_000).contains(frame_ms), "topology.frame_ms must be between 5 and 1,000")?;
        ensure(*speech_ms <= 600_000, "topology.speech_ms must be at most 600,000")?;
        for fault in &self.faults {
            let known = match fault.kind {
                FaultKind::Partition { participant, .. }
                | FaultKind::Latency { participant, .. }
                | FaultKind::Loss { participant, .. }
                | FaultKind::NetworkChange { participant }
                | FaultKind::Suspend { participant } => participant < *participants,
                FaultKind::RelayCrash { relay } | FaultKind::SlowRelay { relay } => relay < *relays,
            };
            ensure(known, "a fault of a participant or relay that there is not")?;
            let end = fault.at_ms.checked_add(fault.for_ms);
            ensure(end.is_some_and(|end| end <= 600_000), "a fault must end within 600 s")?;
            let one_in = !matches!(fault.kind, FaultKind::Loss { one_in: 0 | 1, .. });
            ensure(one_in, "a loss must be of one in at least 2")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generated_plan_can_be_played_and_comes_back_from_its_file() {
        for seed in 0..2_000 {
            let plan = FaultPlan::generate(seed);
            plan.validate().expect("can be played");
            assert_eq!(FaultPlan::from_toml(&plan.to_toml().expect("written")), Ok(plan.clone()));
            assert_eq!(plan, FaultPlan::generate(seed));
        }
    }

    #[test]
    fn what_cannot_be_played_is_refused_in_words() {
        let refused = |change: fn(&mut FaultPlan)| {
            let mut plan = FaultPlan::generate(1);
            change(&mut plan);
            plan.validate().expect_err("refused").to_string()
        };
        assert!(refused(|plan| plan.version = 2).contains("version 2"));
        assert!(refused(|plan| plan.topology.participants = 1).contains("participants"));
        assert!(refused(|plan| plan.topology.latency_ms.clear()).contains("latency_ms"));
        assert!(refused(|plan| plan.topology.frame_ms = 0).contains("frame_ms"));
        let crash =
            |relay, for_ms| Fault { at_ms: 1, for_ms, kind: FaultKind::RelayCrash { relay } };
        let mut plan = FaultPlan::generate(1);
        plan.faults = vec![crash(9, 1)];
        assert!(plan.validate().is_err());
        plan.faults = vec![crash(0, u64::MAX)];
        assert!(plan.validate().is_err());
        assert!(matches!(FaultPlan::from_toml("seed = 1"), Err(PlanError::Unreadable(_))));
        let text = FaultPlan { faults: vec![crash(0, 1)], ..FaultPlan::generate(1) };
        let text = text.to_toml().expect("written");
        assert!(FaultPlan::from_toml(&text).is_ok());
        for (word, other) in [("relay_crash", "relay_crush"), ("relay = 0", "relais = 0")] {
            let spoilt = FaultPlan::from_toml(&text.replace(word, other));
            assert!(matches!(spoilt, Err(PlanError::Unreadable(_))), "{spoilt:?}");
        }
    }
}
