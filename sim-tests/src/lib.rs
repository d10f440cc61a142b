//! Campaigns of seeded fault scenarios, judged by oracles.
//!
//! An oracle sees only what participants saw, never the inside of a call, and reports which laws
//! were violated.

pub mod campaign;
pub mod coverage;
pub mod oracles;
pub mod report;
pub mod seeds;
pub mod shrink;
pub mod summary;

use holdline_sim::{FaultPlan, RunError, RunLog, model, stack};

/// The allocator. A call of the model is some thousand small allocations, and little else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The simulator that plays a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulator {
    /// The bare state machines on a model of the network.
    Model,
    /// The production driver, real QUIC and the real relay on a simulated network.
    Stack,
}

impl Simulator {
    /// The plan of a seed in this simulator.
    pub fn plan(self, seed: u64) -> FaultPlan {
        let plan = FaultPlan::generate(seed);
        match self {
            Self::Model => plan.thinned(),
            Self::Stack => plan,
        }
    }
}

/// A run that was judged.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The plan that was played.
    pub plan: FaultPlan,
    /// What the participants saw.
    pub log: RunLog,
    /// The violated laws.
    pub violations: Vec<oracles::Violation>,
}

/// Plays a plan and judges it.
///
/// # Errors
///
/// If the plan could not be played to its end, for instance because a process of the run failed.
/// Such an error is as grave as a violated law.
pub fn judge(simulator: Simulator, plan: FaultPlan) -> Result<Verdict, RunError> {
    let log = match simulator {
        Simulator::Model => model::run(&plan),
        Simulator::Stack => stack::run(&plan),
    }?;
    let violations = oracles::all(&plan, &log);
    Ok(Verdict { plan, log, violations })
}
