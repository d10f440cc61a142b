//! The law of conservation: a call's counters add up, and agree with what was sent and delivered.

use holdline_core::Event;
use holdline_core::error::ErrorCode;
use holdline_core::stats::Outcome;
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
            // A failed call accepts no frames, so the frame sent at that very moment may be
            // missing.
            let failed = matches!(summary.outcome, Outcome::Failed(_));
            let accepted = counters.accepted + u64::from(failed && counters.accepted < sent);
            if (accepted, taken) != (sent, counters.sent + counters.kept_back)
                || taken != counters.held + evicted
            {
                return Err(format!(
                    "p{who}/{} sent {sent} frames, but counted {counters:?}",
                    track.name
                ));
            }
        }
        for track in &summary.stats.subscribed {
            let Some(seen) = call.tracks.iter().find(|seen| seen.track == Some(track.track)) else {
                return Err(format!(
                    "p{who} counts a track that it never subscribed to: {track:?}"
                ));
            };
            let (counters, delivered) = (track.counters, seen.delivered.len() as u64);
            // Frames delivered just after an unsubscription reach no application.
            if delivered > counters.delivered
                || (delivered < counters.delivered && !seen.unsubscribed)
            {
                return Err(format!(
                    "p{who} of p{}/{}: {delivered} frames received, but counted {counters:?}",
                    seen.publisher, seen.name
                ));
            }
            // The frames of a restarted publisher's former call cannot be counted.
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
                    "p{who} of p{}/{}: {sent} frames sent and {delivered} received, \
                     the first number {first}, but counted {counters:?}",
                    seen.publisher, seen.name
                ));
            }
        }
    }
    Ok(())
}

/// Checks that each report of an application became exactly one event.
fn reports(call: &CallLog) -> Result<(), String> {
    let events = call.events.iter().filter(|(_, event)| match event {
        Event::Notice { code, .. } => *code == ErrorCode::MediaDeviceError,
        event => matches!(event, Event::SafetyAlert { .. }),
    });
    let (events, reports) = (events.count() as u64, call.reports);
    if events == reports {
        Ok(())
    } else {
        Err(format!("{reports} reports of the application caused {events} events"))
    }
}
