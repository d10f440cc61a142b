//! Once everything works again, a live track is never further behind the present than its budget,
//! beyond what the path itself costs.

use std::time::Duration;

use holdline_core::Timestamp;
use holdline_sim::{FaultPlan, Record};

/// What a track is allowed by default.
const BUDGET: Duration = Duration::from_millis(500);
/// How long a listener may take to come back and to know again how fast frames can be.
const SETTLING: Duration = Duration::from_secs(6);

pub(super) fn judge(plan: &FaultPlan, record: &Record) -> Result<(), String> {
    let latency = |who: usize| Duration::from_millis(plan.topology.latency_ms[who]);
    let settled = Timestamp::from_millis(plan.healed_ms().max(1_000)) + SETTLING;
    for (who, participant) in record.participants.iter().enumerate() {
        for track in participant.last().tracks.iter().filter(|track| track.name != "lossless") {
            let path = latency(who) + latency(track.speaker);
            let bound = BUDGET + path + path / 10 + Duration::from_millis(1);
            for heard in track.heard.iter().filter(|heard| heard.at > settled) {
                let late = heard.at - Timestamp::from_micros(heard.captured_at);
                if late > bound {
                    return Err(format!(
                        "p{who} of p{}: frame {} is {late:?} old at {}, of {bound:?} at most",
                        track.speaker, heard.number.sequence, heard.at
                    ));
                }
            }
        }
    }
    Ok(())
}
