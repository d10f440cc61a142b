//! Campaigns of seeded fault scenarios, judged by oracles.
//!
//! An oracle looks at what participants saw, never inside a call, and says what broke which law.

pub mod oracles;

use holdline_sim::{FaultPlan, Record, model};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The plan that was played.
    pub plan: FaultPlan,
    /// What everybody saw.
    pub record: Record,
    /// Which laws were broken, and how.
    pub broken: Vec<oracles::Broken>,
}

/// Plays a plan on the model network and judges it.
pub fn judge(plan: FaultPlan) -> Verdict {
    let record = model::run(&plan);
    let broken = oracles::all(&plan, &record);
    Verdict { plan, record, broken }
}
