//! What happens in a run: data, that a seed generates and a person can write.

mod generate;

use serde::{Deserialize, Serialize};

use crate::conditions::Concerns;

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
    pub(super) fn end_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.for_ms)
    }

    /// Whether a call may not be able to go on, or to come back, while it is in force.
    fn hinders(&self) -> bool {
        match self.kind {
            FaultKind::Partition { .. }
            | FaultKind::NetworkChange { .. }
            | FaultKind::Suspend { .. }
            | FaultKind::Restart { .. }
            | FaultKind::RelayCrash { .. }
            | FaultKind::SlowRelay { .. }
            | FaultKind::RefusingRelay { .. }
            | FaultKind::SmallPackets { .. }
            | FaultKind::Bandwidth { .. } => true,
            FaultKind::Loss { one_in, .. } | FaultKind::Corruption { one_in, .. } => one_in < 10,
            FaultKind::Latency { .. }
            | FaultKind::Duplication { .. }
            | FaultKind::Reordering { .. }
            | FaultKind::Rebinding { .. }
            | FaultKind::ClockJump { .. }
            | FaultKind::Reconnect { .. } => false,
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
    /// Somebody asks a participant's call to reconnect now. It happens at once.
    Reconnect {
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
            Self::Reconnect { .. } => "reconnect",
            Self::RelayCrash { .. } => "relay_crash",
            Self::SlowRelay { .. } => "slow_relay",
            Self::RefusingRelay { .. } => "refusing_relay",
        }
    }

    /// Whom it befalls; `None` for a relay.
    pub fn participant(&self) -> Option<u64> {
        match self.concerns() {
            Concerns::Participant(who) => Some(who),
            Concerns::Relay(_) => None,
        }
    }
}

/// What says how to read the rest.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
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

    /// When everything works again that will, in milliseconds from the start.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().filter(|fault| !fault.is_lasting()).map(Fault::end_ms);
        ends.max().unwrap_or(0)
    }

    /// For how long faults may keep a call from going on, in milliseconds, taken together.
    pub fn outage_ms(&self) -> u64 {
        let outages = self.faults.iter().filter(|fault| fault.hinders() && !fault.is_lasting());
        outages.map(|fault| fault.for_ms).sum()
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

    /// Who is never reached again, and since when, in milliseconds from the start.
    pub fn lost_for_good(&self) -> Option<(u64, u64)> {
        self.faults.iter().find_map(|fault| match fault.kind {
            FaultKind::Partition { participant, .. } if fault.is_lasting() => {
                Some((participant, fault.at_ms))
            }
            _ => None,
        })
    }

    /// Reads a plan, and refuses one that cannot be played.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let unreadable = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let line = before.lines().count().max(1);
            PlanError::Unreadable(format!("line {line}: {}", error.message().replace('\n', " ")))
        };
        let Versioned { version } = toml::from_str(text).map_err(unreadable)?;
        if version != Self::VERSION {
            return Err(PlanError::Version(version));
        }
        let plan: Self = toml::from_str(text).map_err(unreadable)?;
        plan.validate().map(|()| plan)
    }

    /// Writes it.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        toml::to_string(self).map_err(|error| PlanError::Unreadable(error.to_string()))
    }

    /// Refuses what cannot be played.
    pub fn validate(&self) -> Result<(), PlanError> {
        let Topology {
            participants,
            relays,
            latency_ms,
            frame_ms,
            speech_ms,
            video: _,
            lossless_bytes,
            history_ms,
        } = &self.topology;
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
        ensure(
            (16..=16_384).contains(lossless_bytes),
            "topology.lossless_bytes must be between 16 and 16,384",
        )?;
        ensure(
            (1..=60_000).contains(history_ms),
            "topology.history_ms must be between 1 and 60,000",
        )?;
        for fault in &self.faults {
            let known = match fault.kind.concerns() {
                Concerns::Participant(participant) => participant < *participants,
                Concerns::Relay(relay) => relay < *relays,
            };
            ensure(known, "a fault of a participant or relay that there is not")?;
            let end = fault.at_ms.checked_add(fault.for_ms);
            ensure(end.is_some_and(|end| end <= FOREVER_MS), "a fault must end within 600 s")?;
            let (problem, ok) = match fault.kind {
                FaultKind::Loss { one_in, .. } | FaultKind::Corruption { one_in, .. } => {
                    ("loss and corruption must be of one packet in at least 2", one_in >= 2)
                }
                FaultKind::Duplication { one_in, .. } => {
                    ("duplication must be of one packet in at least 1", one_in >= 1)
                }
                FaultKind::Reordering { one_in, by_ms, .. } => (
                    "reordering must be of one packet in at least 1, by at most 5,000 ms",
                    one_in >= 1 && by_ms <= 5_000,
                ),
                FaultKind::Latency { by_ms, .. } => {
                    ("latency must be at most 5,000 ms", by_ms <= 5_000)
                }
                FaultKind::Bandwidth { kbits, .. } => {
                    ("bandwidth must be at least 1 kbit/s", kbits >= 1)
                }
                FaultKind::ClockJump { by_ms, .. } => {
                    let year = 366 * 24 * 3_600 * 1_000;
                    ("a clock can be set by a year at most", (-year..=year).contains(&by_ms))
                }
                _ => continue,
            };
            ensure(ok, problem)?;
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
