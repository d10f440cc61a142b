//! Once everything works again, every call is live, and every track is heard to its end.

use holdline_core::{Outcome, StateName};
use holdline_sim::{FaultPlan, Record};

/// An outage that may be longer than the window of the policy ends the call, as it should.
const WINDOW_MS: u64 = 25_000;

pub(super) fn judge(plan: &FaultPlan, record: &Record) -> Result<(), String> {
    if plan.faults.iter().map(|fault| fault.for_ms).sum::<u64>() > WINDOW_MS {
        return Ok(());
    }
    for (who, participant) in record.participants.iter().enumerate() {
        let life = participant.last();
        if let Some(Outcome::Failed(error)) = life.summary.as_ref().map(|s| &s.outcome) {
            return Err(format!("p{who}'s call failed: {error}"));
        }
        if life.state != Some(StateName::Live) {
            return Err(format!("p{who}'s call is {:?} when all is over", life.state));
        }
        for track in &life.tracks {
            if !track.finished {
                return Err(format!(
                    "p{who} has not heard the end of p{}/{}, after {} frames",
                    track.speaker,
                    track.name,
                    track.heard.len()
                ));
            }
        }
    }
    Ok(())
}
