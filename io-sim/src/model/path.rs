//! How the ways between participants and relays carry what is sent, in the model's terms: messages, not packets.

use std::sync::Arc;

use crate::conditions::Direction;
use crate::rng::{RngStream, SimRng};
use crate::script::Script;

/// How long the model tries to bring a message through before its connection counts as dead: a relay's
/// idle timeout, in microseconds.
pub(super) const RELAY_IDLE_TIMEOUT: u64 = 10_000_000;

/// How long a connection may take to notice that its path is open again, in microseconds: it is moved
/// to a fresh socket every 500 ms, and with that its probes begin anew (seen on real sockets).
const RESUMPTION_TIME: u64 = 600_000;
/// What a message costs on the line beside its payload, in bytes: headers of every layer.
const HEADER_BYTES: u64 = 60;
/// QUIC begins no connection over a path that carries less, in bytes (RFC 9000, section 14).
const SMALLEST_MTU: u64 = 1_200;

/// Everybody's paths.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    script: Arc<Script>,
    /// For each way of each participant: its chance, and until when its line is busy.
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

    /// When what is sent now arrives: at once, or when it was sent again after a loss, or after the
    /// path was blocked and the sender's probes, ever further apart, found it open. `None` if the
    /// connection is dead by then.
    pub(super) fn arrival(
        &mut self,
        who: usize,
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
            // What the sender holds back goes out at once when the line is wide again.
            *busy_until = through.min(until.max(now));
            arrives += *busy_until - now;
        }
        // A packet with a bit turned over is a packet lost.
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
        if let Some(open) = conditions.blocked_until(who, direction, now) {
            let blocked = open - now;
            if blocked > RELAY_IDLE_TIMEOUT {
                return None;
            }
            arrives = open + latency + rng.between(0, blocked.min(RESUMPTION_TIME));
        }
        Some(arrives)
    }

    /// When a relay that may be away answers a dial that begins now, and when the session is up: the first
    /// of the handshake's probes that comes through both ways, and two round trips.
    pub(super) fn handshake(&self, who: usize, relay: usize, now: u64) -> Option<(u64, u64)> {
        let conditions = &self.script.conditions;
        [0, 300_000, 900_000, 2_100_000].into_iter().find_map(|pause| {
            let at = now + pause;
            let open = conditions.blocked_until(who, Direction::Up, at).is_none()
                && conditions.blocked_until(who, Direction::Down, at).is_none()
                && conditions.longest_packet(who, at).is_none_or(|most| most >= SMALLEST_MTU)
                && !conditions.is_down(relay, at);
            open.then(|| (at, at + conditions.latency(who, at) * 4))
        })
    }
}
