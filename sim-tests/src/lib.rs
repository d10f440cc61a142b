//! Campaigns of seeded fault scenarios, judged by oracles.
//!
//! An oracle looks at what participants saw, never inside a call, and says what broke which law.

pub mod campaign;
pub mod coverage;
pub mod oracles;
pub mod report;
pub mod seeds;
pub mod shrink;
pub mod summary;

use holdline_sim::{FaultPlan, RunError, RunLog, model, stack};

/// A call of the model is some thousand small allocations, and little else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a plan is played in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulator {
    /// The bare state machines, on a model of the network.
    Model,
    /// The production driver, real QUIC and the real relay, on a simulated network.
    Stack,
}

impl Simulator {
    /// What a seed is in it.
    pub fn plan(self, seed: u64) -> FaultPlan {
        let plan = FaultPlan::generate(seed);
        match self {
            Self::Model => plan.thinned(),
            Self::Stack => plan,
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The plan that was played.
    pub plan: FaultPlan,
    /// What everybody saw.
    pub log: RunLog,
    /// Which laws were broken, and how.
    pub violations: Vec<oracles::Violation>,
}

/// Plays a plan and judges it.
///
/// # Errors
///
/// If it could not be played to its end. That a process of a run fails is such an error, and no lesser one
/// than a law that is broken.
pub fn judge(simulator: Simulator, plan: FaultPlan) -> Result<Verdict, RunError> {
    let log = match simulator {
        Simulator::Model => model::run(&plan),
        Simulator::Stack => stack::run(&plan),
    }?;
    let violations = oracles::all(&plan, &log);
    Ok(Verdict { plan, log, violations })
}
