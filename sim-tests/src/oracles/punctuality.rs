//! The law of punctuality: after all temporary faults have ended, no frame of a live track is later
//! than its budget plus the latency of its path.

use std::time::Duration;

use holdline_core::{Event, Timestamp};
use holdline_sim::{FaultKind, FaultPlan, RunLog};

/// The default latency budget of a live track.
const LATENCY_BUDGET: Duration = Duration::from_millis(500);
/// How long a listener may take to recover and to learn the lowest latency of the path.
const SETTLING: Duration = Duration::from_secs(6);
/// How much longer that takes with video, which needs bandwidth: after many losses congestion
/// control takes some seconds to find the bandwidth again (RFC 9438, section 4.2).
const BANDWIDTH_RECOVERY: Duration = Duration::from_secs(4);

/// How long a listener that has just subscribed may take to learn the lowest latency.
const JOINING: Duration = Duration::from_secs(3);
/// How exactly a listener can know the lowest latency: to the length of the shortest frame.
const PRECISION: Duration = Duration::from_millis(20);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let settling = if plan.topology.video { SETTLING + BANDWIDTH_RECOVERY } else { SETTLING };
    let settled = Timestamp::from_millis(plan.healed_ms().max(1_000)) + settling;
    for (who, participant) in log.participants.iter().enumerate() {
        for track in participant.last().tracks.iter().filter(|track| track.name != "lossless") {
            let path = path(plan, who) + path(plan, track.publisher);
            let bound = LATENCY_BUDGET + path + path / 10 + PRECISION;
            let ready = participant.last().events.iter().filter_map(|(at, event)| match event {
                Event::TrackReady { track: id, .. } if Some(*id) == track.track => Some(*at),
                _ => None,
            });
            let ready: Vec<Timestamp> = ready.collect();
            // A new subscriber first receives up to a second of frames from the relay's cache. Only
            // then can it learn the lowest latency of the path.
            let joins =
                |at: Timestamp| ready.iter().any(|ready| at >= *ready && at < *ready + JOINING);
            for delivered in
                track.delivered.iter().filter(|frame| frame.at > settled && !joins(frame.at))
            {
                let late = delivered.at - Timestamp::from_micros(delivered.captured_at);
                if late > bound {
                    return Err(format!(
                        "p{who} of p{}: frame {} is {late:?} late at {}, over the \
                         bound of {bound:?}",
                        track.publisher, delivered.number.sequence, delivered.at
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The one-way latency of a participant's path, with its permanent faults.
fn path(plan: &FaultPlan, who: usize) -> Duration {
    let base = plan.topology.latency_ms[who];
    let lasting = plan.faults.iter().filter(|fault| fault.is_lasting());
    let lasting = lasting.filter(|fault| fault.kind.participant() == Some(who as u64));
    let more = lasting.map(|fault| match fault.kind {
        FaultKind::Latency { by_ms, .. } | FaultKind::Reordering { by_ms, .. } => by_ms,
        // Lost packets are retransmitted, and others wait behind them.
        FaultKind::Loss { .. } | FaultKind::Corruption { .. } => base * 4,
        _ => 0,
    });
    Duration::from_millis(base + more.sum::<u64>())
}
