//! The script of a run, the same in both simulators: who publishes and subscribes, when, and which
//! frames.

use std::time::Duration;

use bytes::Bytes;
use holdline_core::Config;
use holdline_core::media::{Frame, Retention, Track};

use crate::conditions::{Conditions, span};
use crate::plan::{Fault, FaultKind, FaultPlan, Topology};
use crate::rng::{RngStream, SimRng};

/// How long the calls continue after the last fault and the last frame, in microseconds. Every
/// repair is complete by then.
const SETTLING: u64 = 15_000_000;
/// How long a cut-off call takes to fail, in microseconds: the policy's window, and some seconds to
/// notice the outage.
const GIVE_UP_TIME: u64 = 45_000_000;
/// The start of every run by a correct clock, in milliseconds since 1970: 15 January 2027, 8:00.
pub(crate) const START_UNIX_MS: u64 = 1_800_000_000_000;
/// One video frame in so many is a keyframe.
const KEYFRAME_EVERY: u64 = 25;

/// The specification of a track that participants publish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackSpec {
    pub(crate) name: &'static str,
    /// The length of its frames, in bytes.
    bytes: usize,
    kind: TrackMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrackMode {
    Lossless { history: Duration },
    Live,
    Video,
}

/// The track of a screen share.
pub(crate) const SCREEN: TrackSpec =
    TrackSpec { name: "screen", bytes: 1_500, kind: TrackMode::Video };

/// The script of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) topology: Topology,
    pub(crate) conditions: Conditions,
    /// The tracks that every participant publishes.
    track_specs: Vec<TrackSpec>,
    /// When each participant starts its call, and when it sends its first frame, in microseconds.
    starts: Vec<(u64, u64)>,
    /// When every participant has sent its last frame, in microseconds.
    pub(crate) speech_end: u64,
    /// When every participant closes its call, in microseconds.
    pub(crate) end: u64,
}

impl Script {
    pub(crate) fn new(plan: &FaultPlan) -> Self {
        let mut rng = SimRng::new(plan.seed, RngStream::Script);
        let starts = (0..plan.topology.participants).map(|_| {
            let begin = rng.between(0, 500_000);
            (begin, begin + rng.between(0, 1_000_000))
        });
        let speech_end = plan.speech_end_ms() * 1_000;
        let lost = (0..plan.topology.participants)
            .filter_map(|who| plan.cut_off_since(who).map(|since| (who, since)));
        let given_up = lost.map(|(who, since)| {
            // A new call, or one that was suspended, notices the outage only then.
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

    /// Every participant but `who`.
    pub(crate) fn others(&self, who: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.participants()).filter(move |other| *other != who)
    }

    /// When a participant starts its call, and when it sends its first frame. A restarted process
    /// does both at once.
    pub(crate) fn starts(&self, who: usize) -> (u64, u64) {
        self.starts[who]
    }

    /// The relays in the order in which the directory lists them.
    pub(crate) fn relay_list(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.topology.relays as usize).rev()
    }

    /// The tracks that every participant publishes.
    pub(crate) fn track_specs(&self) -> &[TrackSpec] {
        &self.track_specs
    }

    /// Frame `number` of a participant's call on one of its tracks.
    pub(crate) fn frame(
        &self,
        (who, call_index): (usize, usize),
        spec: &TrackSpec,
        number: u64,
        at: u64,
    ) -> Frame {
        let mut payload = vec![0x5a; spec.bytes];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8] = u8::try_from(who).unwrap_or(u8::MAX);
        payload[9] = u8::try_from(call_index).unwrap_or(u8::MAX);
        payload[10] = spec.name.as_bytes()[1];
        let keyframe = spec.kind == TrackMode::Video && number.is_multiple_of(KEYFRAME_EVERY);
        let payload = Bytes::from(payload);
        if keyframe { Frame::key(at, payload) } else { Frame::new(at, payload) }
    }

    /// The seed of a participant's call.
    pub(crate) fn seed(&self, who: usize, call_index: usize) -> u64 {
        let number = who as u64 * 64 + call_index as u64;
        SimRng::numbered(self.seed, RngStream::Calls, number).draw()
    }

    /// The reading of a participant's wall clock, in milliseconds since 1970.
    pub(crate) fn wall_clock(&self, who: usize, at: u64) -> u64 {
        let right = START_UNIX_MS + at / 1_000;
        right.saturating_add_signed(self.conditions.clock_error(who, at))
    }

    /// The first epoch of a participant's call that starts at that time.
    pub(crate) fn first_epoch(&self, who: usize, call_index: usize, at: u64) -> u64 {
        Config::epoch_at(self.wall_clock(who, at), self.seed(who, call_index))
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

/// When processes stop and start, in order: the time, the process, and whether it starts. After
/// overlapping faults, a process starts when the last one ends.
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
    fn overlapping_crashes_become_one_outage() {
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
