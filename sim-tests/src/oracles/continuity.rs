//! No frame twice, none out of order, none altered, and what is missing is told, frame for frame. A
//! lossless track loses nothing while the outages are within the history.

use std::collections::BTreeMap;

use holdline_core::FrameNumber;
use holdline_sim::{FaultPlan, ParticipantLog, RunLog, TrackLog};

/// How much longer a history must be than all outages together to cover them: the time to come back. Pauses, and what
/// is waited for before others count as away.
const COMING_BACK_MS: u64 = 7_000;
/// How many times something is asked and answered until then: to dial, to agree, to look for the others on another
/// relay, to go there, to subscribe, and to ask for what is missing.
const ROUND_TRIPS: u64 = 8;

pub(super) fn judge(plan: &FaultPlan, log: &RunLog) -> Result<(), String> {
    let coming_back = COMING_BACK_MS + ROUND_TRIPS * plan.longest_round_trip_ms();
    let covered = |whose: &[usize]| plan.outage_ms(whose) + coming_back <= plan.topology.history_ms;
    for (listener, participant) in log.participants.iter().enumerate() {
        for track in participant.calls.iter().flat_map(|call| &call.tracks) {
            let whose = format!("p{listener} of p{}/{}", track.publisher, track.name);
            in_order(log, track).map_err(|detail| format!("{whose}: {detail}"))?;
            let once = |who: usize| log.participants[who].calls.len() == 1;
            let is_cut_off = |who: usize| plan.cut_off_since(who as u64).is_some();
            let cut_off = is_cut_off(listener) || is_cut_off(track.publisher);
            let throughout = !track.unsubscribed && participant.calls[0].since == track.since;
            if covered(&[listener, track.publisher])
                && !cut_off
                && throughout
                && track.name == "lossless"
                && once(listener)
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
    // What is next of each life.
    let mut of_lives: BTreeMap<u64, u64> = BTreeMap::new();
    for delivered in &track.delivered {
        let number = delivered.number;
        let missing = delivered.gap.map_or(0, |gap| gap.frames);
        let sent = publisher.call(number.incarnation).and_then(|call| call.sent.get(&track.name));
        let index = usize::try_from(number.sequence).unwrap_or(usize::MAX);
        let Some(original) = sent.and_then(|sent| sent.get(index)) else {
            return Err(format!("{number:?} was never said"));
        };
        let claimed = (&delivered.payload, delivered.captured_at, delivered.keyframe);
        if (&original.payload, original.at.as_micros(), original.keyframe) != claimed {
            return Err(format!("{number:?} is not what was said"));
        }
        match next {
            Some(next) if next.incarnation == number.incarnation => {
                if number.sequence < next.sequence {
                    return Err(format!("{number:?} after {next:?}"));
                }
                if number.sequence != next.sequence + missing {
                    return Err(format!("{number:?} came where {next:?} + {missing} told was due"));
                }
            }
            // A speaker's next life begins where it is heard first. If its clock was set back, nobody can know that
            // what a relay remembers of a former life, under a greater number, is not later still.
            Some(next)
                if later(publisher, next.incarnation, number.incarnation)
                    || number.incarnation > next.incarnation => {}
            Some(next) => return Err(format!("{number:?} of an earlier life than {next:?}")),
            None => {}
        }
        if of_lives.get(&number.incarnation).is_some_and(|next| number.sequence < *next) {
            return Err(format!("{number:?} once more"));
        }
        of_lives.insert(number.incarnation, number.sequence + 1);
        next = Some(FrameNumber::new(number.incarnation, number.sequence + 1));
    }
    Ok(())
}

/// Whether one life came after another.
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
    Err(format!("{delivered} of {sent} frames heard, finished: {}, gaps: {gaps:?}", track.finished))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use holdline_core::Timestamp;
    use holdline_sim::{CallLog, DeliveredFrame, SentFrame};

    use super::*;

    /// Of a speaker of whose lives the later ones have these numbers, who said ten frames in each.
    fn delivered(incarnations: [u64; 2], frames: &[(u64, u64)]) -> Result<(), String> {
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
    fn a_next_life_follows_wherever_it_is_heard_first() {
        assert_eq!(delivered([1, 2], &[(1, 0), (1, 1), (2, 4), (2, 5)]), Ok(()));
        // Its clock was set back.
        assert_eq!(delivered([2, 1], &[(2, 0), (2, 1), (1, 4), (1, 5)]), Ok(()));
    }

    #[test]
    fn a_former_life_follows_only_under_a_greater_number_and_goes_on_where_it_was_left() {
        assert!(delivered([1, 2], &[(2, 0), (1, 0)]).unwrap_err().contains("of an earlier life"));
        assert_eq!(delivered([2, 1], &[(2, 0), (1, 4), (2, 1), (1, 5)]), Ok(()));
        assert!(delivered([2, 1], &[(2, 0), (1, 4), (2, 0)]).unwrap_err().contains("once more"));
        assert!(delivered([2, 1], &[(2, 5), (1, 4), (2, 3)]).unwrap_err().contains("once more"));
    }

    #[test]
    fn within_a_life_each_frame_follows_the_one_before_or_is_told_to_be_missing() {
        assert!(delivered([1, 2], &[(1, 1), (1, 1)]).unwrap_err().contains("after"));
        assert!(delivered([1, 2], &[(1, 0), (1, 2)]).unwrap_err().contains("was due"));
        assert!(delivered([1, 2], &[(1, 10)]).unwrap_err().contains("never said"));
        assert!(delivered([1, 2], &[(3, 0)]).unwrap_err().contains("never said"));
    }
}
