//! The law of recovery: after an isolated temporary outage, media returns within a bound. The bound
//! covers the longest pause between attempts, the time of one attempt, and the time in which
//! participants find each other.

use holdline_sim::{FaultPlan, RunLog};

use crate::coverage::recoveries;

/// The bound, in milliseconds.
pub(super) const BOUND_MS: u64 = 8_000;
/// The longest outage with a bound, in milliseconds. Longer outages end some calls.
pub(super) const TRANSIENT_MS: u64 = 10_000;

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (fault, ms) in recoveries(plan, log) {
        if fault.for_ms <= TRANSIENT_MS && ms > BOUND_MS {
            return Err(format!(
                "after {} from {} ms, for {} ms, the first new frame was received \
                 only {ms} ms after its end",
                fault.kind.family(),
                fault.at_ms,
                fault.for_ms
            ));
        }
    }
    Ok(())
}
