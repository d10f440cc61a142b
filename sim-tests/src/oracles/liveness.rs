//! The law of liveness: after all temporary faults have ended, every call is live, and every track
//! is received to its end. A call that was cut off for longer than the policy allows may have
//! failed, with the right error.

use std::time::Duration;

use holdline_core::error::{CallError, ErrorCode};
use holdline_core::stats::Outcome;
use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{CallLog, FaultKind, FaultPlan, ParticipantLog, RunLog};

/// How long all outages together may last before a call may fail: less than the policy's window.
const WINDOW_MS: u64 = 25_000;

/// How long a call that is cut off may take to fail: the policy's window, the time to notice, and
/// the attempts in flight.
const FAILS_WITHIN: Duration = Duration::from_secs(36);

/// How long it takes until a relay drops a killed process and a listener finds its successor.
const SUCCESSOR_FOUND_WITHIN: Duration = Duration::from_secs(13);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let speech_end = plan.speech_end_ms();
    let cut_off = |who: usize| plan.cut_off_since(who as u64);
    for (who, participant) in log.participants.iter().enumerate() {
        let call = participant.last();
        if let Some(since) = cut_off(who) {
            let (since, awake) = (Timestamp::from_millis(since), awake(plan, who));
            fails_in_time(call, since, awake).map_err(|detail| format!("p{who}: {detail}"))?;
            continue;
        }
        if let Some(error) = failure(call) {
            if plan.outage_ms(who) > WINDOW_MS && is_unreachable(error) {
                continue;
            }
            return Err(format!("p{who}'s call failed: {error}"));
        }
        if call.state != Some(StateName::Live) {
            return Err(format!("p{who}'s call is {:?} at the end of the run", call.state));
        }
        let subscribed = call.tracks.iter().filter(|track| !track.unsubscribed);
        let reachable = |publisher| cut_off(publisher).is_none() && plan.has_common_relay();
        for track in subscribed.filter(|track| reachable(track.publisher)) {
            let publisher = log.participants[track.publisher].last();
            if is_found_late(&log.participants[track.publisher], speech_end)
                || failure(publisher).is_some()
            {
                continue;
            }
            if publisher.sent.get(&track.name).is_none_or(Vec::is_empty) {
                continue;
            }
            let last = track.delivered.last().map(|delivered| delivered.number.incarnation);
            let reached = track.name != "lossless" || last == Some(publisher.incarnation);
            if !track.finished || !reached {
                return Err(format!(
                    "p{who} did not receive p{}/{} to its end: {} frames, the last of \
                     incarnation {last:?}, expected {}",
                    track.publisher,
                    track.name,
                    track.delivered.len(),
                    publisher.incarnation
                ));
            }
        }
    }
    Ok(())
}

/// Whether a publisher restarted with its clock set back, and so late that listeners find it only
/// when the relay has dropped its former process.
fn is_found_late(publisher: &ParticipantLog, speech_end_ms: u64) -> bool {
    let last = publisher.last();
    let set_back = publisher.calls.iter().any(|call| call.incarnation > last.incarnation);
    set_back && last.since + SUCCESSOR_FOUND_WITHIN > Timestamp::from_millis(speech_end_ms)
}

/// When a participant's last suspension ends.
fn awake(plan: &FaultPlan, who: usize) -> Timestamp {
    let suspend = FaultKind::Suspend { participant: who as u64 };
    let suspended = plan.faults.iter().filter(|fault| fault.kind == suspend);
    Timestamp::from_millis(suspended.map(|fault| fault.at_ms + fault.for_ms).max().unwrap_or(0))
}

/// The error of a call that failed.
fn failure(call: &CallLog) -> Option<&CallError> {
    match &call.summary.as_ref()?.outcome {
        Outcome::Failed(error) => Some(error),
        Outcome::Completed | Outcome::Idle => None,
    }
}

/// Whether a call failed because no relay was reachable. A call that was being set up reports other
/// codes.
fn is_unreachable(error: &CallError) -> bool {
    use ErrorCode::{RecoveryExhausted, RelayUnreachable, SetupTimeout};
    [RecoveryExhausted, RelayUnreachable, SetupTimeout].contains(&error.code)
}

/// Checks that a call that is permanently cut off fails in time.
fn fails_in_time(call: &CallLog, since: Timestamp, awake: Timestamp) -> Result<(), String> {
    let ended = call.events.iter().find(|(_, event)| matches!(event, Event::Ended { .. }));
    let Some((at, _)) = ended else {
        return Err("it is cut off permanently, but its call has not ended".into());
    };
    if !failure(call).is_some_and(is_unreachable) {
        let outcome = call.summary.as_ref().map(|summary| &summary.outcome);
        return Err(format!("it is cut off permanently, but its call ended as {outcome:?}"));
    }
    // A suspended participant notices nothing until it resumes.
    let bound = since.max(call.since).max(awake) + FAILS_WITHIN;
    if *at > bound {
        return Err(format!("it was cut off at {since}, but its call failed only at {at}"));
    }
    Ok(())
}
