//! Nothing appears and nothing vanishes: what calls count adds up, and agrees with what was seen.

use holdline_core::{ErrorCode, Event, Outcome};
use holdline_sim::{CallLog, FaultPlan, RunLog};

pub(super) fn judge(_: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (who, participant) in log.participants.iter().enumerate() {
        let call = participant.last();
        reports(call).map_err(|detail| format!("p{who}: {detail}"))?;
        let Some(summary) = &call.summary else {
            return Err(format!("p{who}'s call has not ended"));
        };
        let telemetry = &summary.stats.telemetry;
        let attempts = telemetry.attempts_succeeded
            + telemetry.attempts_failed
            + telemetry.attempts_cancelled
            + telemetry.attempts_in_flight;
        let incidents = telemetry.incidents_recovered + telemetry.incidents_failed;
        if (telemetry.attempts, telemetry.attempts_in_flight) != (attempts, 0) {
            return Err(format!("p{who}: attempts do not add up: {telemetry:?}"));
        }
        if telemetry.incidents != incidents {
            return Err(format!("p{who}: incidents do not add up: {telemetry:?}"));
        }
        for track in &summary.stats.published {
            let sent = call.sent[&track.name].len() as u64;
            let counters = track.counters;
            let evicted = counters.evicted.frames + counters.evicted.bytes + counters.evicted.age;
            let taken = counters.accepted - counters.dropped_finished;
            // A call that fails takes no more, and what comes at that very moment is not taken.
            let failed = matches!(summary.outcome, Outcome::Failed(_));
            let accepted = counters.accepted + u64::from(failed && counters.accepted < sent);
            if (accepted, taken) != (sent, counters.sent + counters.kept_back)
                || taken != counters.held + evicted
            {
                return Err(format!("p{who}/{} said {sent}: {counters:?}", track.name));
            }
        }
        for track in &summary.stats.subscribed {
            let Some(seen) = call.tracks.iter().find(|seen| seen.track == Some(track.track)) else {
                return Err(format!("p{who} has never listened to {track:?}"));
            };
            let (counters, delivered) = (track.counters, seen.delivered.len() as u64);
            // What was delivered to who has just left is heard by nobody.
            if delivered > counters.delivered
                || (delivered < counters.delivered && !seen.unsubscribed)
            {
                return Err(format!(
                    "p{who} of p{}/{}: {delivered} heard, but {counters:?}",
                    seen.publisher, seen.name
                ));
            }
            // A speaker that began anew has said what nobody can count any more.
            let publisher = &log.participants[seen.publisher];
            let [only] = &publisher.calls[..] else { continue };
            let first = seen.delivered.first().map_or(0, |delivered| delivered.number.sequence);
            let before = if seen.name == "lossless" { 0 } else { first };
            let decided = counters.delivered
                + counters.skipped
                + counters.lost
                + counters.before_joining
                + before;
            let sent = only.sent[&seen.name].len() as u64;
            if seen.finished && delivered > 0 && decided != sent {
                return Err(format!(
                    "p{who} of p{}/{}: {sent} said, {delivered} heard, the first {first}: {counters:?}",
                    seen.publisher, seen.name
                ));
            }
        }
    }
    Ok(())
}

/// What an application reports is told to everybody who looks after the call, once.
fn reports(call: &CallLog) -> Result<(), String> {
    let told = call.events.iter().filter(|(_, event)| match event {
        Event::Notice { code, .. } => *code == ErrorCode::MediaDeviceError,
        event => matches!(event, Event::SafetyAlert { .. }),
    });
    let (told, reported) = (told.count() as u64, call.reports);
    if told == reported { Ok(()) } else { Err(format!("{told} of {reported} reports were told")) }
}
