//! The laws, one file each.

mod budget;
mod conservation;
mod continuity;
mod liveness;
mod punctuality;
mod recovery;

use holdline_sim::{FaultPlan, RunLog};

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub law: &'static str,
    /// How.
    pub detail: String,
}

/// A law of the house.
type Law = fn(&FaultPlan, &RunLog) -> Result<(), String>;

const LAWS: [(&str, Law); 6] = [
    ("budget", budget::judge),
    ("continuity", continuity::judge),
    ("conservation", conservation::judge),
    ("liveness", liveness::judge),
    ("punctuality", punctuality::judge),
    ("recovery", recovery::judge),
];

/// Which laws a run has broken.
pub fn all(plan: &FaultPlan, log: &RunLog) -> Vec<Violation> {
    let judged = LAWS
        .iter()
        .filter_map(|(law, judge)| judge(plan, log).err().map(|detail| Violation { law, detail }));
    judged.collect()
}
