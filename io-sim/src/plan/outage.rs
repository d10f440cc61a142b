//! The outages of a plan: how long its faults can keep participants from relays, and from each
//! other.

use super::FaultPlan;
use super::fault::{Fault, FaultKind};
use super::fault_target::FaultTarget;

/// How long a call that loses the path to its relay takes at most until it is live on another one,
/// in milliseconds: a second to suspect the path, half of one until other relays are dialled, the
/// dial, and two seconds in which the participants that it does not find there may still arrive.
const MOVE_MS: u64 = 5_000;
/// How long participants send frames after they have met, in milliseconds.
const TOGETHER_MS: u64 = 4_000;

impl FaultPlan {
    /// How long two participants are apart at most after one of them has lost its path to a relay
    /// and moved to another one, in milliseconds.
    ///
    /// In the longest case the relay announces the lost participant for 10 s, the others expect its
    /// return for 2 s, and the smallest name waits for 8 s before it probes other relays and moves.
    /// That one is missed in turn, and followed within 3 s. Two probes and two moves take the rest.
    pub const MEETING_MS: u64 = 26_000;

    /// How long participants send frames, in milliseconds from the start: as the topology says, but
    /// until every temporary fault has ended, and until participants that lost a path for good have
    /// been together again for some time.
    pub fn speech_end_ms(&self) -> u64 {
        let is_lost = |fault: &&Fault| {
            fault.is_lasting() && matches!(fault.kind, FaultKind::PathPartition { .. })
        };
        let lost = self.faults.iter().filter(is_lost);
        let met = lost.map(|fault| fault.at_ms + Self::MEETING_MS + TOGETHER_MS).max().unwrap_or(0);
        self.topology.speech_ms.max(self.healed_ms()).max(met)
    }

    /// The sum of the outages that faults can cause to a participant's call, in milliseconds. A
    /// lost path is an outage until the call is on another relay, if it reaches one.
    pub fn outage_ms(&self, who: usize) -> u64 {
        self.sum_of_outages(&[who]) + self.sum_of_lost_paths(&[who], MOVE_MS)
    }

    /// The sum of the times for which faults can keep two participants apart, in milliseconds.
    ///
    /// Participants gather where the smallest name is, so a lost path of anybody can separate any
    /// two, until all meet on another relay, if there is one that all of them reach.
    pub fn separation_ms(&self, pair: [usize; 2]) -> u64 {
        let everyone: Vec<usize> = (0..self.topology.participants as usize).collect();
        self.sum_of_outages(&pair) + self.sum_of_lost_paths(&everyone, Self::MEETING_MS)
    }

    /// The sum of the outages by temporary faults of relays, and of these participants at all.
    fn sum_of_outages(&self, whose: &[usize]) -> u64 {
        let outages = self.faults.iter().filter(|fault| match fault.kind.target() {
            FaultTarget::Participant(who) => whose.contains(&(who as usize)),
            FaultTarget::Relay(_) => true,
            FaultTarget::Path { .. } => false,
        });
        let outages = outages.filter(|fault| fault.blocks_calls() && !fault.is_lasting());
        outages.map(|fault| fault.for_ms).sum()
    }

    /// The sum of the outages by lost paths of these participants, each of which ends after some
    /// time on another relay.
    fn sum_of_lost_paths(&self, whose: &[usize], detour_ms: u64) -> u64 {
        let outages = self.faults.iter().map(|fault| match fault.kind {
            FaultKind::PathPartition { participant, relay, .. }
                if whose.contains(&(participant as usize)) =>
            {
                let during = (fault.at_ms, fault.end_ms());
                fault.for_ms.min(detour_ms + self.without_another_ms(relay, whose, during))
            }
            _ => 0,
        });
        outages.sum()
    }

    /// Whether these participants have a relay in common beside the given one at every moment from
    /// one time to another, in milliseconds from the start.
    pub fn have_another_relay(&self, whose: &[usize], beside: u64, during: (u64, u64)) -> bool {
        self.without_another_ms(beside, whose, during) == 0
    }

    /// How long, within a time, these participants have no relay in common beside the given one, in
    /// milliseconds.
    fn without_another_ms(&self, beside: u64, whose: &[usize], (from, to): (u64, u64)) -> u64 {
        let edges = self.faults.iter().flat_map(|fault| [fault.at_ms, fault.end_ms()]);
        let edges = edges.chain([from, to]);
        let mut edges: Vec<u64> = edges.map(|edge| edge.clamp(from, to)).collect();
        edges.sort_unstable();
        // Nothing changes between two edges.
        let parts = edges.windows(2).map(|part| (part[0], part[1] - part[0]));
        let others = || (0..self.topology.relays).filter(|relay| *relay != beside);
        let without =
            parts.filter(|(at, _)| !others().any(|relay| self.is_reached(relay, whose, *at)));
        without.map(|(_, ms)| ms).sum()
    }

    /// Whether no fault of a relay, or of a path to it, keeps these participants from it now.
    fn is_reached(&self, which: u64, whose: &[usize], at_ms: u64) -> bool {
        let now = self.faults.iter().filter(|f| (f.at_ms..f.end_ms()).contains(&at_ms));
        let mut obstacles = now.filter(|fault| match fault.kind {
            FaultKind::RelayCrash { relay }
            | FaultKind::SlowRelay { relay }
            | FaultKind::RefusingRelay { relay } => relay == which,
            FaultKind::PathPartition { participant, relay, .. } => {
                relay == which && whose.contains(&(participant as usize))
            }
            _ => false,
        });
        obstacles.next().is_none()
    }

    /// When a participant is permanently cut off, in milliseconds from the start: by a partition,
    /// or because every relay has crashed or is out of its reach.
    pub fn cut_off_since(&self, who: u64) -> Option<u64> {
        let partition = self.lasting_since(
            |kind| matches!(kind, FaultKind::Partition { participant, .. } if *participant == who),
        );
        let relays = (0..self.topology.relays).map(|relay| self.unreachable_since(who, relay));
        let deserted: Option<Vec<u64>> = relays.collect();
        let deserted = deserted.and_then(|since| since.into_iter().max());
        partition.into_iter().chain(deserted).min()
    }

    /// When a relay is permanently out of a participant's reach, in milliseconds from the start.
    fn unreachable_since(&self, who: u64, which: u64) -> Option<u64> {
        self.lasting_since(|kind| match *kind {
            FaultKind::RelayCrash { relay } => relay == which,
            FaultKind::PathPartition { participant, relay, .. } => {
                (participant, relay) == (who, which)
            }
            _ => false,
        })
    }

    /// When the first of the permanent faults of a kind begins.
    fn lasting_since(&self, is_it: impl Fn(&FaultKind) -> bool) -> Option<u64> {
        let lasting = self.faults.iter().filter(|fault| fault.is_lasting() && is_it(&fault.kind));
        lasting.map(|fault| fault.at_ms).min()
    }

    /// Whether all participants that are not cut off can be on one relay in the end. A call is on
    /// one relay at a time, so without such a relay some of them cannot meet.
    pub fn has_common_relay(&self) -> bool {
        let participants = 0..self.topology.participants;
        let connected: Vec<u64> =
            participants.filter(|who| self.cut_off_since(*who).is_none()).collect();
        let is_common =
            |relay| connected.iter().all(|who| self.unreachable_since(*who, relay).is_none());
        (0..self.topology.relays).any(is_common)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::super::fault::FOREVER_MS;
    use super::*;

    /// The fault from one time to another; without an end if that is `None`.
    fn fault(kind: FaultKind, from: u64, to: Option<u64>) -> Fault {
        Fault { at_ms: from, for_ms: to.unwrap_or(FOREVER_MS) - from, kind }
    }

    fn path(participant: u64, relay: u64, from: u64, to: Option<u64>) -> Fault {
        fault(FaultKind::PathPartition { participant, relay, side: Side::Up }, from, to)
    }

    fn crash(relay: u64, from: u64, to: Option<u64>) -> Fault {
        fault(FaultKind::RelayCrash { relay }, from, to)
    }

    /// A plan with three participants and two relays.
    fn plan(faults: &[Fault]) -> FaultPlan {
        let mut plan = FaultPlan::generate(1);
        (plan.topology.participants, plan.topology.relays) = (3, 2);
        plan.topology.speech_ms = 20_000;
        plan.faults = faults.to_vec();
        plan
    }

    #[test]
    fn a_lost_path_is_an_outage_until_the_call_is_on_another_relay() {
        let long = plan(&[path(0, 0, 1_000, Some(31_000))]);
        assert_eq!((long.outage_ms(0), long.outage_ms(1)), (MOVE_MS, 0));
        assert_eq!(long.separation_ms([0, 1]), FaultPlan::MEETING_MS);
        // They may follow the other one.
        assert_eq!(long.separation_ms([1, 2]), FaultPlan::MEETING_MS);
        let short = plan(&[path(0, 0, 1_000, Some(3_000))]);
        assert_eq!((short.outage_ms(0), short.separation_ms([0, 2])), (2_000, 2_000));
        let lasting = plan(&[path(0, 0, 1_000, None)]);
        assert_eq!(lasting.outage_ms(0), MOVE_MS);
        let mut only = long.clone();
        only.topology.relays = 1;
        assert_eq!(only.outage_ms(0), 30_000);
    }

    #[test]
    fn a_lost_path_is_an_outage_while_no_other_relay_is_reached() {
        let lost = path(0, 0, 1_000, Some(31_000));
        // The crash counts for itself, too, as every fault of a relay does.
        let crashed = plan(&[lost, crash(1, 500, Some(8_000))]);
        assert_eq!(crashed.outage_ms(0), MOVE_MS + 7_000 + 7_500);
        // Another participant's path matters only for meeting it.
        let crossed = plan(&[lost, path(1, 1, 1_000, Some(31_000))]);
        assert_eq!(crossed.outage_ms(0), MOVE_MS);
        assert_eq!(crossed.separation_ms([0, 1]), 60_000);
        assert!(!crossed.have_another_relay(&[0, 1], 0, (1_000, 2_000)));
        assert!(crossed.have_another_relay(&[0, 1], 0, (31_000, 40_000)));
        assert!(crossed.have_another_relay(&[0, 2], 0, (1_000, 2_000)));
    }

    #[test]
    fn a_participant_is_cut_off_once_it_reaches_no_relay() {
        let one = plan(&[path(0, 0, 1_000, None), path(0, 1, 2_000, Some(9_000))]);
        assert_eq!(one.cut_off_since(0), None);
        let both = plan(&[path(0, 0, 1_000, None), path(0, 1, 2_000, None)]);
        assert_eq!((both.cut_off_since(0), both.cut_off_since(1)), (Some(2_000), None));
        let and_crashed = plan(&[path(0, 0, 3_000, None), crash(1, 2_000, None)]);
        assert_eq!(
            (and_crashed.cut_off_since(0), and_crashed.cut_off_since(1)),
            (Some(3_000), None)
        );
        assert!(both.has_common_relay() && and_crashed.has_common_relay());
    }

    #[test]
    fn participants_without_a_common_relay_cannot_meet() {
        let crossed = plan(&[path(0, 0, 1_000, None), path(2, 1, 2_000, None)]);
        assert!((0..3).all(|who| crossed.cut_off_since(who).is_none()));
        assert!(!crossed.has_common_relay());
        let temporary = plan(&[path(0, 0, 1_000, None), path(2, 1, 2_000, Some(9_000))]);
        assert!(temporary.has_common_relay());
    }

    #[test]
    fn frames_are_sent_until_those_have_met_that_lost_a_path_for_good() {
        assert_eq!(plan(&[path(0, 0, 1_000, Some(9_000))]).speech_end_ms(), 20_000);
        assert_eq!(plan(&[path(0, 0, 1_000, Some(29_000))]).speech_end_ms(), 29_000);
        assert_eq!(plan(&[path(0, 0, 1_000, None)]).speech_end_ms(), 31_000);
    }
}
