//! Once everything works again, a live track is never further behind the present than its budget,
//! beyond what the path itself costs.

use std::time::Duration;

use holdline_core::{Event, Timestamp};
use holdline_sim::{FaultKind, FaultPlan, RunLog};

/// What a track is allowed by default.
const BUDGET: Duration = Duration::from_millis(500);
/// How long a listener may take to come back and to know again how fast frames can be.
const SETTLING: Duration = Duration::from_secs(6);
/// How much longer with video, which needs a wide line: after many losses congestion control takes some seconds
/// to find its width anew (RFC 9438, section 4.2).
const WIDENING: Duration = Duration::from_secs(4);

/// How long a listener that has just joined may take for the latter.
const JOINING: Duration = Duration::from_secs(3);
/// How exactly a listener can know how fast frames can be: to the time of the shortest frame.
const GRAIN: Duration = Duration::from_millis(20);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let settling = if plan.topology.video { SETTLING + WIDENING } else { SETTLING };
    let settled = Timestamp::from_millis(plan.healed_ms().max(1_000)) + settling;
    for (who, participant) in log.participants.iter().enumerate() {
        for track in participant.last().tracks.iter().filter(|track| track.name != "lossless") {
            let path = path(plan, who) + path(plan, track.publisher);
            let bound = BUDGET + path + path / 10 + GRAIN;
            let ready = participant.last().events.iter().filter_map(|(at, event)| match event {
                Event::TrackReady { track: id, .. } if Some(*id) == track.track => Some(*at),
                _ => None,
            });
            let ready: Vec<Timestamp> = ready.collect();
            // Who joins hears what the relay remembers of the present, up to a second of it, and only then
            // how fast frames can be.
            let joins =
                |at: Timestamp| ready.iter().any(|ready| at >= *ready && at < *ready + JOINING);
            for delivered in track.delivered.iter().filter(|h| h.at > settled && !joins(h.at)) {
                let late = delivered.at - Timestamp::from_micros(delivered.captured_at);
                if late > bound {
                    return Err(format!(
                        "p{who} of p{}: frame {} is {late:?} old at {}, of {bound:?} at most",
                        track.publisher, delivered.number.sequence, delivered.at
                    ));
                }
            }
        }
    }
    Ok(())
}

/// What a participant's own line costs one way, with what stays wrong with it.
fn path(plan: &FaultPlan, who: usize) -> Duration {
    let base = plan.topology.latency_ms[who];
    let stays = plan.faults.iter().filter(|fault| fault.is_lasting());
    let stays = stays.filter(|fault| fault.kind.participant() == Some(who as u64));
    let more = stays.map(|fault| match fault.kind {
        FaultKind::Latency { by_ms, .. } | FaultKind::Reordering { by_ms, .. } => by_ms,
        // What is sent again, and what waits behind it.
        FaultKind::Loss { .. } | FaultKind::Corruption { .. } => base * 4,
        _ => 0,
    });
    Duration::from_millis(base + more.sum::<u64>())
}
