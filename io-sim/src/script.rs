//! What everybody does in a run, whatever the world it is played in: who speaks and listens, when, and
//! what is said.

use std::time::Duration;

use bytes::Bytes;
use holdline_core::{Config, Frame, Retention, Track};

use crate::conditions::{Conditions, span};
use crate::plan::{Fault, FaultKind, FaultPlan, Topology};
use crate::rng::{RngStream, SimRng};

/// How long the calls go on after the last fault is over and everybody has said everything, in
/// microseconds. Whatever was to be repaired is by then.
const SETTLING: u64 = 15_000_000;
/// How long a call may take to give up for good, in microseconds: the policy's window, and some seconds to
/// notice.
const GIVE_UP_TIME: u64 = 45_000_000;
/// When runs begin by a right clock, in milliseconds since 1970: 15 January 2027, 8 o'clock.
pub(crate) const START_UNIX_MS: u64 = 1_800_000_000_000;
/// How often a video track can be begun with.
const KEYFRAME_EVERY: u64 = 25;

/// A track that everybody speaks on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackSpec {
    pub(crate) name: &'static str,
    /// How long its frames are, in bytes.
    bytes: usize,
    kind: TrackMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrackMode {
    Lossless { history: Duration },
    Live,
    Video,
}

/// What somebody presents.
pub(crate) const SCREEN: TrackSpec =
    TrackSpec { name: "screen", bytes: 1_500, kind: TrackMode::Video };

/// The run of a plan, as everybody in it knows it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) topology: Topology,
    pub(crate) conditions: Conditions,
    /// The tracks that everybody speaks on.
    track_specs: Vec<TrackSpec>,
    /// When each participant begins its call and when it begins to speak, in microseconds.
    starts: Vec<(u64, u64)>,
    /// When everybody has said everything, in microseconds.
    pub(crate) speech_end: u64,
    /// When everybody closes its call, in microseconds.
    pub(crate) end: u64,
}

impl Script {
    pub(crate) fn new(plan: &FaultPlan) -> Self {
        let mut rng = SimRng::new(plan.seed, RngStream::Script);
        let starts = (0..plan.topology.participants).map(|_| {
            let begin = rng.between(0, 500_000);
            (begin, begin + rng.between(0, 1_000_000))
        });
        let speech_end = plan.topology.speech_ms.max(plan.healed_ms()) * 1_000;
        let lost = (0..plan.topology.participants)
            .filter_map(|who| plan.cut_off_since(who).map(|since| (who, since)));
        let given_up = lost.map(|(who, since)| {
            // A new call, or one that was suspended, notices only then.
            let later = plan.faults.iter().filter(|fault| {
                let sleeps = matches!(
                    fault.kind,
                    FaultKind::Restart { .. }
                        | FaultKind::HangUp { .. }
                        | FaultKind::Suspend { .. }
                );
                sleeps && fault.kind.participant() == Some(who)
            });
            let later = later.map(|fault| span(fault).1).max().unwrap_or(0);
            later.max(since * 1_000) + GIVE_UP_TIME
        });
        let given_up = given_up.max().unwrap_or(0);
        Self {
            seed: plan.seed,
            topology: plan.topology.clone(),
            conditions: Conditions::new(plan),
            track_specs: track_specs(&plan.topology),
            starts: starts.collect(),
            speech_end,
            end: (speech_end + SETTLING).max(given_up),
        }
    }

    pub(crate) fn participants(&self) -> usize {
        self.starts.len()
    }

    /// Everybody but `who`.
    pub(crate) fn others(&self, who: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.participants()).filter(move |other| *other != who)
    }

    /// When a participant begins its call, and when it begins to speak. A new process does both at once.
    pub(crate) fn starts(&self, who: usize) -> (u64, u64) {
        self.starts[who]
    }

    /// The relays as they are named when somebody asks which there are.
    pub(crate) fn relay_list(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.topology.relays as usize).rev()
    }

    /// What everybody speaks on.
    pub(crate) fn track_specs(&self) -> &[TrackSpec] {
        &self.track_specs
    }

    /// Frame `number` of a participant, in one of its lives, on one of its tracks.
    pub(crate) fn frame(
        &self,
        (who, life): (usize, usize),
        spec: &TrackSpec,
        number: u64,
        at: u64,
    ) -> Frame {
        let mut payload = vec![0x5a; spec.bytes];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8] = u8::try_from(who).unwrap_or(u8::MAX);
        payload[9] = u8::try_from(life).unwrap_or(u8::MAX);
        payload[10] = spec.name.as_bytes()[1];
        let keyframe = spec.kind == TrackMode::Video && number.is_multiple_of(KEYFRAME_EVERY);
        let payload = Bytes::from(payload);
        if keyframe { Frame::key(at, payload) } else { Frame::new(at, payload) }
    }

    /// The seed of a participant's call.
    pub(crate) fn seed(&self, who: usize, life: usize) -> u64 {
        let number = who as u64 * 64 + life as u64;
        SimRng::numbered(self.seed, RngStream::Calls, number).draw()
    }

    /// What a participant's wall clock shows, in milliseconds since 1970.
    pub(crate) fn wall_clock(&self, who: usize, at: u64) -> u64 {
        let right = START_UNIX_MS + at / 1_000;
        right.saturating_add_signed(self.conditions.clock_error(who, at))
    }

    /// The first epoch of a participant's process that begins at that time.
    pub(crate) fn first_epoch(&self, who: usize, life: usize, at: u64) -> u64 {
        Config::epoch_at(self.wall_clock(who, at), self.seed(who, life))
    }
}

fn track_specs(topology: &Topology) -> Vec<TrackSpec> {
    let recorded = usize::try_from(topology.lossless_bytes).unwrap_or(usize::MAX);
    let kind = TrackMode::Lossless { history: Duration::from_millis(topology.history_ms) };
    let lossless = TrackSpec { name: "lossless", bytes: recorded, kind };
    let live = TrackSpec { name: "live", bytes: 160, kind: TrackMode::Live };
    let video = TrackSpec { name: "video", bytes: 1_500, kind: TrackMode::Video };
    if topology.video { vec![lossless, live, video] } else { vec![lossless, live] }
}

impl TrackSpec {
    pub(crate) fn track(&self) -> Track {
        match self.kind {
            TrackMode::Lossless { history } => {
                let track = Track::audio(self.name).lossless();
                let retention = Retention { age: history, ..track.retention };
                track.retaining(retention)
            }
            TrackMode::Live => Track::audio(self.name),
            TrackMode::Video => Track::video(self.name),
        }
    }
}

pub(crate) fn participant_name(who: usize) -> String {
    format!("p{who}")
}

/// When processes end and begin again, in order: when, whose, and whether it begins. Where faults of one overlap, it begins
/// when all of them are over.
pub(crate) fn restarts(
    plan: &FaultPlan,
    process_of: impl Fn(&FaultKind) -> Option<usize>,
) -> Vec<(u64, usize, bool)> {
    let of = |fault: &Fault| process_of(&fault.kind).map(|which| (which, span(fault)));
    let mut spans: Vec<(usize, (u64, u64))> = plan.faults.iter().filter_map(of).collect();
    spans.sort_unstable();
    spans.dedup_by(|(later, (from, to)), (which, (_, until))| {
        let overlap = later == which && from <= until;
        if overlap {
            *until = (*until).max(*to);
        }
        overlap
    });
    let ends = spans.iter().map(|(which, (from, _))| (*from, *which, false));
    let starts = spans.iter().map(|(which, (_, to))| (*to, *which, true));
    let mut restarts: Vec<_> = ends.chain(starts).collect();
    restarts.sort_unstable();
    restarts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_away_twice_at_a_time_is_away_once_for_as_long_as_both_say() {
        let mut plan = FaultPlan::generate(1);
        let crash = |relay, at_ms, for_ms| {
            let kind = FaultKind::RelayCrash { relay };
            Fault { at_ms, for_ms, kind }
        };
        plan.faults = vec![
            crash(0, 400, 50),
            crash(0, 100, 200),
            crash(1, 150, 10),
            crash(0, 350, 10),
            crash(0, 200, 50),
            crash(0, 290, 20),
        ];
        let restarts = restarts(&plan, |kind| match kind {
            FaultKind::RelayCrash { relay } => Some(*relay as usize),
            _ => None,
        });
        let expected = [
            (100, 0, false),
            (150, 1, false),
            (160, 1, true),
            (310, 0, true),
            (350, 0, false),
            (360, 0, true),
            (400, 0, false),
            (450, 0, true),
        ];
        assert_eq!(restarts, expected.map(|(ms, which, starts)| (ms * 1_000, which, starts)));
    }
}
