//! The paths between participants and relays, in the model's terms: they carry messages, not
//! packets.

use std::sync::Arc;

use crate::conditions::Direction;
use crate::rng::{RngStream, SimRng};
use crate::script::Script;

/// How long the model keeps trying to deliver a message before the connection counts as dead: a
/// relay's idle timeout, in microseconds.
pub(super) const RELAY_IDLE_TIMEOUT: u64 = 10_000_000;

/// The most time that a connection takes to notice that its path is open again, in microseconds.
/// The driver migrates it to a fresh socket every 500 ms, which restarts its probes (measured on
/// real sockets).
const RESUMPTION_TIME: u64 = 600_000;
/// The bytes that a message costs on the link beside its payload: the headers of every layer.
const HEADER_BYTES: u64 = 60;
/// The smallest packet size that a path must carry for a QUIC handshake, in bytes (RFC 9000,
/// section 14).
const SMALLEST_MTU: u64 = 1_200;

/// The paths of all participants.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    script: Arc<Script>,
    /// For each participant and direction: its random stream, and until when the link is busy.
    links: Vec<[(SimRng, u64); 2]>,
}

impl Paths {
    pub(super) fn new(script: Arc<Script>) -> Self {
        let link = |who: usize, direction| {
            (SimRng::numbered(script.seed, RngStream::Packets, who as u64 * 2 + direction), 0)
        };
        let links = (0..script.participants()).map(|who| [link(who, 0), link(who, 1)]).collect();
        Self { script, links }
    }

    /// When data sent now arrives; `None` if the connection is dead by then.
    ///
    /// A lost packet adds a retransmission. On a blocked path, the data arrives when one of the
    /// sender's probes, which it sends ever further apart, finds the path open.
    pub(super) fn arrival(
        &mut self,
        (who, relay): (usize, usize),
        direction: Direction,
        bytes: usize,
        now: u64,
    ) -> Option<u64> {
        let conditions = &self.script.conditions;
        let (rng, busy_until) = &mut self.links[who][direction as usize];
        let latency = conditions.latency(who, now);
        let mut arrives = now + latency + rng.between(0, 200 + latency / 20);
        if let Some((bandwidth, until)) = conditions.bandwidth(who, now) {
            let begins = (*busy_until).max(now);
            let through = begins + (bytes as u64 + HEADER_BYTES) * 1_000_000 / bandwidth.max(1);
            // What the sender holds back leaves at once when the link is wide again.
            *busy_until = through.min(until.max(now));
            arrives += *busy_until - now;
        }
        // A packet with a flipped bit is dropped on arrival: it counts as lost.
        for spoilt in [conditions.loss(who, now), conditions.corruption(who, now)] {
            if spoilt.is_some_and(|one_in| rng.one_in(one_in)) {
                arrives += latency * 3;
            }
        }
        if let Some((one_in, by)) = conditions.reordering(who, now)
            && rng.one_in(one_in)
        {
            arrives += by;
        }
        if let Some(open) = conditions.blocked_until((who, relay), direction, now) {
            let blocked = open - now;
            if blocked > RELAY_IDLE_TIMEOUT {
                return None;
            }
            arrives = open + latency + rng.between(0, blocked.min(RESUMPTION_TIME));
        }
        Some(arrives)
    }

    /// When a relay answers a dial that starts now, and when the session is up.
    ///
    /// The handshake succeeds with its first probe that passes both ways, and takes two round
    /// trips. A relay that is down does not answer.
    pub(super) fn handshake(&self, who: usize, relay: usize, now: u64) -> Option<(u64, u64)> {
        let conditions = &self.script.conditions;
        [0, 300_000, 900_000, 2_100_000].into_iter().find_map(|pause| {
            let at = now + pause;
            let open = conditions.blocked_until((who, relay), Direction::Up, at).is_none()
                && conditions.blocked_until((who, relay), Direction::Down, at).is_none()
                && conditions.longest_packet(who, at).is_none_or(|most| most >= SMALLEST_MTU)
                && !conditions.is_down(relay, at);
            open.then(|| (at, at + conditions.latency(who, at) * 4))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Fault, FaultKind, FaultPlan, Side};

    #[test]
    fn a_lost_path_delays_its_own_messages_and_dials_alone() {
        let mut plan = FaultPlan::generate(1);
        (plan.topology.participants, plan.topology.relays) = (2, 2);
        plan.topology.latency_ms = vec![10, 10];
        let kind = FaultKind::PathPartition { participant: 0, relay: 1, side: Side::Up };
        plan.faults = vec![Fault { at_ms: 1_000, for_ms: 4_000, kind }];
        let mut paths = Paths::new(Arc::new(Script::new(&plan)));
        let (now, soon, back) = (1_500_000, 1_600_000, 5_000_000);
        for path in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let is_lost = path == (0, 1);
            let up = paths.arrival(path, Direction::Up, 40, now).expect("the connection lives");
            assert!(if is_lost { up >= back } else { up < soon }, "{path:?}: {up}");
            let down = paths.arrival(path, Direction::Down, 40, now).expect("the same");
            assert!(down < soon, "{path:?}: {down}");
            let (who, relay) = path;
            assert_eq!(paths.handshake(who, relay, now).is_none(), is_lost, "{path:?}");
            assert!(paths.handshake(who, relay, back).is_some(), "{path:?}");
        }
    }
}
