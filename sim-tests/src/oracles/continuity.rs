//! No frame twice, none out of order, none altered, and what is missing is told, frame for frame. A
//! lossless track loses nothing while the outages are within the history.

use holdline_sim::{FaultPlan, Record, TrackRecord};

/// How long outages may be in all for a history of 20 s to cover them, with time to come back.
const COVERED_MS: u64 = 12_000;

pub(super) fn judge(plan: &FaultPlan, record: &Record) -> Result<(), String> {
    let covered = plan.faults.iter().map(|fault| fault.for_ms).sum::<u64>() <= COVERED_MS;
    for (listener, participant) in record.participants.iter().enumerate() {
        for track in &participant.tracks {
            let whose = format!("p{listener} of p{}/{}", track.speaker, track.name);
            in_order(record, track).map_err(|how| format!("{whose}: {how}"))?;
            if covered && track.name == "lossless" {
                complete(record, track).map_err(|how| format!("{whose}: {how}"))?;
            }
        }
    }
    Ok(())
}

fn in_order(record: &Record, track: &TrackRecord) -> Result<(), String> {
    let said = &record.participants[track.speaker].said[&track.name];
    let mut next = None;
    for heard in &track.heard {
        let number = heard.number.sequence;
        let missing = heard.gap.map_or(0, |gap| gap.frames);
        let Some(original) = usize::try_from(number).ok().and_then(|index| said.get(index)) else {
            return Err(format!("frame {number} was never said"));
        };
        if original.payload != heard.payload || original.at.as_micros() != heard.captured_at {
            return Err(format!("frame {number} is not what was said"));
        }
        match next {
            Some(next) if number < next => return Err(format!("frame {number} after {next}")),
            Some(next) if number != next + missing => {
                return Err(format!("frame {number} came where {next} + {missing} told was due"));
            }
            Some(_) | None => next = Some(number + 1),
        }
    }
    Ok(())
}

fn complete(record: &Record, track: &TrackRecord) -> Result<(), String> {
    let said = record.participants[track.speaker].said[&track.name].len();
    let heard = track.heard.len();
    if heard == said {
        return Ok(());
    }
    let gaps: Vec<_> = track.heard.iter().filter_map(|heard| heard.gap).collect();
    Err(format!("{heard} of {said} frames heard, finished: {}, gaps: {gaps:?}", track.finished))
}
