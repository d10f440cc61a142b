//! The oracles, one file for each law.

mod budget;
mod conservation;
mod continuity;
mod detour;
mod liveness;
mod planned;
mod punctuality;
mod recovery;

use holdline_sim::{FaultPlan, RunLog};

/// A violation of a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the law.
    pub law: &'static str,
    /// What happened.
    pub detail: String,
}

/// The check of a law.
type Law = fn(&FaultPlan, &RunLog) -> Result<(), String>;

const LAWS: [(&str, Law); 8] = [
    ("budget", budget::judge),
    ("continuity", continuity::judge),
    ("conservation", conservation::judge),
    ("detour", detour::judge),
    ("liveness", liveness::judge),
    ("planned", planned::judge),
    ("punctuality", punctuality::judge),
    ("recovery", recovery::judge),
];

/// The laws that a run violates.
pub fn all(plan: &FaultPlan, log: &RunLog) -> Vec<Violation> {
    let judged = LAWS
        .iter()
        .filter_map(|(law, judge)| judge(plan, log).err().map(|detail| Violation { law, detail }));
    judged.collect()
}
