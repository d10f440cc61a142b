//! The conditions that a plan sets at each moment: which packets pass, and which relays are up.

use std::time::Duration;

use crate::plan::{Fault, FaultKind, FaultPlan, FaultTarget, Side};

/// The direction of a packet, as the participant sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// What an application does during a call because its host or its user wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AppAction {
    /// Reports that the host has another network.
    NetworkChanged,
    ReconnectNow,
    ReportDeviceError,
    RaiseSafetyAlert,
    /// Unsubscribes from every track.
    StopListening,
    ListenAgain,
    /// Publishes one more track.
    Present,
    StopPresenting,
    HangUp,
    CallAgain,
}

/// A token that a participant presents to relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IssuedToken {
    /// When relays stop accepting the token, in microseconds from the start; `None` if they accept
    /// it to the end of the run.
    pub(crate) expires: Option<u64>,
}

impl IssuedToken {
    /// How long from now relays accept the token.
    pub(crate) fn valid_for(&self, at: u64) -> Option<Duration> {
        self.expires.map(|expires| Duration::from_micros(expires.saturating_sub(at)))
    }
}

/// A fault with its begin and end, in microseconds from the start.
#[derive(Clone, Copy, Debug)]
struct TimedFault {
    from: u64,
    to: u64,
    kind: FaultKind,
}

impl TimedFault {
    fn is_active(&self, at: u64) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// The faults of a plan, by the participant or relay they hit; those of a path are among its
/// participant's. All times are in microseconds from
/// the start.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    participants: Vec<Vec<TimedFault>>,
    relays: Vec<Vec<TimedFault>>,
    /// The one-way latency of each participant.
    latencies: Vec<u64>,
}

/// The begin and end of a fault, in microseconds.
pub(crate) fn span(fault: &Fault) -> (u64, u64) {
    (fault.at_ms * 1_000, (fault.at_ms + fault.for_ms) * 1_000)
}

impl Conditions {
    pub(crate) fn new(plan: &FaultPlan) -> Self {
        let mut participants = vec![Vec::new(); plan.topology.participants as usize];
        let mut relays = vec![Vec::new(); plan.topology.relays as usize];
        for fault in &plan.faults {
            let (from, to) = span(fault);
            let timed_fault = TimedFault { from, to, kind: fault.kind };
            match fault.kind.target() {
                FaultTarget::Participant(who) | FaultTarget::Path { participant: who, .. } => {
                    participants[who as usize].push(timed_fault);
                }
                FaultTarget::Relay(relay) => relays[relay as usize].push(timed_fault),
            }
        }
        let latencies = plan.topology.latency_ms.iter().map(|ms| ms * 1_000).collect();
        Self { participants, relays, latencies }
    }

    fn active(&self, who: usize, at: u64) -> impl Iterator<Item = &FaultKind> {
        self.participants[who]
            .iter()
            .filter(move |fault| fault.is_active(at))
            .map(|fault| &fault.kind)
    }

    /// When the unbroken row of matching faults ends that is active at `at`; `None` if none is
    /// active.
    fn contiguous_until(
        faults: &[TimedFault],
        at: u64,
        is_match: impl Fn(&FaultKind) -> bool,
    ) -> Option<u64> {
        let mut end = at;
        while let Some(later) =
            faults.iter().filter(|f| f.is_active(end) && is_match(&f.kind)).map(|f| f.to).max()
        {
            end = later;
        }
        (end > at).then_some(end)
    }

    /// When packets of a participant's path to a relay pass again; `None` if they pass now.
    pub(crate) fn blocked_until(
        &self,
        (who, relay): (usize, usize),
        direction: Direction,
        at: u64,
    ) -> Option<u64> {
        Self::contiguous_until(&self.participants[who], at, |kind| match kind {
            FaultKind::Partition { side, .. } => side.includes(direction),
            FaultKind::PathPartition { relay: cut, side, .. } => {
                *cut as usize == relay && side.includes(direction)
            }
            FaultKind::NetworkChange { .. } => true,
            _ => false,
        })
    }

    /// The one-way latency of a packet, without the random part.
    pub(crate) fn latency(&self, who: usize, at: u64) -> u64 {
        let more = self.active(who, at).map(|kind| match kind {
            FaultKind::Latency { by_ms, .. } => by_ms * 1_000,
            _ => 0,
        });
        self.latencies[who] + more.sum::<u64>()
    }

    /// The lowest value that the active faults give, if any does.
    fn lowest(
        &self,
        who: usize,
        at: u64,
        value: impl Fn(&FaultKind) -> Option<u64>,
    ) -> Option<u64> {
        self.active(who, at).filter_map(value).min()
    }

    /// One packet in how many is lost.
    pub(crate) fn loss(&self, who: usize, at: u64) -> Option<u64> {
        self.lowest(who, at, |kind| match kind {
            FaultKind::Loss { one_in, .. } => Some(*one_in),
            _ => None,
        })
    }

    /// One packet in how many arrives altered.
    pub(crate) fn corruption(&self, who: usize, at: u64) -> Option<u64> {
        self.lowest(who, at, |kind| match kind {
            FaultKind::Corruption { one_in, .. } => Some(*one_in),
            _ => None,
        })
    }

    /// One packet in how many arrives twice.
    pub(crate) fn duplication(&self, who: usize, at: u64) -> Option<u64> {
        self.lowest(who, at, |kind| match kind {
            FaultKind::Duplication { one_in, .. } => Some(*one_in),
            _ => None,
        })
    }

    /// One packet in how many is delayed so that later ones overtake it, and by how much.
    pub(crate) fn reordering(&self, who: usize, at: u64) -> Option<(u64, u64)> {
        self.active(who, at).find_map(|kind| match kind {
            FaultKind::Reordering { one_in, by_ms, .. } => Some((*one_in, by_ms * 1_000)),
            _ => None,
        })
    }

    /// The bandwidth in bytes a second, each direction, and when that limit ends.
    pub(crate) fn bandwidth(&self, who: usize, at: u64) -> Option<(u64, u64)> {
        let narrow = self.participants[who].iter().filter(|fault| fault.is_active(at));
        let rates = narrow.filter_map(|fault| match fault.kind {
            FaultKind::Bandwidth { kbits, .. } => Some((kbits * 1_000 / 8, fault.to)),
            _ => None,
        });
        rates.min()
    }

    /// The longest packet that passes, in bytes of UDP payload.
    pub(crate) fn longest_packet(&self, who: usize, at: u64) -> Option<u64> {
        self.lowest(who, at, |kind| match kind {
            FaultKind::SmallPackets { bytes, .. } => Some(*bytes),
            _ => None,
        })
    }

    /// How often a participant's public address has changed so far.
    pub(crate) fn addresses_so_far(&self, who: usize, at: u64) -> u64 {
        self.count(who, at, |kind| matches!(kind, FaultKind::NetworkChange { .. }))
    }

    /// How often the NAT of a participant has dropped its port mappings so far.
    pub(crate) fn rebindings_so_far(&self, who: usize, at: u64) -> u64 {
        self.count(who, at, |kind| matches!(kind, FaultKind::Rebinding { .. }))
    }

    fn count(&self, who: usize, at: u64, is_match: impl Fn(&FaultKind) -> bool) -> u64 {
        let begun = self.participants[who].iter().filter(|f| f.from <= at && is_match(&f.kind));
        begun.count() as u64
    }

    /// The error of a participant's wall clock, in milliseconds.
    pub(crate) fn clock_error(&self, who: usize, at: u64) -> i64 {
        let jumps = self.participants[who].iter().filter(|fault| fault.from <= at);
        jumps
            .map(|fault| match fault.kind {
                FaultKind::ClockJump { by_ms, .. } => by_ms,
                _ => 0,
            })
            .sum()
    }

    /// When a suspended participant resumes; `None` if it is not suspended.
    pub(crate) fn suspended_until(&self, who: usize, at: u64) -> Option<u64> {
        let faults = &self.participants[who];
        Self::contiguous_until(faults, at, |kind| matches!(kind, FaultKind::Suspend { .. }))
    }

    /// The actions of a participant's application with their times, in order.
    pub(crate) fn app_actions(&self, who: usize) -> Vec<(u64, AppAction)> {
        let mut actions = Vec::new();
        for TimedFault { from, to, kind } in &self.participants[who] {
            match kind {
                FaultKind::NetworkChange { announced: true, .. } => {
                    actions.push((*to, AppAction::NetworkChanged));
                }
                FaultKind::Reconnect { .. } => actions.push((*from, AppAction::ReconnectNow)),
                FaultKind::DeviceError { .. } => {
                    actions.push((*from, AppAction::ReportDeviceError))
                }
                FaultKind::SafetyAlert { .. } => actions.push((*from, AppAction::RaiseSafetyAlert)),
                FaultKind::StopListening { .. } => {
                    actions
                        .extend([(*from, AppAction::StopListening), (*to, AppAction::ListenAgain)]);
                }
                FaultKind::Present { .. } => {
                    actions.extend([(*from, AppAction::Present), (*to, AppAction::StopPresenting)]);
                }
                FaultKind::HangUp { .. } => {
                    actions.extend([(*from, AppAction::HangUp), (*to, AppAction::CallAgain)]);
                }
                _ => {}
            }
        }
        actions.sort_unstable();
        actions
    }

    /// Whether participants query a directory for relays.
    pub(crate) fn uses_directory(&self) -> bool {
        let mut all = self.participants.iter().flatten();
        all.any(|fault| matches!(fault.kind, FaultKind::SilentDirectory { .. }))
    }

    /// When the directory answers a query that a participant sends now.
    pub(crate) fn directory_answers_at(&self, who: usize, at: u64) -> u64 {
        let faults = &self.participants[who];
        let silent = |kind: &FaultKind| matches!(kind, FaultKind::SilentDirectory { .. });
        Self::contiguous_until(faults, at, silent).unwrap_or(at)
    }

    /// Whether relays require tokens.
    pub(crate) fn require_tokens(&self) -> bool {
        let mut all = self.participants.iter().flatten();
        all.any(|fault| matches!(fault.kind, FaultKind::ExpiredToken { .. }))
    }

    /// The token that a participant is issued now; `None` if none is issued.
    pub(crate) fn token(&self, who: usize, at: u64) -> Option<IssuedToken> {
        let expire = |fault: &&TimedFault| matches!(fault.kind, FaultKind::ExpiredToken { .. });
        let faults = self.participants[who].iter().filter(expire);
        if faults.clone().any(|fault| fault.is_active(at)) {
            return None;
        }
        Some(IssuedToken {
            expires: faults.map(|fault| fault.from).filter(|from| *from > at).min(),
        })
    }

    /// Whether a relay is down.
    pub(crate) fn is_down(&self, relay: usize, at: u64) -> bool {
        let mut faults = self.relays[relay].iter().filter(|fault| fault.is_active(at));
        faults.any(|fault| matches!(fault.kind, FaultKind::RelayCrash { .. }))
    }

    /// How often a relay has crashed so far.
    pub(crate) fn crashes_so_far(&self, relay: usize, at: u64) -> u64 {
        let begun = self.relays[relay].iter().filter(|fault| fault.from <= at);
        begun.filter(|fault| matches!(fault.kind, FaultKind::RelayCrash { .. })).count() as u64
    }

    /// When a slow relay answers requests again; `None` if it answers them now.
    pub(crate) fn slow_until(&self, relay: usize, at: u64) -> Option<u64> {
        let faults = &self.relays[relay];
        Self::contiguous_until(faults, at, |kind| matches!(kind, FaultKind::SlowRelay { .. }))
    }

    /// Whether a relay refuses new namespaces.
    pub(crate) fn refuses_namespaces(&self, relay: usize, at: u64) -> bool {
        let mut faults = self.relays[relay].iter().filter(|fault| fault.is_active(at));
        faults.any(|fault| matches!(fault.kind, FaultKind::RefusingRelay { .. }))
    }
}

impl Side {
    pub(crate) fn includes(self, direction: Direction) -> bool {
        match self {
            Self::Up => direction == Direction::Up,
            Self::Down => direction == Direction::Down,
            Self::Both => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(faults: &[(u64, u64, FaultKind)]) -> Conditions {
        let mut plan = FaultPlan::generate(1);
        (plan.topology.participants, plan.topology.relays) = (2, 2);
        plan.topology.latency_ms = vec![10, 10];
        let fault = |(at_ms, for_ms, kind)| Fault { at_ms, for_ms, kind };
        plan.faults = faults.iter().copied().map(fault).collect();
        Conditions::new(&plan)
    }

    #[test]
    fn a_lost_path_blocks_its_participant_relay_and_direction_alone() {
        let lost = FaultKind::PathPartition { participant: 1, relay: 0, side: Side::Down };
        let conditions = conditions(&[(1, 4, lost)]);
        let paths = [(0, 0), (0, 1), (1, 0), (1, 1)];
        for (path, direction) in
            paths.into_iter().flat_map(|path| [(path, Direction::Up), (path, Direction::Down)])
        {
            let is_lost = (path, direction) == ((1, 0), Direction::Down);
            let blocked = |at| conditions.blocked_until(path, direction, at);
            assert_eq!(blocked(4_999), is_lost.then_some(5_000), "{path:?} {direction:?}");
            assert_eq!((blocked(999), blocked(5_000)), (None, None), "{path:?} {direction:?}");
        }
    }

    #[test]
    fn a_path_is_blocked_until_its_last_fault_ends() {
        let lost = |relay| FaultKind::PathPartition { participant: 0, relay, side: Side::Both };
        let cut_off = FaultKind::Partition { participant: 0, side: Side::Up };
        let conditions = conditions(&[(1, 4, lost(0)), (4, 6, lost(1)), (5, 2, cut_off)]);
        let blocked = |relay, direction| conditions.blocked_until((0, relay), direction, 4_000);
        assert_eq!(blocked(0, Direction::Up), Some(7_000));
        assert_eq!(blocked(0, Direction::Down), Some(5_000));
        assert_eq!(blocked(1, Direction::Up), Some(10_000));
    }
}
