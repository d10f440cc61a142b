//! The law of the detour: a call that loses its path to one relay, and reaches another one, is soon
//! live there, and the participants meet there. It need not wait until the path is back.

use std::time::Duration;

use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{CallLog, FaultPlan, RunLog};

use super::recovery::{BOUND_MS, TRANSIENT_MS};
use crate::coverage::{detour_of, silences};

/// How long a call may be without the state `Live` at a stretch: from the suspicion until it is
/// live on the other relay, where it waits two seconds for participants that it does not find.
const NOT_LIVE: Duration = Duration::from_secs(5);
/// How long a call must have been up before it loses its path.
const UP_BEFORE: Duration = Duration::from_secs(3);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for fault in &plan.faults {
        let Some(who) = fault.kind.participant() else { continue };
        let call = log.participants[who as usize].last();
        let is_up = call.since + UP_BEFORE <= Timestamp::from_millis(fault.at_ms);
        if let Some(during) = detour_of(plan, fault, &[who as usize]).filter(|_| is_up) {
            stays_live(call, during).map_err(|detail| {
                format!("p{who} lost a path at {} ms, and its call {detail}", fault.at_ms)
            })?;
        }
    }
    for (fault, track, ms) in silences(plan, log) {
        let is_transient = fault.for_ms <= TRANSIENT_MS;
        let bound = if is_transient { fault.for_ms + BOUND_MS } else { FaultPlan::MEETING_MS };
        if ms > bound {
            return Err(format!(
                "a path was lost at {} ms, and p{} was not received for {ms} ms, over the bound of \
                 {bound} ms",
                fault.at_ms, track.publisher
            ));
        }
    }
    Ok(())
}

/// Checks that a call is never without the state `Live` for long.
fn stays_live(call: &CallLog, (from, until): (u64, u64)) -> Result<(), String> {
    let (from, until) = (Timestamp::from_millis(from), Timestamp::from_millis(until));
    let states = call.events.iter().filter_map(|(at, event)| match event {
        Event::StateChanged { to, .. } => Some((*at, *to == StateName::Live)),
        _ => None,
    });
    let mut not_live_since = None;
    for (at, is_live) in states.chain([(until, true)]).filter(|(at, _)| (from..=until).contains(at))
    {
        match (is_live, not_live_since) {
            (false, None) => not_live_since = Some(at),
            (true, Some(since)) if at > since + NOT_LIVE => {
                return Err(format!("was not live from {since} to {at}"));
            }
            (true, _) => not_live_since = None,
            (false, Some(_)) => {}
        }
    }
    Ok(())
}
