//! The packet network between all sockets: addresses, links, and packets in flight.
//!
//! Each participant has its own address behind its own NAT. The faults of a packet are drawn here,
//! from one random stream for each direction of each participant.

use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::conditions::Direction;
use crate::digest::Digest;
use crate::rng::{RngStream, SimRng};
use crate::script::Script;

/// The longest queue of a link with limited bandwidth, in microseconds of transmission time.
const QUEUE: u64 = 250_000;
/// The first port that a NAT assigns.
const FIRST_PORT: u16 = 40_000;
/// The port of every relay.
const RELAY_PORT: u16 = 4_443;

/// The host that owns a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOwner {
    Participant(usize),
    Relay(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId(usize);

/// A packet in flight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// The arrival time, in microseconds from the start.
    due: u64,
    /// The serial number in order of sending.
    serial: u64,
    pub(crate) from: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

/// Reversed for the max-heap: the packet that arrives first is the greatest.
impl Ord for Packet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.serial).cmp(&(self.due, self.serial))
    }
}

impl PartialOrd for Packet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
struct Socket {
    owner: SocketOwner,
    /// The address at which the socket is reached. A participant's changes with its NAT and its
    /// network.
    address: SocketAddr,
    /// The NAT mapping of that address.
    mapping: Mapping,
    inbox: BinaryHeap<Packet>,
    reader: Option<Reader>,
}

/// How often the address and the port have changed.
type Mapping = (u64, u64);

/// A task that waits for packets, and the time at which its own timer wakes it.
#[derive(Debug)]
struct Reader {
    waker: Waker,
    until: Option<u64>,
}

/// One direction of a participant's link.
#[derive(Debug)]
struct LinkDirection {
    rng: SimRng,
    /// When the last packet in the queue has been transmitted.
    busy_until: u64,
    /// The arrival time of the last packet that kept its order.
    last_due: u64,
}

/// The packet network, shared by all sockets. A run has one thread, so the lock is never contended.
#[derive(Clone, Debug)]
pub(crate) struct PacketNetwork(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    script: Arc<Script>,
    sockets: Vec<Socket>,
    reached_at: BTreeMap<SocketAddr, SocketId>,
    links: Vec<[LinkDirection; 2]>,
    ports_given: u16,
    serial: u64,
    digest: Digest,
}

impl PacketNetwork {
    pub(crate) fn new(script: Arc<Script>) -> Self {
        let link = |who: usize, direction: u64| LinkDirection {
            rng: SimRng::numbered(script.seed, RngStream::Packets, who as u64 * 2 + direction),
            busy_until: 0,
            last_due: 0,
        };
        let links = (0..script.participants()).map(|who| [link(who, 0), link(who, 1)]).collect();
        Self(Arc::new(Mutex::new(Inner {
            links,
            script,
            sockets: Vec::new(),
            reached_at: BTreeMap::new(),
            ports_given: 0,
            serial: 0,
            digest: Digest::default(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of a relay.
    pub(crate) fn relay_address(relay: usize) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, 1 + relay as u8), RELAY_PORT).into()
    }

    /// Opens a socket.
    pub(crate) fn bind(&self, owner: SocketOwner, now: u64) -> SocketId {
        let mut inner = self.inner();
        let id = SocketId(inner.sockets.len());
        let mapping = inner.mapping(owner, now);
        let address = inner.fresh_address(owner, mapping);
        inner.sockets.push(Socket {
            owner,
            address,
            mapping,
            inbox: BinaryHeap::new(),
            reader: None,
        });
        inner.reached_at.insert(address, id);
        id
    }

    pub(crate) fn address(&self, id: SocketId) -> SocketAddr {
        self.inner().sockets[id.0].address
    }

    /// Closes a socket that its process has dropped.
    pub(crate) fn close(&self, id: SocketId) {
        let mut inner = self.inner();
        let socket = &mut inner.sockets[id.0];
        socket.inbox.clear();
        socket.reader = None;
        let address = socket.address;
        if inner.reached_at.get(&address) == Some(&id) {
            inner.reached_at.remove(&address);
        }
    }

    /// Sends a packet. The sender never learns whether it arrives.
    pub(crate) fn send(&self, id: SocketId, to: SocketAddr, payload: &[u8], now: u64) {
        let woken = self.inner().send(id, to, payload, now);
        // The lock must be free here: a woken task may take it.
        woken.into_iter().flatten().for_each(Waker::wake);
    }

    /// Takes one packet that has arrived. Otherwise returns the arrival time of the next packet in
    /// flight, and wakes `waker` if another one arrives sooner.
    pub(crate) fn receive(
        &self,
        id: SocketId,
        now: u64,
        waker: &Waker,
    ) -> Result<Packet, Option<u64>> {
        let mut inner = self.inner();
        let socket = &mut inner.sockets[id.0];
        match socket.inbox.peek().map(|packet| packet.due) {
            Some(due) if due <= now => Ok(socket.inbox.pop().expect("peek has shown a packet")),
            until => {
                socket.reader = Some(Reader { waker: waker.clone(), until });
                Err(until)
            }
        }
    }

    /// A hash over every packet so far: its time, its addresses and its bytes.
    pub(crate) fn digest(&self) -> u64 {
        self.inner().digest.finish()
    }
}

impl Inner {
    fn mapping(&self, owner: SocketOwner, now: u64) -> Mapping {
        match owner {
            SocketOwner::Participant(who) => {
                let conditions = &self.script.conditions;
                let addresses = conditions.addresses_so_far(who, now);
                (addresses, conditions.rebindings_so_far(who, now))
            }
            SocketOwner::Relay(_) => (0, 0),
        }
    }

    fn fresh_address(&mut self, owner: SocketOwner, (network, _): Mapping) -> SocketAddr {
        match owner {
            SocketOwner::Relay(relay) => PacketNetwork::relay_address(relay),
            SocketOwner::Participant(who) => {
                let ip = Ipv4Addr::new(10, 1 + who as u8, network as u8, 1);
                self.ports_given += 1;
                (ip, FIRST_PORT.wrapping_add(self.ports_given)).into()
            }
        }
    }

    fn send(
        &mut self,
        id: SocketId,
        to: SocketAddr,
        payload: &[u8],
        now: u64,
    ) -> [Option<Waker>; 2] {
        // When the NAT has dropped a socket's mapping, sending creates a new one.
        let (owner, known) = (self.sockets[id.0].owner, self.sockets[id.0].mapping);
        let mapping = self.mapping(owner, now);
        if mapping != known {
            let fresh = self.fresh_address(owner, mapping);
            let socket = &mut self.sockets[id.0];
            let old = std::mem::replace(&mut socket.address, fresh);
            socket.mapping = mapping;
            self.reached_at.remove(&old);
            self.reached_at.insert(fresh, id);
        }
        let from = self.sockets[id.0].address;
        self.digest.add((now, from, to));
        self.digest.bytes(payload);
        let Some(receiver) = self.receiver(to, now) else {
            return [None, None];
        };
        let (path, direction) = match (owner, self.sockets[receiver.0].owner) {
            (SocketOwner::Participant(who), SocketOwner::Relay(relay)) => {
                ((who, relay), Direction::Up)
            }
            (SocketOwner::Relay(relay), SocketOwner::Participant(who)) => {
                ((who, relay), Direction::Down)
            }
            _ => return [None, None],
        };
        let link = &mut self.links[path.0][direction as usize];
        let copies = link.carry(&self.script, path, direction, payload, now);
        copies
            .map(|copy| copy.and_then(|(due, payload)| self.enqueue(receiver, due, from, payload)))
    }

    /// The socket that an address reaches now. A dropped mapping reaches none.
    fn receiver(&self, at: SocketAddr, now: u64) -> Option<SocketId> {
        let id = *self.reached_at.get(&at)?;
        let socket = &self.sockets[id.0];
        (socket.mapping == self.mapping(socket.owner, now)).then_some(id)
    }

    fn enqueue(
        &mut self,
        to: SocketId,
        due: u64,
        from: SocketAddr,
        payload: Vec<u8>,
    ) -> Option<Waker> {
        self.serial += 1;
        let socket = &mut self.sockets[to.0];
        socket.inbox.push(Packet { due, serial: self.serial, from, payload });
        let sooner = |reader: &mut Reader| reader.until.is_none_or(|until| due < until);
        socket.reader.take_if(sooner).map(|reader| reader.waker)
    }
}

/// The packet with its arrival time, and perhaps a duplicate.
type Copies = [Option<(u64, Vec<u8>)>; 2];

impl LinkDirection {
    /// Carries a packet that is sent now, with its faults.
    fn carry(
        &mut self,
        script: &Script,
        (who, relay): (usize, usize),
        direction: Direction,
        payload: &[u8],
        now: u64,
    ) -> Copies {
        let conditions = &script.conditions;
        let length = payload.len() as u64;
        let lost =
            |rng: &mut SimRng| conditions.loss(who, now).is_some_and(|one_in| rng.one_in(one_in));
        if conditions.blocked_until((who, relay), direction, now).is_some()
            || conditions.longest_packet(who, now).is_some_and(|longest| length > longest)
            || lost(&mut self.rng)
        {
            return [None, None];
        }
        let bandwidth = conditions.bandwidth(who, now).map(|(bandwidth, _)| bandwidth);
        let Some(through) = self.queue(bandwidth, length, now) else {
            return [None, None];
        };
        // Packets to a suspended process wait for its return, and so do those that it would have
        // sent.
        let through = conditions.suspended_until(who, now).unwrap_or(through).max(through);
        let latency = conditions.latency(who, now);
        let mut due = through + latency + self.rng.between(0, 200 + latency / 20);
        match conditions.reordering(who, now) {
            Some((one_in, by)) if self.rng.one_in(one_in) => due += by,
            _ => {
                due = due.max(self.last_due);
                self.last_due = due;
            }
        }
        let mut payload = payload.to_vec();
        if conditions.corruption(who, now).is_some_and(|one_in| self.rng.one_in(one_in)) {
            let bit = self.rng.between(0, length.max(1) * 8 - 1);
            if let Some(byte) = payload.get_mut((bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
        let again = conditions.duplication(who, now);
        let again = again.is_some_and(|one_in| self.rng.one_in(one_in));
        let again = again.then(|| (due + self.rng.between(0, latency), payload.clone()));
        [Some((due, payload)), again]
    }

    /// When a packet leaves the bottleneck of the path; `None` if its queue is full.
    fn queue(&mut self, bandwidth: Option<u64>, length: u64, now: u64) -> Option<u64> {
        let Some(bandwidth) = bandwidth else { return Some(now) };
        let begins = self.busy_until.max(now);
        if begins - now > QUEUE {
            return None;
        }
        self.busy_until = begins + length * 1_000_000 / bandwidth.max(1);
        Some(self.busy_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Fault, FaultKind, FaultPlan, Side};

    #[test]
    fn a_lost_path_drops_its_own_packets_alone() {
        let mut plan = FaultPlan::generate(1);
        (plan.topology.participants, plan.topology.relays) = (2, 2);
        plan.topology.latency_ms = vec![10, 10];
        let kind = FaultKind::PathPartition { participant: 0, relay: 1, side: Side::Down };
        plan.faults = vec![Fault { at_ms: 1_000, for_ms: 4_000, kind }];
        let network = PacketNetwork::new(Arc::new(Script::new(&plan)));
        let participants = [0, 1].map(|who| network.bind(SocketOwner::Participant(who), 0));
        let relays = [0, 1].map(|relay| network.bind(SocketOwner::Relay(relay), 0));
        let arrives = |from, to, now| {
            network.send(from, network.address(to), b"packet", now);
            network.receive(to, now + 100_000, Waker::noop()).is_ok()
        };
        for now in [500_000, 1_500_000, 5_500_000] {
            for (who, relay) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (participant, server) = (participants[who], relays[relay]);
                let is_lost = (who, relay, now) == (0, 1, 1_500_000);
                assert!(arrives(participant, server, now), "p{who} to relay {relay} at {now}");
                let down = arrives(server, participant, now);
                assert_eq!(down, !is_lost, "relay {relay} to p{who} at {now}");
            }
        }
    }
}
