//! Makes a plan small while something stays true of it: delta debugging (Zeller and Hildebrandt, 2002) over
//! its faults, then over their times, then over who takes part.

use holdline_sim::{Fault, FaultPlan};

/// The smallest plan found of which it is true: no fault can be left out of it or shortened.
pub fn shrink(plan: FaultPlan, mut is_true: impl FnMut(&FaultPlan) -> bool) -> FaultPlan {
    let mut plan = plan;
    loop {
        let before = plan.clone();
        leave_out(&mut plan, &mut is_true);
        shorten(&mut plan, &mut is_true);
        simplify(&mut plan, &mut is_true);
        if plan == before {
            return plan;
        }
    }
}

/// Takes a plan's place if it can be played, is another one, and it is true of it.
fn try_it(
    plan: &mut FaultPlan,
    candidate: FaultPlan,
    is_true: &mut impl FnMut(&FaultPlan) -> bool,
) -> bool {
    let better = candidate != *plan && candidate.validate().is_ok() && is_true(&candidate);
    if better {
        *plan = candidate;
    }
    better
}

/// Halves of the faults, quarters, and so on down to each by itself.
fn leave_out(plan: &mut FaultPlan, is_true: &mut impl FnMut(&FaultPlan) -> bool) {
    let mut size = plan.faults.len();
    while size > 0 {
        let mut from = 0;
        while from < plan.faults.len() {
            let mut candidate = plan.clone();
            candidate.faults.drain(from..(from + size).min(plan.faults.len()));
            if !try_it(plan, candidate, is_true) {
                from += size;
            }
        }
        size /= 2;
    }
}

fn shorten(plan: &mut FaultPlan, is_true: &mut impl FnMut(&FaultPlan) -> bool) {
    for index in 0..plan.faults.len() {
        let lasting = plan.faults[index].is_lasting();
        bisect(plan, index, is_true, |fault, ms| fault.for_ms = ms, |fault| fault.for_ms, lasting);
        bisect(plan, index, is_true, |fault, ms| fault.at_ms = ms, |fault| fault.at_ms, lasting);
    }
}

/// The least value of which it is true, as far as halving finds it.
fn bisect(
    plan: &mut FaultPlan,
    index: usize,
    is_true: &mut impl FnMut(&FaultPlan) -> bool,
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
        if try_it(plan, candidate, is_true) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
}

/// Fewer people, fewer relays, shorter speech, no video.
fn simplify(plan: &mut FaultPlan, is_true: &mut impl FnMut(&FaultPlan) -> bool) {
    let mut fewer = plan.clone();
    fewer.topology.participants = 2;
    fewer.topology.latency_ms.truncate(2);
    try_it(plan, fewer, is_true);
    let mut one = plan.clone();
    one.topology.relays = 1;
    try_it(plan, one, is_true);
    let mut sound = plan.clone();
    sound.topology.video = false;
    try_it(plan, sound, is_true);
    for speech_ms in [5_000, 10_000, 20_000, 30_000] {
        let mut shorter = plan.clone();
        shorter.topology.speech_ms = speech_ms.min(plan.topology.speech_ms);
        if try_it(plan, shorter, is_true) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_sim::FaultKind;

    #[test]
    fn what_is_left_is_what_it_takes_and_no_millisecond_more() {
        let plan = (0..100).map(FaultPlan::generate).find(|plan| plan.faults.len() > 4);
        let mut plan = plan.expect("one of many");
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
