//! The way between a participant and the relays, as the plan has it at each moment.

use holdline_core::Timestamp;

use crate::chance::Chance;
use crate::plan::{FaultKind, FaultPlan, Side};

/// How long the model tries to bring a packet through before its connection counts as dead: a relay's
/// idle timeout, in microseconds.
pub(super) const IDLE: u64 = 10_000_000;

/// How long a connection may take to notice that its path is open again, in microseconds: it is moved
/// to a fresh socket every 500 ms, and with that its probes begin anew (seen on real sockets).
const RESUMPTION: u64 = 600_000;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Up,
    Down,
}

/// Everybody's paths.
#[derive(Clone, Debug)]
pub(super) struct Paths<'a> {
    plan: &'a FaultPlan,
    chance: Chance,
}

/// In microseconds, when a fault begins and ends.
pub(super) fn span(fault: &crate::plan::Fault) -> (u64, u64) {
    (fault.at_ms * 1_000, (fault.at_ms + fault.for_ms) * 1_000)
}

impl<'a> Paths<'a> {
    pub(super) fn new(plan: &'a FaultPlan, chance: Chance) -> Self {
        Self { plan, chance }
    }

    /// Until when nothing comes through; `None` if it does now.
    pub(super) fn blocked_until(&self, who: usize, way: Way, now: Timestamp) -> Option<u64> {
        let mut until = now.as_micros();
        // Faults may follow one another without a pause.
        loop {
            let blocking = self.plan.faults.iter().filter(|fault| {
                let (from, to) = span(fault);
                (from..to).contains(&until)
                    && match fault.kind {
                        FaultKind::Partition { participant, side } => {
                            participant == who as u64
                                && match side {
                                    Side::Up => way == Way::Up,
                                    Side::Down => way == Way::Down,
                                    Side::Both => true,
                                }
                        }
                        FaultKind::NetworkChange { participant } => participant == who as u64,
                        _ => false,
                    }
            });
            match blocking.map(|fault| span(fault).1).max() {
                Some(end) => until = end,
                None => break,
            }
        }
        (until > now.as_micros()).then_some(until)
    }

    fn now(&self, now: Timestamp) -> impl Iterator<Item = FaultKind> + '_ {
        let faults = self.plan.faults.iter();
        faults
            .filter(move |fault| {
                let (from, to) = span(fault);
                (from..to).contains(&now.as_micros())
            })
            .map(|fault| fault.kind)
    }

    /// How long a packet takes that comes through, in microseconds, without what is left to chance.
    pub(super) fn latency(&self, who: usize, now: Timestamp) -> u64 {
        let more = self.now(now).filter_map(|kind| match kind {
            FaultKind::Latency { participant, by_ms } if participant == who as u64 => Some(by_ms),
            _ => None,
        });
        (self.plan.topology.latency_ms[who] + more.sum::<u64>()) * 1_000
    }

    /// When what is sent now arrives: at once, or when it was sent again after a loss, or after the
    /// path was blocked and the sender's probes, ever further apart, found it open. `None` if the
    /// connection is dead by then.
    pub(super) fn arrival(&mut self, who: usize, way: Way, now: Timestamp) -> Option<u64> {
        let latency = self.latency(who, now);
        let lost = self.now(now).find_map(|kind| match kind {
            FaultKind::Loss { participant, one_in } if participant == who as u64 => Some(one_in),
            _ => None,
        });
        let mut arrives = now.as_micros() + latency + self.chance.between(0, 200 + latency / 20);
        if lost.is_some_and(|one_in| self.chance.one_in(one_in)) {
            arrives += latency * 3;
        }
        if let Some(open) = self.blocked_until(who, way, now) {
            let blocked = open - now.as_micros();
            if blocked > IDLE {
                return None;
            }
            arrives = open + latency + self.chance.between(0, blocked.min(RESUMPTION));
        }
        Some(arrives)
    }

    /// When a relay that may be away answers a dial that begins now: the first of the handshake's
    /// probes that comes through both ways, and two round trips.
    pub(super) fn handshake(&self, who: usize, relay: usize, now: Timestamp) -> Option<u64> {
        [0, 300_000, 900_000, 2_100_000].into_iter().find_map(|pause| {
            let at = Timestamp::from_micros(now.as_micros() + pause);
            let open = self.blocked_until(who, Way::Up, at).is_none()
                && self.blocked_until(who, Way::Down, at).is_none()
                && !self.is_away(relay, at);
            open.then(|| at.as_micros() + self.latency(who, at) * 4)
        })
    }

    pub(super) fn is_away(&self, which: usize, now: Timestamp) -> bool {
        let crashed =
            |kind| matches!(kind, FaultKind::RelayCrash { relay } if relay == which as u64);
        self.now(now).any(crashed)
    }

    /// Until when a relay does not answer requests.
    pub(super) fn slow_until(&self, which: usize, now: Timestamp) -> Option<u64> {
        let slow = self.plan.faults.iter().filter(|fault| {
            let (from, to) = span(fault);
            let it = matches!(fault.kind, FaultKind::SlowRelay { relay } if relay == which as u64);
            it && (from..to).contains(&now.as_micros())
        });
        slow.map(|fault| span(fault).1).max()
    }

    /// Until when a participant is suspended.
    pub(super) fn suspended_until(&self, who: usize, now: Timestamp) -> Option<u64> {
        let suspended = self.plan.faults.iter().filter(|fault| {
            let (from, to) = span(fault);
            let it = matches!(
                fault.kind,
                FaultKind::Suspend { participant } if participant == who as u64
            );
            it && (from..to).contains(&now.as_micros())
        });
        suspended.map(|fault| span(fault).1).max()
    }
}
