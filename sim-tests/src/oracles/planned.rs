//! The law of planned changes (R36): a session that is replaced as planned, while nothing else
//! happens, costs nobody anything. There is no incident, no frame is missing, and no live frame is
//! later than the paths and one round trip explain.

use std::time::Duration;

use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{CallLog, Fault, FaultKind, FaultPlan, RunLog, TrackLog};

/// How long a planned change may take, with the time in which the old session drains.
const CHANGE: Duration = Duration::from_secs(9);
/// How long before it nothing else may have happened: calls have recovered from that, and
/// congestion control has found the bandwidth again.
const CALM_BEFORE: Duration = Duration::from_secs(12);
/// How exactly a listener can know the lowest latency: to the length of the shortest frame.
const PRECISION: Duration = Duration::from_millis(20);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for fault in &plan.faults {
        let Some(who) = replaced_alone(plan, log, fault) else { continue };
        let from = Timestamp::from_millis(fault.at_ms);
        let until = from + CHANGE;
        let within = |at: Timestamp| (from..until).contains(&at);
        for (listener, participant) in log.participants.iter().enumerate() {
            let call = participant.last();
            let incident = call
                .events
                .iter()
                .find(|(at, event)| within(*at) && matches!(event, Event::IncidentStarted { .. }));
            if let Some((at, incident)) = incident {
                return Err(format!("p{listener}: {incident:?} at {at}"));
            }
            let concerned = |track: &&TrackLog| listener == who || track.publisher == who;
            for track in call.tracks.iter().filter(concerned) {
                unharmed(plan, listener, track, within)
                    .map_err(|harm| format!("replaced at {from}: p{listener} of {harm}"))?;
            }
        }
    }
    Ok(())
}

/// The participant whose session the fault replaces, if nothing else happens around it.
fn replaced_alone(plan: &FaultPlan, log: &RunLog, fault: &Fault) -> Option<usize> {
    let FaultKind::Reconnect { participant } = fault.kind else { return None };
    let from = Timestamp::from_millis(fault.at_ms);
    let others = plan.faults.iter().filter(|other| *other != fault);
    let calm = others.into_iter().all(|other| {
        let ends = Timestamp::from_millis(other.at_ms + other.for_ms);
        let begins = Timestamp::from_millis(other.at_ms);
        !other.is_lasting() && (ends + CALM_BEFORE < from || begins > from + CHANGE)
    });
    let live = log.participants.iter().all(|p| p.calls.len() == 1 && is_live(p.last(), from));
    (calm && live && from > Timestamp::ZERO + CALM_BEFORE).then_some(participant as usize)
}

/// Whether a call was live at a time, and for the second before it.
fn is_live(call: &CallLog, at: Timestamp) -> bool {
    let settled = |when: &Timestamp| *when + Duration::from_secs(1) <= at;
    let mut changes = call.events.iter().rev().filter_map(|(when, event)| match event {
        Event::StateChanged { to, .. } if *when <= at => Some((*when, *to)),
        _ => None,
    });
    changes.next().is_some_and(|(when, to)| to == StateName::Live && settled(&when))
}

/// Checks that no frame is missing, and that no live frame is late.
fn unharmed(
    plan: &FaultPlan,
    listener: usize,
    track: &TrackLog,
    within: impl Fn(Timestamp) -> bool,
) -> Result<(), String> {
    let latency = |who: usize| Duration::from_millis(plan.topology.latency_ms[who]);
    let path = latency(listener) + latency(track.publisher);
    let round_trip = latency(listener).max(latency(track.publisher)) * 2;
    let bound = path + path / 10 + PRECISION + round_trip;
    let name = format!("p{}/{}", track.publisher, track.name);
    for pair in track.delivered.windows(2).filter(|pair| within(pair[1].at)) {
        let (before, frame) = (&pair[0], &pair[1]);
        let sequence = frame.number.sequence;
        let follows = before.number.sequence + 1 == sequence;
        if !follows || frame.gap.is_some() {
            return Err(format!("{name}: frames are missing before {sequence}"));
        }
        let late = frame.at - Timestamp::from_micros(frame.captured_at);
        if track.name != "lossless" && !plan.topology.video && late > bound {
            return Err(format!(
                "{name}: frame {sequence} is {late:?} late, over the bound of {bound:?}"
            ));
        }
    }
    Ok(())
}
