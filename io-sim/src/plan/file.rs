//! Plans as TOML files: reading, writing and validation.

use serde::Deserialize;

use super::fault::{FOREVER_MS, FaultKind};
use super::fault_target::FaultTarget;
use super::{FaultPlan, Topology};

/// The field that decides how to read the others.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A plan that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The text is not a plan.
    #[error("not a fault plan: {0}")]
    Unreadable(String),
    /// The plan has another version.
    #[error("the fault plan has version {0}; only version 1 can be read")]
    Version(u32),
    /// A value of the plan is out of bounds.
    #[error("{0}")]
    Impossible(String),
}

impl FaultPlan {
    /// Reads a plan and validates it.
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
        plan.refuse_unknown(&toml::from_str(text).map_err(unreadable)?)?;
        plan.validate().map(|()| plan)
    }

    /// Refuses unknown fields of a fault, which serde cannot do for flattened fields.
    fn refuse_unknown(&self, given: &toml::Table) -> Result<(), PlanError> {
        let given = given.get("faults").and_then(toml::Value::as_array).into_iter().flatten();
        for (number, (fault, given)) in (1..).zip(self.faults.iter().zip(given)) {
            let known = toml::Table::try_from(fault)
                .map_err(|error| PlanError::Unreadable(error.to_string()))?;
            let mut fields = given.as_table().into_iter().flat_map(toml::Table::keys);
            if let Some(field) = fields.find(|field| !known.contains_key(*field)) {
                let family = fault.kind.family();
                let problem = format!("fault {number} ({family}) has no field `{field}`");
                return Err(PlanError::Unreadable(problem));
            }
        }
        Ok(())
    }

    /// Writes the plan.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        toml::to_string(self).map_err(|error| PlanError::Unreadable(error.to_string()))
    }

    /// Checks that every value is within its bounds.
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
            "topology.latency_ms must be at most 5,000 each",
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
            let known = match fault.kind.target() {
                FaultTarget::Participant(participant) => participant < *participants,
                FaultTarget::Relay(relay) => relay < *relays,
                FaultTarget::Path { participant, relay } => {
                    participant < *participants && relay < *relays
                }
            };
            ensure(known, "a fault names a participant or relay that does not exist")?;
            let end = fault.at_ms.checked_add(fault.for_ms);
            ensure(end.is_some_and(|end| end <= FOREVER_MS), "a fault must end within 600 s")?;
            let (problem, ok) = match fault.kind {
                FaultKind::Loss { one_in, .. } | FaultKind::Corruption { one_in, .. } => {
                    ("loss and corruption must affect one packet in 2 or more", one_in >= 2)
                }
                FaultKind::Duplication { one_in, .. } => {
                    ("duplication must affect one packet in 1 or more", one_in >= 1)
                }
                FaultKind::Reordering { one_in, by_ms, .. } => (
                    "reordering must affect one packet in 1 or more, by at most 5,000 ms",
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
                    ("a clock jump must be at most a year", (-year..=year).contains(&by_ms))
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
    use super::super::{Fault, Side};
    use super::*;

    #[test]
    fn generated_plans_are_valid_and_survive_their_file_format() {
        for seed in 0..2_000 {
            let plan = FaultPlan::generate(seed);
            plan.validate().expect("a generated plan is valid");
            assert_eq!(
                FaultPlan::from_toml(&plan.to_toml().expect("a plan can be written as TOML")),
                Ok(plan.clone())
            );
            assert_eq!(plan, FaultPlan::generate(seed));
        }
    }

    #[test]
    fn a_plan_out_of_bounds_is_refused_with_a_reason() {
        let refused = |change: fn(&mut FaultPlan)| {
            let mut plan = FaultPlan::generate(1);
            change(&mut plan);
            plan.validate().expect_err("an invalid plan is refused").to_string()
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
        (plan.topology.participants, plan.topology.relays) = (2, 2);
        plan.topology.latency_ms = vec![10, 10];
        for (participant, relay, ok) in [(1, 1, true), (2, 1, false), (1, 2, false)] {
            let kind = FaultKind::PathPartition { participant, relay, side: Side::Both };
            plan.faults = vec![Fault { at_ms: 1, for_ms: 1, kind }];
            assert_eq!(plan.validate().is_ok(), ok, "p{participant}, relay {relay}");
        }
        assert!(matches!(FaultPlan::from_toml("seed = 1"), Err(PlanError::Unreadable(_))));
        let text = FaultPlan { faults: vec![crash(0, 1)], ..FaultPlan::generate(1) };
        let text = text.to_toml().expect("a plan can be written as TOML");
        assert!(FaultPlan::from_toml(&text).is_ok());
        let more = "relay = 0\nrelais = 1";
        let spoilt =
            [("relay_crash", "relay_crush"), ("relay = 0", "relais = 0"), ("relay = 0", more)];
        for (word, other) in spoilt {
            let spoilt = FaultPlan::from_toml(&text.replace(word, other));
            assert!(matches!(spoilt, Err(PlanError::Unreadable(_))), "{spoilt:?}");
        }
    }
}
