//! The coverage of a campaign: faults by call state, cells of the transition matrix, and recovery
//! times by kind of fault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{CallLog, DeliveredFrame, Fault, FaultKind, FaultPlan, RunLog, TrackLog};

/// How long no other fault may be active before and after a fault, in milliseconds, for a recovery
/// to be attributed to it.
const QUIET_BEFORE_MS: u64 = 3_000;
const QUIET_AFTER_MS: u64 = 9_000;

/// The coverage of one or more runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How often a fault of a family began while a call it affects was in a state.
    pub faults: BTreeMap<(&'static str, StateName), u64>,
    /// The cells of the transition matrix that were reached: pairs of a state and an input.
    pub cells: BTreeSet<(StateName, &'static str)>,
    /// For each family of faults, the times from the end of a fault to the first new frame.
    pub recovery: BTreeMap<&'static str, RecoveryTimes>,
    /// The longest silences after a lost path to one of several relays.
    pub silence: RecoveryTimes,
}

/// A histogram of times, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryTimes(BTreeMap<u64, u64>);

impl RecoveryTimes {
    /// Counts one time.
    pub fn add(&mut self, ms: u64) {
        *self.0.entry(ms).or_default() += 1;
    }

    fn add_all(&mut self, other: Self) {
        for (ms, count) in other.0 {
            *self.0.entry(ms).or_default() += count;
        }
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time that so many in a thousand do not exceed.
    pub fn per_mille(&self, share: u64) -> Option<u64> {
        let rank = (self.count() * share).div_ceil(1_000).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|(ms, count)| {
            seen += count;
            (seen >= rank).then_some(*ms)
        })
    }

    /// The longest time.
    pub fn longest(&self) -> Option<u64> {
        self.0.last_key_value().map(|(ms, _)| *ms)
    }
}

impl Coverage {
    /// The coverage of one run.
    pub fn of(plan: &FaultPlan, log: &RunLog) -> Self {
        let mut coverage = Self { cells: log.cells.clone(), ..Self::default() };
        for fault in &plan.faults {
            let at = Timestamp::from_millis(fault.at_ms);
            for who in affected(plan, fault) {
                let calls = log.participants[who].calls.iter().rev();
                let call = calls.into_iter().find(|call| call.since <= at);
                if let Some(call) = call {
                    *coverage
                        .faults
                        .entry((fault.kind.family(), state_at(call, at)))
                        .or_default() += 1;
                }
            }
        }
        for (fault, ms) in recoveries(plan, log) {
            coverage.recovery.entry(fault.kind.family()).or_default().add(ms);
        }
        silences(plan, log).for_each(|(.., silence)| coverage.silence.add(silence));
        coverage
    }

    /// Adds the coverage of another run.
    pub fn add(&mut self, other: Self) {
        for (key, count) in other.faults {
            *self.faults.entry(key).or_default() += count;
        }
        self.cells.extend(other.cells);
        for (family, times) in other.recovery {
            self.recovery.entry(family).or_default().add_all(times);
        }
        self.silence.add_all(other.silence);
    }
}

fn affected(plan: &FaultPlan, fault: &Fault) -> Vec<usize> {
    match fault.kind.participant() {
        Some(participant) => vec![participant as usize],
        None => (0..plan.topology.participants as usize).collect(),
    }
}

fn state_at(call: &CallLog, at: Timestamp) -> StateName {
    let changes = call.events.iter().take_while(|(when, _)| *when < at);
    let state = changes.filter_map(|(_, event)| match event {
        Event::StateChanged { to, .. } => Some(*to),
        _ => None,
    });
    state.last().unwrap_or(StateName::Idle)
}

/// The recovery times after isolated temporary faults that participants cannot avoid, one for each
/// track that the fault affects: the milliseconds from its end to the delivery of the first frame
/// captured after it.
pub(crate) fn recoveries<'a>(
    plan: &'a FaultPlan,
    log: &'a RunLog,
) -> impl Iterator<Item = (&'a Fault, u64)> {
    let frames_end = plan.speech_end_ms();
    let is_isolated = move |fault: &&Fault| {
        let quiet_until = fault.at_ms + fault.for_ms + QUIET_AFTER_MS;
        fault.interrupts()
            && quiet_until <= frames_end
            && is_alone(plan, fault, quiet_until)
            && detour(plan, fault).is_none()
    };
    plan.faults.iter().filter(is_isolated).flat_map(|fault| {
        let heals = Timestamp::from_millis(fault.at_ms + fault.for_ms);
        affected_tracks(plan, log, fault).into_iter().map(move |track| {
            let fresh = |delivered: &&DeliveredFrame| delivered.captured_at >= heals.as_micros();
            let after = track.delivered.iter().find(fresh).map(|delivered| delivered.at - heals);
            (fault, after.map_or(u64::MAX, |after| after.as_millis() as u64))
        })
    })
}

/// The longest silences after an isolated loss of a path that participants can avoid, one for each
/// live track that it affects: the track, and the milliseconds without a frame.
pub(crate) fn silences<'a>(
    plan: &'a FaultPlan,
    log: &'a RunLog,
) -> impl Iterator<Item = (&'a Fault, &'a TrackLog, u64)> {
    let avoidable = plan.faults.iter().filter_map(|fault| Some((fault, detour(plan, fault)?)));
    avoidable.flat_map(|(fault, (from, until))| {
        let (from, until) = (Timestamp::from_millis(from), Timestamp::from_millis(until));
        let tracks = affected_tracks(plan, log, fault).into_iter();
        tracks.map(move |track| (fault, track, longest_silence(track, from, until)))
    })
}

/// The longest time between two frames that are delivered one after the other, in milliseconds.
fn longest_silence(track: &TrackLog, from: Timestamp, until: Timestamp) -> u64 {
    let delivered = track.delivered.iter().map(|delivered| delivered.at);
    let during = delivered.filter(|at| (from..until).contains(at)).chain([until]);
    let pauses = during.scan(from, |last, at| Some(at - std::mem::replace(last, at)));
    pauses.max().map_or(0, |longest| longest.as_millis() as u64)
}

/// When all participants can avoid a lost path on another relay, in milliseconds: from its begin
/// until some time after its end. `None` if another fault is near, or if it is no lost path.
fn detour(plan: &FaultPlan, fault: &Fault) -> Option<(u64, u64)> {
    let everyone: Vec<usize> = (0..plan.topology.participants as usize).collect();
    detour_of(plan, fault, &everyone)
}

/// The same for some participants.
pub(crate) fn detour_of(plan: &FaultPlan, fault: &Fault, whose: &[usize]) -> Option<(u64, u64)> {
    let FaultKind::PathPartition { relay, .. } = fault.kind else { return None };
    let until = (fault.at_ms + fault.for_ms + QUIET_AFTER_MS).min(plan.speech_end_ms());
    let during = (fault.at_ms, until);
    let is_alone = fault.at_ms < until && is_alone(plan, fault, until);
    (is_alone && plan.have_another_relay(whose, relay, during)).then_some(during)
}

/// Whether no other fault is active shortly before a fault, during it, or until the given time.
fn is_alone(plan: &FaultPlan, fault: &Fault, until_ms: u64) -> bool {
    let far = |other: &Fault| {
        std::ptr::eq(other, fault)
            || other.at_ms > until_ms
            || other.at_ms + other.for_ms + QUIET_BEFORE_MS < fault.at_ms
    };
    plan.faults.iter().all(far)
}

/// The live tracks that a fault affects, of calls that were up long enough before it.
fn affected_tracks<'a>(plan: &FaultPlan, log: &'a RunLog, fault: &Fault) -> Vec<&'a TrackLog> {
    let affected = affected(plan, fault);
    let is_cut_off = |who: usize| plan.cut_off_since(who as u64).is_some();
    let mut tracks = Vec::new();
    for (who, subscriber) in log.participants.iter().enumerate() {
        let call = subscriber.last();
        for track in call.tracks.iter().filter(|track| track.name == "live" && !track.unsubscribed)
        {
            let publisher = log.participants[track.publisher].last();
            let begun = track.since.max(publisher.since) + Duration::from_millis(QUIET_BEFORE_MS);
            let concerns = affected.contains(&who) || affected.contains(&track.publisher);
            let cut_off =
                is_cut_off(who) || is_cut_off(track.publisher) || !plan.has_common_relay();
            if concerns && !cut_off && Timestamp::from_millis(fault.at_ms) >= begun {
                tracks.push(track);
            }
        }
    }
    tracks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_mille_returns_the_time_of_that_share() {
        let mut times = RecoveryTimes::default();
        assert_eq!(times.per_mille(500), None);
        (1..=100).for_each(|ms| times.add(ms));
        assert_eq!((times.per_mille(500), times.per_mille(950)), (Some(50), Some(95)));
        assert_eq!((times.per_mille(1_000), times.longest()), (Some(100), Some(100)));
        times.add(7);
        assert_eq!(times.count(), 101);
    }
}
