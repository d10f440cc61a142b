//! A model of the network: the bare state machines, driven event by event, thousands of calls a second.
//!
//! It knows what calls depend on and nothing more: sessions over paths with latency, loss and
//! partitions; streams that are each in order and delay one another in nothing; relays that remember
//! the current group; connections that die of silence. There is no packet in it.

mod driver;
mod network;
mod participant;
mod path;
mod relay;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use holdline_core::{Cause, CauseKind, Input, SessionId, Timestamp};

use self::participant::Participant;
use self::path::{Paths, Way, span};
use self::relay::{Relay, Reply, Request};
use crate::chance::{Chance, Stream};
use crate::plan::{FaultKind, FaultPlan};
use crate::record::Record;

/// How long the calls go on after the last fault is over and everybody has said everything, in
/// microseconds. Whatever was to be repaired is by then.
const AFTERMATH: u64 = 15_000_000;
/// A participant's own idle timeout, in microseconds.
const OWN_IDLE: u64 = 30_000_000;

/// A connection between a participant and a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ConnId(u64);

#[derive(Clone, Debug)]
struct Conn {
    who: usize,
    session: SessionId,
    relay: usize,
    /// Which life of the relay it is with.
    life: u64,
    /// Whether the participant still holds it.
    open: bool,
    /// Whether the relay does.
    known: bool,
    /// What the participant's counters say.
    received: u64,
    acknowledged: u64,
    /// When the last of each stream arrives, each way.
    streams: BTreeMap<(Way, u64), u64>,
    dying: bool,
}

/// A relay, which remembers nothing of its former lives.
#[derive(Clone, Debug, Default)]
struct Living {
    life: u64,
    relay: Relay,
}

#[derive(Clone, Debug)]
enum What {
    Begin(usize),
    Speak(usize),
    Wake(usize),
    Connected(ConnId),
    AtRelay(ConnId, Request),
    AtParticipant(ConnId, Reply),
    Counted(ConnId),
    RelayForgets(ConnId),
    ParticipantForgets(ConnId),
    RelayCrashes(usize),
    NetworkChanged(usize),
    Finish,
    Close,
}

struct World<'a> {
    plan: &'a FaultPlan,
    now: Timestamp,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, What>,
    paths: Paths<'a>,
    relays: Vec<Living>,
    participants: Vec<Participant>,
    conns: Vec<Conn>,
    next: u64,
    digest: u64,
}

/// Plays a plan.
pub fn run(plan: &FaultPlan) -> Record {
    let mut world = World::new(plan);
    while let Some(Reverse((at, event))) = world.queue.pop() {
        world.now = Timestamp::from_micros(at);
        if let Some(what) = world.events.remove(&event) {
            world.happen(what);
        }
    }
    Record {
        participants: world.participants.into_iter().map(|p| p.record).collect(),
        digest: world.digest,
    }
}

impl<'a> World<'a> {
    fn new(plan: &'a FaultPlan) -> Self {
        let seed = |who| Chance::numbered(plan.seed, Stream::Calls, who).draw();
        let participants = (0..plan.topology.participants)
            .map(|who| Participant::new(who as usize, plan, seed(who)))
            .collect();
        let mut world = Self {
            plan,
            now: Timestamp::ZERO,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            paths: Paths::new(plan, Chance::new(plan.seed, Stream::Packets)),
            relays: (0..plan.topology.relays).map(|_| Living::default()).collect(),
            participants,
            conns: Vec::new(),
            next: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        };
        let mut chance = Chance::new(plan.seed, Stream::Topology);
        for who in 0..plan.topology.participants as usize {
            let begin = chance.between(0, 500_000);
            world.at(begin, What::Begin(who));
            world.at(begin + chance.between(0, 1_000_000), What::Speak(who));
        }
        for fault in &plan.faults {
            let (from, to) = span(fault);
            match fault.kind {
                FaultKind::RelayCrash { relay } => {
                    world.at(from, What::RelayCrashes(relay as usize))
                }
                FaultKind::NetworkChange { participant } => {
                    world.at(to, What::NetworkChanged(participant as usize));
                }
                _ => {}
            }
        }
        let said = plan.topology.speech_ms.max(plan.healed_ms()) * 1_000;
        world.at(said, What::Finish);
        world.at(said + AFTERMATH, What::Close);
        world
    }

    fn at(&mut self, micros: u64, what: What) {
        self.next += 1;
        self.queue.push(Reverse((micros.max(self.now.as_micros()), self.next)));
        self.events.insert(self.next, what);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Begin(who) => {
                let inputs = self.participants[who].begin(&self.plan.topology);
                self.tell(who, inputs);
            }
            What::Speak(who) => {
                let said = self.plan.topology.speech_ms.max(self.plan.healed_ms()) * 1_000;
                if self.now.as_micros() < said {
                    let inputs = self.participants[who].speak(self.now);
                    self.tell(who, inputs);
                    let next = self.now.as_micros() + self.plan.topology.frame_ms * 1_000;
                    self.at(next, What::Speak(who));
                }
            }
            What::Wake(who) => {
                if self.participants[who].wake == Some(self.now) {
                    self.tell(who, vec![Input::Tick]);
                }
            }
            What::Connected(id) => {
                let conn = &mut self.conns[id.0 as usize];
                if !conn.open || self.relays[conn.relay].life != conn.life {
                    return;
                }
                conn.known = true;
                let (who, session) = (conn.who, conn.session);
                self.tell(who, vec![Input::Connected { session }]);
            }
            What::AtRelay(id, request) => self.at_relay(id, request),
            What::AtParticipant(id, reply) => self.at_participant(id, reply),
            What::Counted(id) => {
                let conn = &mut self.conns[id.0 as usize];
                conn.received += 1;
                conn.acknowledged += 1;
            }
            What::RelayForgets(id) => self.relay_forgets(id),
            What::ParticipantForgets(id) => {
                let conn = &mut self.conns[id.0 as usize];
                if std::mem::take(&mut conn.open) {
                    let (who, session) = (conn.who, conn.session);
                    self.participants[who].conns.remove(&session);
                    let cause = Cause::new(CauseKind::TimedOut);
                    self.tell(who, vec![Input::SessionClosed { session, cause }]);
                }
            }
            What::RelayCrashes(relay) => {
                let life = self.relays[relay].life + 1;
                self.relays[relay] = Living { life, relay: Relay::default() };
                let with_it = self.conns.iter_mut().enumerate().filter(|(_, c)| c.relay == relay);
                let known = with_it.filter_map(|(id, conn)| {
                    std::mem::take(&mut conn.known).then_some(ConnId(id as u64))
                });
                for id in known.collect::<Vec<_>>() {
                    self.at(self.now.as_micros() + OWN_IDLE, What::ParticipantForgets(id));
                }
            }
            What::NetworkChanged(who) => self.tell(who, vec![Input::NetworkChanged]),
            What::Finish => {
                for who in 0..self.participants.len() {
                    self.tell(who, Participant::finish());
                }
            }
            What::Close => {
                for who in 0..self.participants.len() {
                    self.participants[who].record.state = Some(self.participants[who].call.state());
                    self.tell(who, vec![Input::Close]);
                }
                self.queue.clear();
            }
        }
    }
}
