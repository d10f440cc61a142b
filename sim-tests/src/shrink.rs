//! Shrinks a plan while a predicate holds: delta debugging (Zeller and Hildebrandt, 2002) over its
//! faults, then their times, then its topology.

use holdline_sim::{Fault, FaultPlan};

/// Returns the smallest plan found for which the predicate holds: no fault can be removed or
/// shortened.
pub fn shrink(plan: FaultPlan, mut holds: impl FnMut(&FaultPlan) -> bool) -> FaultPlan {
    let mut plan = plan;
    loop {
        let before = plan.clone();
        leave_out(&mut plan, &mut holds);
        shorten(&mut plan, &mut holds);
        simplify(&mut plan, &mut holds);
        if plan == before {
            return plan;
        }
    }
}

/// Replaces the plan by a different, valid candidate for which the predicate holds.
fn try_it(
    plan: &mut FaultPlan,
    candidate: FaultPlan,
    holds: &mut impl FnMut(&FaultPlan) -> bool,
) -> bool {
    let better = candidate != *plan && candidate.validate().is_ok() && holds(&candidate);
    if better {
        *plan = candidate;
    }
    better
}

/// Removes faults: first halves, then quarters, and so on down to single ones.
fn leave_out(plan: &mut FaultPlan, holds: &mut impl FnMut(&FaultPlan) -> bool) {
    let mut size = plan.faults.len();
    while size > 0 {
        let mut from = 0;
        while from < plan.faults.len() {
            let mut candidate = plan.clone();
            candidate.faults.drain(from..(from + size).min(plan.faults.len()));
            if !try_it(plan, candidate, holds) {
                from += size;
            }
        }
        size /= 2;
    }
}

fn shorten(plan: &mut FaultPlan, holds: &mut impl FnMut(&FaultPlan) -> bool) {
    for index in 0..plan.faults.len() {
        let lasting = plan.faults[index].is_lasting();
        bisect(plan, index, holds, |fault, ms| fault.for_ms = ms, |fault| fault.for_ms, lasting);
        bisect(plan, index, holds, |fault, ms| fault.at_ms = ms, |fault| fault.at_ms, lasting);
    }
}

/// Finds the least value for which the predicate holds, as far as bisection can.
fn bisect(
    plan: &mut FaultPlan,
    index: usize,
    holds: &mut impl FnMut(&FaultPlan) -> bool,
    set: fn(&mut Fault, u64),
    get: fn(&Fault) -> u64,
    lasting: bool,
) {
    if lasting {
        return;
    }
    let (mut least, mut most) = (0, get(&plan.faults[index]));
    while least < most {
        let middle = least + (most - least) / 2;
        let mut candidate = plan.clone();
        set(&mut candidate.faults[index], middle);
        if try_it(plan, candidate, holds) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
}

/// Tries fewer participants, fewer relays, no video and a shorter run.
fn simplify(plan: &mut FaultPlan, holds: &mut impl FnMut(&FaultPlan) -> bool) {
    let mut fewer = plan.clone();
    fewer.topology.participants = 2;
    fewer.topology.latency_ms.truncate(2);
    try_it(plan, fewer, holds);
    let mut one = plan.clone();
    one.topology.relays = 1;
    try_it(plan, one, holds);
    let mut audio = plan.clone();
    audio.topology.video = false;
    try_it(plan, audio, holds);
    for speech_ms in [5_000, 10_000, 20_000, 30_000] {
        let mut shorter = plan.clone();
        shorter.topology.speech_ms = speech_ms.min(plan.topology.speech_ms);
        if try_it(plan, shorter, holds) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_sim::FaultKind;

    #[test]
    fn only_the_needed_fault_remains_shortened_to_the_millisecond() {
        let plan = (0..100).map(FaultPlan::generate).find(|plan| plan.faults.len() > 4);
        let mut plan = plan.expect("some seed has more than four faults");
        let crash = FaultKind::RelayCrash { relay: 0 };
        plan.faults.push(Fault { at_ms: 7_321, for_ms: 4_567, kind: crash });
        let takes = |plan: &FaultPlan| {
            plan.faults.iter().any(|f| f.kind == crash && f.at_ms >= 5_000 && f.for_ms >= 1_234)
        };
        let small = shrink(plan, takes);
        let least = Fault { at_ms: 5_000, for_ms: 1_234, kind: crash };
        assert_eq!(small.faults, [least]);
        assert_eq!((small.topology.participants, small.topology.relays), (2, 1));
        assert!(!small.topology.video && small.topology.speech_ms == 5_000);
    }
}
