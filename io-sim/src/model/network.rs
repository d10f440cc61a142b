//! The model's network: it delivers requests to relays and their replies to participants, or loses
//! them.

use std::sync::Arc;

use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::SessionId;
use holdline_core::media::FetchEnd;
use holdline_core::{Input, Timestamp};

use super::agenda::Agenda;
use super::connection::{Conn, ConnId};
use super::path::{Paths, RELAY_IDLE_TIMEOUT};
use super::relay::{self, CONTROL, Relay, Reply, Request};
use super::sim_event::SimEvent;
use crate::conditions::Direction;
use crate::script::Script;

/// The idle timeout of a participant, in microseconds.
const PARTICIPANT_IDLE_TIMEOUT: u64 = 30_000_000;
/// How many streams a connection tracks before it drops those without data in flight.
const STREAMS_BEFORE_PRUNING: usize = 16;

/// A relay process. A new incarnation has none of the old one's state.
#[derive(Clone, Debug, Default)]
struct RelayProcess {
    incarnation: u64,
    relay: Relay,
}

/// Everything between the participants, and the future events there.
pub(super) struct Network {
    pub(super) script: Arc<Script>,
    pub(super) now: Timestamp,
    pub(super) agenda: Agenda<SimEvent>,
    paths: Paths,
    relays: Vec<RelayProcess>,
    conns: Vec<Conn>,
}

impl Network {
    pub(super) fn new(script: Arc<Script>) -> Self {
        Self {
            now: Timestamp::ZERO,
            agenda: Agenda::default(),
            paths: Paths::new(Arc::clone(&script)),
            relays: (0..script.topology.relays).map(|_| RelayProcess::default()).collect(),
            conns: Vec::new(),
            script,
        }
    }

    pub(super) fn schedule(&mut self, micros: u64, event: SimEvent) {
        self.agenda.add(micros.max(self.now.as_micros()), event);
    }

    /// The connection of a session that the participant still holds.
    fn conn(&self, who: usize, session: SessionId) -> Option<ConnId> {
        let is_it = |conn: &Conn| conn.open && conn.who == who && conn.session == session;
        self.conns.iter().rposition(is_it).map(ConnId)
    }

    /// The connections that relays still hold.
    fn known_to_relays(&self, of: impl Fn(&Conn) -> bool) -> Vec<ConnId> {
        let conns = self.conns.iter().enumerate();
        conns
            .filter(|(_, conn)| conn.known_to_relay && of(conn))
            .map(|(id, _)| ConnId(id))
            .collect()
    }

    pub(super) fn dial(&mut self, who: usize, session: SessionId, relay: &str, admits_until: u64) {
        let relay = relay.trim_start_matches("relay-").parse().unwrap_or(0);
        let id = ConnId(self.conns.len());
        let handshake = self.paths.handshake(who, relay, self.now.as_micros());
        self.conns.push(Conn {
            who,
            session,
            relay,
            // A relay that is down now has a new incarnation by then. A relay that crashes during
            // the handshake loses the connection.
            relay_incarnation: handshake
                .map_or(0, |(at, _)| self.script.conditions.crashes_so_far(relay, at)),
            admits_until,
            open: true,
            known_to_relay: false,
            received: 0,
            acknowledged: 0,
            probes: Vec::new(),
            streams: [Vec::new(), Vec::new()],
            timeouts_scheduled: false,
        });
        if let Some((_, up)) = handshake {
            self.schedule(up, SimEvent::Connected(id));
        }
    }

    /// A dial succeeds or is refused, if the participant has not abandoned it.
    pub(super) fn connected(&mut self, id: ConnId) -> Option<(usize, Input)> {
        let conn = &mut self.conns[id.0];
        if !conn.open || self.relays[conn.relay].incarnation != conn.relay_incarnation {
            return None;
        }
        let (who, session) = (conn.who, conn.session);
        if self.now.as_micros() >= conn.admits_until {
            conn.open = false;
            let cause = Cause::new(CauseKind::Unauthorized);
            return Some((who, Input::DialFailed { session, cause }));
        }
        conn.known_to_relay = true;
        Some((who, Input::Connected { session }))
    }

    /// A participant closes a session.
    pub(super) fn close(&mut self, who: usize, session: SessionId) {
        let Some(id) = self.conn(who, session) else { return };
        self.send_up(id, CONTROL, Request::Close);
        self.conns[id.0].open = false;
        // The session may have closed by itself at that moment: its `SessionClosed` arrives late.
        self.schedule(self.now.as_micros() + 1_000, SimEvent::StaleSessionClosed(who, session));
    }

    /// A participant's process ends, and drops its connections.
    pub(super) fn process_ended(&mut self, who: usize) {
        self.conns.iter_mut().filter(|conn| conn.who == who).for_each(|conn| conn.open = false);
    }

    /// A participant's process is killed: relays notice by their idle timeout.
    pub(super) fn process_killed(&mut self, who: usize) {
        let now = self.now.as_micros();
        for id in self.known_to_relays(|conn| conn.who == who) {
            self.schedule(now + RELAY_IDLE_TIMEOUT, SimEvent::RelayTimesOut(id));
        }
        self.process_ended(who);
    }

    pub(super) fn relay_crashes(&mut self, relay: usize) {
        let incarnation = self.relays[relay].incarnation + 1;
        self.relays[relay] = RelayProcess { incarnation, relay: Relay::default() };
        for id in self.known_to_relays(|conn| conn.relay == relay) {
            self.conns[id.0].known_to_relay = false;
            self.schedule(
                self.now.as_micros() + PARTICIPANT_IDLE_TIMEOUT,
                SimEvent::ParticipantTimesOut(id),
            );
        }
    }

    /// When data sent now arrives, in the order of its stream; `None` if the connection is dead.
    fn arrival(
        &mut self,
        id: ConnId,
        direction: Direction,
        stream: u64,
        bytes: usize,
    ) -> Option<u64> {
        let now = self.now.as_micros();
        let Some(arrives) = self.paths.arrival(self.conns[id.0].path(), direction, bytes, now)
        else {
            self.schedule_timeouts(id);
            return None;
        };
        Some(self.in_order(id, direction, stream, arrives))
    }

    /// The given arrival time, or that of the stream's earlier data if that is later.
    fn in_order(&mut self, id: ConnId, direction: Direction, stream: u64, arrives: u64) -> u64 {
        let now = self.now.as_micros();
        let streams = &mut self.conns[id.0].streams[direction as usize];
        if let Some((_, last)) = streams.iter_mut().find(|(known, _)| *known == stream) {
            *last = arrives.max(*last);
            return *last;
        }
        if streams.len() >= STREAMS_BEFORE_PRUNING {
            streams.retain(|(_, last)| *last > now);
        }
        streams.push((stream, arrives));
        arrives
    }

    /// Schedules the idle timeouts of a connection whose path is blocked for longer than them.
    fn schedule_timeouts(&mut self, id: ConnId) {
        if !std::mem::replace(&mut self.conns[id.0].timeouts_scheduled, true) {
            let now = self.now.as_micros();
            self.schedule(now + RELAY_IDLE_TIMEOUT, SimEvent::RelayTimesOut(id));
            self.schedule(now + PARTICIPANT_IDLE_TIMEOUT, SimEvent::ParticipantTimesOut(id));
        }
    }

    /// Sends a request in a session, if the participant still holds it.
    pub(super) fn send(&mut self, who: usize, session: SessionId, stream: u64, request: Request) {
        if let Some(id) = self.conn(who, session) {
            self.send_up(id, stream, request);
        }
    }

    /// Sends a request in every session of a participant.
    pub(super) fn send_to_all(&mut self, who: usize, request: &Request) {
        for id in 0..self.conns.len() {
            if self.conns[id].open && self.conns[id].who == who {
                self.send_up(ConnId(id), CONTROL, request.clone());
            }
        }
    }

    fn send_up(&mut self, id: ConnId, stream: u64, request: Request) {
        if let Some(at) = self.arrival(id, Direction::Up, stream, request.bytes()) {
            self.schedule(at, SimEvent::AtRelay(id, request));
        }
    }

    /// Sends a probe, which counts on its return if no fault is in its way, and reports the path so
    /// far.
    pub(super) fn probe(&mut self, who: usize, session: SessionId) -> Option<Input> {
        let id = self.conn(who, session)?;
        let (conditions, now) = (&self.script.conditions, self.now.as_micros());
        let rtt_micros = conditions.latency(who, now) * 2;
        let conn = &mut self.conns[id.0];
        let blocked = |direction| conditions.blocked_until(conn.path(), direction, now);
        let (up, down) = (blocked(Direction::Up), blocked(Direction::Down));
        let sent = conn.probes.len();
        conn.probes.retain(|back| *back > now);
        let back = (sent - conn.probes.len()) as u64;
        conn.received += back;
        conn.acknowledged += back;
        let (received, acknowledged) = (conn.received, conn.acknowledged);
        if conn.known_to_relay && up.is_none() && down.is_none() {
            conn.probes.push(now + rtt_micros);
        } else if up.is_some_and(|until| until - now > RELAY_IDLE_TIMEOUT) {
            self.schedule_timeouts(id);
        }
        Some(Input::PathReport { session, received, acknowledged, rtt_micros })
    }

    pub(super) fn at_relay(&mut self, id: ConnId, request: Request) {
        let conn = &self.conns[id.0];
        let relay = conn.relay;
        if !conn.known_to_relay || self.relays[relay].incarnation != conn.relay_incarnation {
            return;
        }
        let now = self.now.as_micros();
        let conditions = &self.script.conditions;
        if let Some(until) = conditions.slow_until(relay, now).filter(|_| !request.is_media()) {
            self.schedule(until, SimEvent::AtRelay(id, request));
            return;
        }
        if matches!(request, Request::Close) {
            self.conns[id.0].known_to_relay = false;
        }
        if let Some(reply) = request.refusal().filter(|_| now >= self.conns[id.0].admits_until) {
            self.send_down(vec![relay::Transmission::answer(id, reply)]);
            return;
        }
        let refuses = conditions.refuses_namespaces(relay, now);
        let transmissions = self.relays[relay].relay.handle(id, request, refuses);
        self.send_down(transmissions);
    }

    fn send_down(&mut self, transmissions: Vec<relay::Transmission>) {
        for relay::Transmission { to, stream, reply, via } in transmissions {
            let has_expired = self.now.as_micros() >= self.conns[to.0].admits_until;
            if has_expired && matches!(reply, Reply::NamespaceAdded { .. }) {
                // A relay announces no namespace to a session whose token has expired.
                continue;
            }
            let Some(mut at) = self.arrival(to, Direction::Down, stream, reply.bytes()) else {
                continue;
            };
            if let Some(via) = via {
                let publisher = self.conns[via.0].who;
                let latency = self.script.conditions.latency(publisher, self.now.as_micros());
                at = self.in_order(to, Direction::Down, stream, at + latency * 2);
            }
            self.schedule(at, SimEvent::AtParticipant(to, reply));
        }
    }

    pub(super) fn relay_times_out(&mut self, id: ConnId) {
        let conn = &mut self.conns[id.0];
        if std::mem::take(&mut conn.known_to_relay)
            && self.relays[conn.relay].incarnation == conn.relay_incarnation
        {
            let relay = conn.relay;
            let transmissions = self.relays[relay].relay.connection_closed(id);
            self.send_down(transmissions);
        }
    }

    /// A participant's idle timeout fires, if it still holds the session.
    pub(super) fn participant_times_out(&mut self, id: ConnId) -> Option<(usize, Input)> {
        let conn = &mut self.conns[id.0];
        let (who, session) = (conn.who, conn.session);
        let cause = Cause::new(CauseKind::TimedOut);
        let closed = Input::SessionClosed { session, cause };
        std::mem::take(&mut conn.open).then_some((who, closed))
    }

    /// A relay's reply reaches a participant, if that still holds the session.
    pub(super) fn at_participant(&mut self, id: ConnId, reply: Reply) -> Option<(usize, Input)> {
        let conn = &self.conns[id.0];
        let (who, session) = (conn.who, conn.session);
        if !conn.open {
            return None;
        }
        let suspended = self.script.conditions.suspended_until(who, self.now.as_micros());
        if let Some(until) = suspended {
            self.schedule(until, SimEvent::AtParticipant(id, reply));
            return None;
        }
        self.conns[id.0].received += 1;
        let input = match reply {
            Reply::NamespaceAccepted { epoch } => Input::NamespaceAccepted { session, epoch },
            Reply::NamespaceRefused { epoch } => Input::NamespaceRefused { session, epoch },
            Reply::NamespaceSubscriptionAccepted { namespace_subscription } => {
                Input::NamespaceSubscriptionAccepted { namespace_subscription }
            }
            Reply::NamespaceSubscriptionEnded { namespace_subscription } => {
                Input::NamespaceSubscriptionEnded { namespace_subscription }
            }
            Reply::NamespaceAdded { namespace_subscription, epoch } => {
                Input::NamespaceAdded { namespace_subscription, epoch }
            }
            Reply::NamespaceRemoved { namespace_subscription, epoch } => {
                Input::NamespaceRemoved { namespace_subscription, epoch }
            }
            Reply::SubscriptionAccepted { subscription } => {
                Input::SubscriptionAccepted { subscription }
            }
            Reply::SubscriptionEnded { subscription } => Input::SubscriptionEnded { subscription },
            Reply::Object { subscription, object } => Input::Object { subscription, object },
            Reply::EndOfTrack { subscription, number } => {
                Input::EndOfTrack { subscription, number }
            }
            Reply::FetchRequested { request, name, first, last } => {
                Input::FetchRequested { session, moq_request: request, name, first, last }
            }
            Reply::FetchCancelled { request } => {
                Input::FetchCancelled { session, moq_request: request }
            }
            Reply::FetchedObject { fetch, object } => Input::FetchedObject { fetch, object },
            Reply::FetchEnded { fetch, complete } => {
                let end = if complete { FetchEnd::Complete } else { FetchEnd::Failed };
                Input::FetchEnded { fetch, end }
            }
        };
        Some((who, input))
    }
}
