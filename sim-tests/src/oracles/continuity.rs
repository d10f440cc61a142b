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

pub(super) fn judge(plan: &FaultPlan, record: &RunLog) -> Result<(), String> {
    let coming_back = COMING_BACK_MS + ROUND_TRIPS * plan.longest_round_trip_ms();
    let covered = |whose: &[usize]| plan.outage_ms(whose) + coming_back <= plan.topology.history_ms;
    for (listener, participant) in record.participants.iter().enumerate() {
        for track in participant.lives.iter().flat_map(|life| &life.tracks) {
            let whose = format!("p{listener} of p{}/{}", track.speaker, track.name);
            in_order(record, track).map_err(|how| format!("{whose}: {how}"))?;
            let once = |who: usize| record.participants[who].lives.len() == 1;
            let is_lost = |who: usize| plan.lost_for_good(who as u64).is_some();
            let lost = is_lost(listener) || is_lost(track.speaker);
            let throughout = !track.left && participant.lives[0].since == track.since;
            if covered(&[listener, track.speaker])
                && !lost
                && throughout
                && track.name == "lossless"
                && once(listener)
                && once(track.speaker)
            {
                complete(record, track).map_err(|how| format!("{whose}: {how}"))?;
            }
        }
    }
    Ok(())
}

fn in_order(record: &RunLog, track: &TrackLog) -> Result<(), String> {
    let speaker = &record.participants[track.speaker];
    let mut next: Option<FrameNumber> = None;
    // What is next of each life.
    let mut of_lives: BTreeMap<u64, u64> = BTreeMap::new();
    for heard in &track.heard {
        let number = heard.number;
        let missing = heard.gap.map_or(0, |gap| gap.frames);
        let said = speaker.life(number.incarnation).and_then(|life| life.said.get(&track.name));
        let index = usize::try_from(number.sequence).unwrap_or(usize::MAX);
        let Some(original) = said.and_then(|said| said.get(index)) else {
            return Err(format!("{number:?} was never said"));
        };
        let claimed = (&heard.payload, heard.captured_at, heard.keyframe);
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
                if later(speaker, next.incarnation, number.incarnation)
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
fn later(speaker: &ParticipantLog, one: u64, other: u64) -> bool {
    let since = |incarnation| speaker.life(incarnation).map(|life| life.since);
    since(other) > since(one)
}

fn complete(record: &RunLog, track: &TrackLog) -> Result<(), String> {
    let said = record.participants[track.speaker].last().said[&track.name].len();
    let heard = track.heard.len();
    if heard == said {
        return Ok(());
    }
    let gaps: Vec<_> = track.heard.iter().filter_map(|heard| heard.gap).collect();
    Err(format!("{heard} of {said} frames heard, finished: {}, gaps: {gaps:?}", track.finished))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use holdline_core::Timestamp;
    use holdline_sim::{CallLog, DeliveredFrame, SentFrame};

    use super::*;

    /// Of a speaker of whose lives the later ones have these numbers, who said ten frames in each.
    fn heard(incarnations: [u64; 2], frames: &[(u64, u64)]) -> Result<(), String> {
        let at = |sequence| Timestamp::from_micros(sequence * 20_000);
        let payload = Bytes::from_static(b"speech");
        let said =
            |sequence| SentFrame { at: at(sequence), keyframe: true, payload: payload.clone() };
        let life = |(since, incarnation)| CallLog {
            since: Timestamp::from_micros(since),
            incarnation,
            said: [("live".to_owned(), (0..10).map(said).collect())].into(),
            ..CallLog::default()
        };
        let speaker = ParticipantLog { lives: (0..).zip(incarnations).map(life).collect() };
        let heard = |&(incarnation, sequence)| DeliveredFrame {
            at: at(sequence),
            number: FrameNumber::new(incarnation, sequence),
            captured_at: at(sequence).as_micros(),
            keyframe: true,
            payload: payload.clone(),
            gap: None,
        };
        let heard = frames.iter().map(heard).collect();
        let track = TrackLog { name: "live".to_owned(), heard, ..TrackLog::default() };
        let record = RunLog { participants: vec![speaker], ..RunLog::default() };
        in_order(&record, &track)
    }

    #[test]
    fn a_next_life_follows_wherever_it_is_heard_first() {
        assert_eq!(heard([1, 2], &[(1, 0), (1, 1), (2, 4), (2, 5)]), Ok(()));
        // Its clock was set back.
        assert_eq!(heard([2, 1], &[(2, 0), (2, 1), (1, 4), (1, 5)]), Ok(()));
    }

    #[test]
    fn a_former_life_follows_only_under_a_greater_number_and_goes_on_where_it_was_left() {
        assert!(heard([1, 2], &[(2, 0), (1, 0)]).unwrap_err().contains("of an earlier life"));
        assert_eq!(heard([2, 1], &[(2, 0), (1, 4), (2, 1), (1, 5)]), Ok(()));
        assert!(heard([2, 1], &[(2, 0), (1, 4), (2, 0)]).unwrap_err().contains("once more"));
        assert!(heard([2, 1], &[(2, 5), (1, 4), (2, 3)]).unwrap_err().contains("once more"));
    }

    #[test]
    fn within_a_life_each_frame_follows_the_one_before_or_is_told_to_be_missing() {
        assert!(heard([1, 2], &[(1, 1), (1, 1)]).unwrap_err().contains("after"));
        assert!(heard([1, 2], &[(1, 0), (1, 2)]).unwrap_err().contains("was due"));
        assert!(heard([1, 2], &[(1, 10)]).unwrap_err().contains("never said"));
        assert!(heard([1, 2], &[(3, 0)]).unwrap_err().contains("never said"));
    }
}
