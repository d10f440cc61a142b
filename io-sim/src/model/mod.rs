//! A model of the network: the bare state machines, driven event by event, thousands of calls a second.
//!
//! It knows what calls depend on and nothing more: sessions over paths with latency, loss and
//! partitions; streams that are each in order and delay one another in nothing; relays that remember
//! the current group; connections that die of silence. There is no packet in it.

mod participant;
mod path;
mod relay;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use holdline_core::{Cause, CauseKind, FetchEnd, Input, Output, SessionId, Timestamp};

use self::participant::Participant;
use self::path::{IDLE, Paths, Way, span};
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
    relays: Vec<(u64, Relay)>,
    participants: Vec<Participant>,
    conns: Vec<Conn>,
    next: u64,
    digest: u64,
    inputs: u64,
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
        inputs: world.inputs,
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
            relays: (0..plan.topology.relays).map(|_| (0, Relay::default())).collect(),
            participants,
            conns: Vec::new(),
            next: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            inputs: 0,
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
                if !conn.open || self.relays[conn.relay].0 != conn.life {
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
                self.relays[relay].0 += 1;
                self.relays[relay].1 = Relay::default();
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

    /// Tells a call, carries out what it says, and wakes it when it wants to be. One that is
    /// suspended hears of it afterwards.
    fn tell(&mut self, who: usize, inputs: Vec<Input>) {
        let mut inputs = std::collections::VecDeque::from(inputs);
        while let Some(input) = inputs.pop_front() {
            self.inputs += 1;
            self.participants[who].call.handle(self.now, input);
            while let Some(output) = self.participants[who].call.poll_output() {
                self.digest_output(who, &output);
                self.participants[who].note(self.now, &output);
                if let Some(answer) = self.carry_out(who, output) {
                    inputs.push_back(answer);
                }
            }
        }
        let wake = self.participants[who].call.deadline().map(|deadline| deadline.at);
        let wake = wake.map(|at| match self.paths.suspended_until(who, at) {
            Some(until) => Timestamp::from_micros(until),
            None => at,
        });
        if let Some(at) = wake
            && self.participants[who].wake != Some(at)
        {
            self.at(at.as_micros(), What::Wake(who));
        }
        self.participants[who].wake = wake;
    }

    fn digest_output(&mut self, who: usize, output: &Output) {
        let kind = std::mem::discriminant(output);
        let mut hasher = Fnv(self.digest);
        std::hash::Hash::hash(&(who, self.now, kind), &mut hasher);
        if let Output::Deliver { object, .. } = output {
            std::hash::Hash::hash(&(object.number, &object.frame.payload), &mut hasher);
        }
        self.digest = hasher.0;
    }

    fn carry_out(&mut self, who: usize, output: Output) -> Option<Input> {
        match output {
            Output::Dial { session, relay, .. } => self.dial(who, session, &relay),
            Output::CloseSession { session } => {
                if let Some(id) = self.participants[who].conns.remove(&session) {
                    self.send_up(id, 0, Request::Close);
                    self.conns[id.0 as usize].open = false;
                }
            }
            Output::ProbePath { session } => {
                let id = *self.participants[who].conns.get(&session)?;
                self.probe(id);
                let conn = &self.conns[id.0 as usize];
                let rtt_micros = self.paths.latency(who, self.now) * 2;
                let (received, acknowledged) = (conn.received, conn.acknowledged);
                return Some(Input::PathReport { session, received, acknowledged, rtt_micros });
            }
            Output::PublishTrack { session, publication, name } => {
                self.participants[who].publications.insert(publication, (session, name));
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                self.request(who, session, Request::PublishNamespace { namespace, epoch });
            }
            Output::Watch { session, watch, prefix } => {
                self.request(who, session, Request::Watch { watch, prefix });
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                self.request(who, session, Request::Subscribe { subscription, namespace, name });
            }
            Output::Unsubscribe { subscription } => {
                self.request_everywhere(who, &Request::Unsubscribe { subscription });
            }
            Output::SendObject { publication, object } => {
                let (session, name) =
                    self.participants[who].publications.get(&publication)?.clone();
                let id = *self.participants[who].conns.get(&session)?;
                let stream = group_stream(&name, object.location.group);
                self.send_up(id, stream, Request::Object { name, object });
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let (session, name) =
                    self.participants[who].publications.get(&publication)?.clone();
                let id = *self.participants[who].conns.get(&session)?;
                let stream = group_stream(&name, location.group);
                self.send_up(id, stream, Request::EndOfTrack { name, location, number });
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                let request = Request::Fetch { fetch, namespace, name, first, last };
                self.request(who, session, request);
            }
            Output::CancelFetch { fetch } => {
                self.request_everywhere(who, &Request::CancelFetch { fetch });
            }
            Output::FetchObject { session, request, object } => {
                let id = *self.participants[who].conns.get(&session)?;
                let said = Request::FetchObject { request, object };
                self.send_up(id, (1 << 62) | request, said);
            }
            Output::EndFetch { session, request } => {
                let id = *self.participants[who].conns.get(&session)?;
                self.send_up(
                    id,
                    (1 << 62) | request,
                    Request::EndFetch { request, complete: true },
                );
            }
            Output::RefuseFetch { session, request } => {
                let id = *self.participants[who].conns.get(&session)?;
                self.send_up(
                    id,
                    (1 << 62) | request,
                    Request::EndFetch { request, complete: false },
                );
            }
            Output::AcceptFetch { .. }
            | Output::Migrate { .. }
            | Output::Deliver { .. }
            | Output::CloseTrack { .. }
            | Output::Event(_)
            | Output::AskDirectory { .. }
            | Output::RememberDirectory { .. }
            | Output::AskCredential { .. }
            | Output::CheckHost => {}
        }
        None
    }

    fn dial(&mut self, who: usize, session: SessionId, relay: &str) {
        let relay = relay.trim_start_matches("relay-").parse().unwrap_or(0);
        let id = ConnId(self.conns.len() as u64);
        let up = self.paths.handshake(who, relay, self.now);
        // A relay that is away now may have another life by then.
        let lives = self.crashes_until(relay, up.unwrap_or(0));
        self.conns.push(Conn {
            who,
            session,
            relay,
            life: lives,
            open: true,
            known: false,
            received: 0,
            acknowledged: 0,
            streams: BTreeMap::new(),
            dying: false,
        });
        self.participants[who].conns.insert(session, id);
        if let Some(up) = up {
            self.at(up, What::Connected(id));
        }
    }

    /// How often a relay has crashed by then.
    fn crashes_until(&self, which: usize, until: u64) -> u64 {
        let crash = |kind| matches!(kind, FaultKind::RelayCrash { relay } if relay == which as u64);
        let crashes = self.plan.faults.iter().filter(|f| crash(f.kind) && span(f).0 <= until);
        crashes.count() as u64
    }

    fn request(&mut self, who: usize, session: SessionId, request: Request) {
        if let Some(id) = self.participants[who].conns.get(&session) {
            self.send_up(*id, 0, request);
        }
    }

    fn request_everywhere(&mut self, who: usize, request: &Request) {
        let conns: Vec<ConnId> = self.participants[who].conns.values().copied().collect();
        for id in conns {
            self.send_up(id, 0, request.clone());
        }
    }

    /// When something arrives that is sent now, in the order of its stream.
    fn arrival(&mut self, id: ConnId, way: Way, stream: u64) -> Option<u64> {
        let who = self.conns[id.0 as usize].who;
        let Some(arrives) = self.paths.arrival(who, way, self.now) else {
            self.dies(id);
            return None;
        };
        let last = self.conns[id.0 as usize].streams.entry((way, stream)).or_insert(0);
        *last = arrives.max(*last);
        Some(*last)
    }

    /// Nothing comes through for longer than a connection lives.
    fn dies(&mut self, id: ConnId) {
        if !std::mem::replace(&mut self.conns[id.0 as usize].dying, true) {
            let now = self.now.as_micros();
            self.at(now + IDLE, What::RelayForgets(id));
            self.at(now + OWN_IDLE, What::ParticipantForgets(id));
        }
    }

    fn send_up(&mut self, id: ConnId, stream: u64, request: Request) {
        if let Some(at) = self.arrival(id, Way::Up, stream) {
            self.at(at, What::AtRelay(id, request));
        }
    }

    /// A probe counts when it has come back, if nothing was in its way.
    fn probe(&mut self, id: ConnId) {
        let conn = &self.conns[id.0 as usize];
        let (who, known) = (conn.who, conn.known);
        let round_trip = self.paths.latency(who, self.now) * 2;
        let open = |way| self.paths.blocked_until(who, way, self.now).is_none();
        if known && open(Way::Up) && open(Way::Down) {
            self.at(self.now.as_micros() + round_trip, What::Counted(id));
        } else if let Some(until) = self.paths.blocked_until(who, Way::Up, self.now)
            && until - self.now.as_micros() > IDLE
        {
            self.dies(id);
        }
    }

    fn at_relay(&mut self, id: ConnId, request: Request) {
        let conn = &self.conns[id.0 as usize];
        let relay = conn.relay;
        if !conn.known || self.relays[relay].0 != conn.life {
            return;
        }
        let media = matches!(
            request,
            Request::Object { .. } | Request::EndOfTrack { .. } | Request::FetchObject { .. }
        );
        if let Some(until) = self.paths.slow_until(relay, self.now).filter(|_| !media) {
            self.at(until, What::AtRelay(id, request));
            return;
        }
        if matches!(request, Request::Close) {
            self.conns[id.0 as usize].known = false;
        }
        let sends = self.relays[relay].1.take(id, request);
        self.send_down(sends);
    }

    fn send_down(&mut self, sends: Vec<relay::Send>) {
        for relay::Send { to, stream, reply, via } in sends {
            let extra = via.map_or(0, |via| {
                let publisher = self.conns[via.0 as usize].who;
                self.paths.latency(publisher, self.now) * 2
            });
            let Some(at) = self.arrival(to, Way::Down, stream) else { continue };
            self.conns[to.0 as usize].streams.insert((Way::Down, stream), at + extra);
            self.at(at + extra, What::AtParticipant(to, reply));
        }
    }

    fn relay_forgets(&mut self, id: ConnId) {
        let conn = &mut self.conns[id.0 as usize];
        if std::mem::take(&mut conn.known) && self.relays[conn.relay].0 == conn.life {
            let relay = conn.relay;
            let sends = self.relays[relay].1.gone(id);
            self.send_down(sends);
        }
    }

    fn at_participant(&mut self, id: ConnId, reply: Reply) {
        let conn = &mut self.conns[id.0 as usize];
        let (who, session) = (conn.who, conn.session);
        if !conn.open {
            return;
        }
        if let Some(until) = self.paths.suspended_until(who, self.now) {
            self.at(until, What::AtParticipant(id, reply));
            return;
        }
        self.conns[id.0 as usize].received += 1;
        let input = match reply {
            Reply::NamespaceAccepted { epoch } => Input::NamespaceAccepted { session, epoch },
            Reply::NamespaceRefused { epoch } => Input::NamespaceRefused { session, epoch },
            Reply::WatchAccepted { watch } => Input::WatchAccepted { watch },
            Reply::EpochAdded { watch, epoch } => Input::EpochAdded { watch, epoch },
            Reply::EpochRemoved { watch, epoch } => Input::EpochRemoved { watch, epoch },
            Reply::SubscriptionAccepted { subscription } => {
                Input::SubscriptionAccepted { subscription }
            }
            Reply::SubscriptionEnded { subscription } => Input::SubscriptionEnded { subscription },
            Reply::Object { subscription, object } => Input::Object { subscription, object },
            Reply::EndOfTrack { subscription, number } => {
                Input::EndOfTrack { subscription, number }
            }
            Reply::FetchRequested { request, name, first, last } => {
                Input::FetchRequested { session, request, name, first, last }
            }
            Reply::FetchCancelled { request } => Input::FetchCancelled { session, request },
            Reply::FetchedObject { fetch, object } => Input::FetchedObject { fetch, object },
            Reply::FetchEnded { fetch, complete } => {
                let end = if complete { FetchEnd::Complete } else { FetchEnd::Failed };
                Input::FetchEnded { fetch, end }
            }
        };
        self.tell(who, vec![input]);
    }
}

/// Each group of each track is a stream of its own.
fn group_stream(name: &str, group: u64) -> u64 {
    (1 << 63) | (u64::from(name.as_bytes()[1]) << 40) | (group & 0xff_ffff_ffff)
}

struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
