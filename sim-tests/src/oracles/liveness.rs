//! Once everything works again, every call is live, and every track is heard to its end. Whoever was cut off for longer
//! than the policy allows may have given up, with the right error.

use std::time::Duration;

use holdline_core::{CallError, ErrorCode, Event, Outcome, StateName, Timestamp};
use holdline_sim::{CallLog, FaultKind, FaultPlan, ParticipantLog, RunLog};

/// Outages that may be longer than the window of the policy, together, may end the call.
const WINDOW_MS: u64 = 25_000;

/// How long a call that is cut off may take to give up: the window of the policy, the time to notice, and
/// attempts under way.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(36);

/// How long a relay remembers a process that was killed, and a listener needs to find its successor.
const FORGETS: Duration = Duration::from_secs(13);

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let healed = plan.topology.speech_ms.max(plan.healed_ms());
    let cut_off = |who: usize| plan.cut_off_since(who as u64);
    for (who, participant) in log.participants.iter().enumerate() {
        let call = participant.last();
        if let Some(since) = cut_off(who) {
            let (since, awake) = (Timestamp::from_millis(since), awake(plan, who));
            gives_up(call, since, awake).map_err(|detail| format!("p{who}: {detail}"))?;
            continue;
        }
        if let Some(error) = failure(call) {
            if plan.outage_ms(&[who]) > WINDOW_MS && is_of_reach(error) {
                continue;
            }
            return Err(format!("p{who}'s call failed: {error}"));
        }
        if call.state != Some(StateName::Live) {
            return Err(format!("p{who}'s call is {:?} when all is over", call.state));
        }
        let listens = call.tracks.iter().filter(|track| !track.unsubscribed);
        for track in listens.filter(|track| cut_off(track.publisher).is_none()) {
            let publisher = log.participants[track.publisher].last();
            if is_found_late(&log.participants[track.publisher], healed)
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
                    "p{who} has not heard the end of p{}/{}, after {} frames, the last of {last:?}, \
                     of {}",
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

/// Whether a speaker began anew with its clock set back, and so shortly before everything was said that
/// it is found only when the relay has forgotten its former process.
fn is_found_late(publisher: &ParticipantLog, said_ms: u64) -> bool {
    let last = publisher.last();
    let set_back = publisher.calls.iter().any(|call| call.incarnation > last.incarnation);
    set_back && last.since + FORGETS > Timestamp::from_millis(said_ms)
}

/// From when on a participant is suspended no more.
fn awake(plan: &FaultPlan, who: usize) -> Timestamp {
    let suspend = FaultKind::Suspend { participant: who as u64 };
    let suspended = plan.faults.iter().filter(|fault| fault.kind == suspend);
    Timestamp::from_millis(suspended.map(|fault| fault.at_ms + fault.for_ms).max().unwrap_or(0))
}

/// Why a call failed, if it did.
fn failure(call: &CallLog) -> Option<&CallError> {
    match &call.summary.as_ref()?.outcome {
        Outcome::Failed(error) => Some(error),
        Outcome::Completed | Outcome::Idle => None,
    }
}

/// Whether a call failed because no relay was to be reached. One that was being set up has other names for it.
fn is_of_reach(error: &CallError) -> bool {
    use ErrorCode::{RecoveryExhausted, RelayUnreachable, SetupTimeout};
    [RecoveryExhausted, RelayUnreachable, SetupTimeout].contains(&error.code)
}

/// Whoever is cut off for good is told so, in time.
fn gives_up(call: &CallLog, since: Timestamp, awake: Timestamp) -> Result<(), String> {
    let ended = call.events.iter().find(|(_, event)| matches!(event, Event::Ended { .. }));
    let Some((at, _)) = ended else { return Err("its call has not ended".into()) };
    if !failure(call).is_some_and(is_of_reach) {
        let outcome = call.summary.as_ref().map(|summary| &summary.outcome);
        return Err(format!("cut off for good, its call ended as {outcome:?}"));
    }
    // Whoever is suspended notices nothing meanwhile.
    let bound = since.max(call.since).max(awake) + GIVES_UP_WITHIN;
    if *at > bound {
        return Err(format!("cut off at {since}, it gave up only at {at}"));
    }
    Ok(())
}
