//! After an outage that passes, and that nothing else follows, media is back soon: within the longest pause
//! between two attempts, the time of one attempt, and of what it takes to find each other again.

use holdline_sim::{FaultPlan, RunLog};

use crate::coverage::recoveries;

/// In milliseconds.
const BOUND_MS: u64 = 8_000;
/// Longer ones end some calls, and none within a bound.
const TRANSIENT_MS: u64 = 10_000;

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (fault, ms) in recoveries(plan, log) {
        if fault.for_ms <= TRANSIENT_MS && ms > BOUND_MS {
            return Err(format!(
                "after {} from {} ms, for {} ms, it took {ms} ms until a new frame was heard",
                fault.kind.family(),
                fault.at_ms,
                fault.for_ms
            ));
        }
    }
    Ok(())
}
