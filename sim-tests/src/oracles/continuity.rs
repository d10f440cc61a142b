//! The law of continuity: no frame is delivered twice, out of order or altered, and each missing
//! frame is reported. A lossless track loses nothing while the outages are within its history.

use std::collections::BTreeMap;

use holdline_core::media::FrameNumber;
use holdline_sim::{FaultPlan, ParticipantLog, RunLog, TrackLog};

/// How much longer than all outages a history must be to cover them: reconnect pauses, and the wait
/// before other participants count as away.
const RECOVERY_MS: u64 = 7_000;
/// How many round trips a recovery takes: to dial, set up, probe another relay for the others, move
/// there, subscribe, and FETCH.
const ROUND_TRIPS: u64 = 8;

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let recovery_ms = RECOVERY_MS + ROUND_TRIPS * plan.longest_round_trip_ms();
    let covered = |pair| plan.separation_ms(pair) + recovery_ms <= plan.topology.history_ms;
    for (subscriber, participant) in log.participants.iter().enumerate() {
        for track in participant.calls.iter().flat_map(|call| &call.tracks) {
            let whose = format!("p{subscriber} of p{}/{}", track.publisher, track.name);
            in_order(log, track).map_err(|detail| format!("{whose}: {detail}"))?;
            let once = |who: usize| log.participants[who].calls.len() == 1;
            let is_cut_off = |who: usize| plan.cut_off_since(who as u64).is_some();
            let cut_off = is_cut_off(subscriber) || is_cut_off(track.publisher);
            let throughout = !track.unsubscribed && participant.calls[0].since == track.since;
            if covered([subscriber, track.publisher])
                && !cut_off
                && plan.has_common_relay()
                && throughout
                && track.name == "lossless"
                && once(subscriber)
                && once(track.publisher)
            {
                complete(log, track).map_err(|detail| format!("{whose}: {detail}"))?;
            }
        }
    }
    Ok(())
}

fn in_order(log: &RunLog, track: &TrackLog) -> Result<(), String> {
    let publisher = &log.participants[track.publisher];
    let mut next: Option<FrameNumber> = None;
    // The next sequence number of each incarnation.
    let mut next_of_calls: BTreeMap<u64, u64> = BTreeMap::new();
    for delivered in &track.delivered {
        let number = delivered.number;
        let missing = delivered.gap.map_or(0, |gap| gap.frames);
        let sent = publisher.call(number.incarnation).and_then(|call| call.sent.get(&track.name));
        let index = usize::try_from(number.sequence).unwrap_or(usize::MAX);
        let Some(original) = sent.and_then(|sent| sent.get(index)) else {
            return Err(format!("{number:?} was never sent"));
        };
        let claimed = (&delivered.payload, delivered.captured_at, delivered.keyframe);
        if (&original.payload, original.at.as_micros(), original.keyframe) != claimed {
            return Err(format!("{number:?} differs from the frame that was sent"));
        }
        match next {
            Some(next) if next.incarnation == number.incarnation => {
                if number.sequence < next.sequence {
                    return Err(format!("{number:?} was delivered after {next:?} was due"));
                }
                if number.sequence != next.sequence + missing {
                    return Err(format!(
                        "{number:?} was delivered where {next:?} + {missing} \
                         reported missing was due"
                    ));
                }
            }
            // A restarted publisher may continue at any frame. After its clock was set back, its
            // former incarnation has the greater number, and a listener cannot know that frames
            // which a relay still caches are older.
            Some(next)
                if later(publisher, next.incarnation, number.incarnation)
                    || number.incarnation > next.incarnation => {}
            Some(next) => return Err(format!("{number:?} is of an earlier call than {next:?}")),
            None => {}
        }
        if next_of_calls.get(&number.incarnation).is_some_and(|next| number.sequence < *next) {
            return Err(format!("{number:?} was delivered again"));
        }
        next_of_calls.insert(number.incarnation, number.sequence + 1);
        next = Some(FrameNumber::new(number.incarnation, number.sequence + 1));
    }
    Ok(())
}

/// Whether the second call started after the first.
fn later(publisher: &ParticipantLog, one: u64, other: u64) -> bool {
    let since = |incarnation| publisher.call(incarnation).map(|call| call.since);
    since(other) > since(one)
}

fn complete(log: &RunLog, track: &TrackLog) -> Result<(), String> {
    let sent = log.participants[track.publisher].last().sent[&track.name].len();
    let delivered = track.delivered.len();
    if delivered == sent {
        return Ok(());
    }
    let gaps: Vec<_> = track.delivered.iter().filter_map(|delivered| delivered.gap).collect();
    Err(format!(
        "{delivered} of {sent} frames received, finished: {}, gaps: {gaps:?}",
        track.finished
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use holdline_core::Timestamp;
    use holdline_sim::{CallLog, DeliveredFrame, SentFrame};

    use super::*;

    /// Checks a track of a publisher with two calls of these incarnations, each of ten frames.
    fn check(incarnations: [u64; 2], frames: &[(u64, u64)]) -> Result<(), String> {
        let at = |sequence| Timestamp::from_micros(sequence * 20_000);
        let payload = Bytes::from_static(b"speech");
        let sent =
            |sequence| SentFrame { at: at(sequence), keyframe: true, payload: payload.clone() };
        let call = |(since, incarnation)| CallLog {
            since: Timestamp::from_micros(since),
            incarnation,
            sent: [("live".to_owned(), (0..10).map(sent).collect())].into(),
            ..CallLog::default()
        };
        let publisher = ParticipantLog { calls: (0..).zip(incarnations).map(call).collect() };
        let delivered = |&(incarnation, sequence)| DeliveredFrame {
            at: at(sequence),
            number: FrameNumber::new(incarnation, sequence),
            captured_at: at(sequence).as_micros(),
            keyframe: true,
            payload: payload.clone(),
            gap: None,
        };
        let delivered = frames.iter().map(delivered).collect();
        let track = TrackLog { name: "live".to_owned(), delivered, ..TrackLog::default() };
        let log = RunLog { participants: vec![publisher], ..RunLog::default() };
        in_order(&log, &track)
    }

    #[test]
    fn a_restarted_publisher_may_continue_at_any_frame() {
        assert_eq!(check([1, 2], &[(1, 0), (1, 1), (2, 4), (2, 5)]), Ok(()));
        // The publisher's clock was set back.
        assert_eq!(check([2, 1], &[(2, 0), (2, 1), (1, 4), (1, 5)]), Ok(()));
    }

    #[test]
    fn a_former_call_returns_only_with_a_greater_incarnation() {
        assert!(check([1, 2], &[(2, 0), (1, 0)]).unwrap_err().contains("of an earlier call"));
        assert_eq!(check([2, 1], &[(2, 0), (1, 4), (2, 1), (1, 5)]), Ok(()));
        assert!(check([2, 1], &[(2, 0), (1, 4), (2, 0)]).unwrap_err().contains("delivered again"));
        assert!(check([2, 1], &[(2, 5), (1, 4), (2, 3)]).unwrap_err().contains("delivered again"));
    }

    #[test]
    fn within_a_call_each_frame_follows_or_a_gap_is_reported() {
        assert!(check([1, 2], &[(1, 1), (1, 1)]).unwrap_err().contains("after"));
        assert!(check([1, 2], &[(1, 0), (1, 2)]).unwrap_err().contains("was due"));
        assert!(check([1, 2], &[(1, 10)]).unwrap_err().contains("never sent"));
        assert!(check([1, 2], &[(3, 0)]).unwrap_err().contains("never sent"));
    }
}
