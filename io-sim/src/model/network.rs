//! What the network does: brings requests to relays and their replies back, or does not.

use holdline_core::{FetchEnd, Input};

use super::path::IDLE;
use super::relay::{self, Reply, Request};
use super::{ConnId, OWN_IDLE, What, World};
use crate::conditions::Way;

/// How many streams of a connection are looked through before those are forgotten that do not matter any
/// more.
const STREAMS: usize = 16;

impl World {
    /// When something arrives that is sent now, in the order of its stream.
    fn arrival(&mut self, id: ConnId, way: Way, stream: u64, bytes: usize) -> Option<u64> {
        let (who, now) = (self.conns[id.0].who, self.now.as_micros());
        let Some(arrives) = self.paths.arrival(who, way, bytes, now) else {
            self.dies(id);
            return None;
        };
        Some(self.in_order(id, way, stream, arrives))
    }

    /// The same, or when what was sent before in its stream arrives.
    fn in_order(&mut self, id: ConnId, way: Way, stream: u64, arrives: u64) -> u64 {
        let now = self.now.as_micros();
        let streams = &mut self.conns[id.0].streams[way as usize];
        if let Some((_, last)) = streams.iter_mut().find(|(known, _)| *known == stream) {
            *last = arrives.max(*last);
            return *last;
        }
        if streams.len() >= STREAMS {
            streams.retain(|(_, last)| *last > now);
        }
        streams.push((stream, arrives));
        arrives
    }

    /// Nothing comes through for longer than a connection lives.
    fn dies(&mut self, id: ConnId) {
        if !std::mem::replace(&mut self.conns[id.0].dying, true) {
            let now = self.now.as_micros();
            self.at(now + IDLE, What::RelayForgets(id));
            self.at(now + OWN_IDLE, What::ParticipantForgets(id));
        }
    }

    pub(super) fn send_up(&mut self, id: ConnId, stream: u64, request: Request) {
        if let Some(at) = self.arrival(id, Way::Up, stream, request.bytes()) {
            self.at(at, What::AtRelay(id, request));
        }
    }

    /// Sends a probe, which counts when it has come back, if nothing was in its way.
    pub(super) fn probe(&mut self, id: ConnId) {
        let (who, known) = (self.conns[id.0].who, self.conns[id.0].known);
        let now = self.now.as_micros();
        let conditions = &self.script.conditions;
        let blocked = |way| conditions.blocked_until(who, way, now);
        if known && blocked(Way::Up).is_none() && blocked(Way::Down).is_none() {
            let back = now + conditions.latency(who, now) * 2;
            self.conns[id.0].probes.push(back);
        } else if blocked(Way::Up).is_some_and(|until| until - now > IDLE) {
            self.dies(id);
        }
    }

    pub(super) fn at_relay(&mut self, id: ConnId, request: Request) {
        let conn = &self.conns[id.0];
        let relay = conn.relay;
        if !conn.known || self.relays[relay].life != conn.life {
            return;
        }
        let now = self.now.as_micros();
        let conditions = &self.script.conditions;
        if let Some(until) = conditions.slow_until(relay, now).filter(|_| !request.is_media()) {
            self.at(until, What::AtRelay(id, request));
            return;
        }
        if matches!(request, Request::Close) {
            self.conns[id.0].known = false;
        }
        if let Some(reply) = request.refusal().filter(|_| now >= self.conns[id.0].admits_until) {
            self.send_down(vec![relay::Send::answer(id, reply)]);
            return;
        }
        let refuses = conditions.refuses(relay, now);
        let sends = self.relays[relay].relay.take(id, request, refuses);
        self.send_down(sends);
    }

    fn send_down(&mut self, sends: Vec<relay::Send>) {
        for relay::Send { to, stream, reply, via } in sends {
            let has_expired = self.now.as_micros() >= self.conns[to.0].admits_until;
            if has_expired && matches!(reply, Reply::EpochAdded { .. }) {
                // Who comes now is not shown to it.
                continue;
            }
            let Some(mut at) = self.arrival(to, Way::Down, stream, reply.bytes()) else { continue };
            if let Some(via) = via {
                let publisher = self.conns[via.0].who;
                let latency = self.script.conditions.latency(publisher, self.now.as_micros());
                at = self.in_order(to, Way::Down, stream, at + latency * 2);
            }
            self.at(at, What::AtParticipant(to, reply));
        }
    }

    pub(super) fn relay_forgets(&mut self, id: ConnId) {
        let conn = &mut self.conns[id.0];
        if std::mem::take(&mut conn.known) && self.relays[conn.relay].life == conn.life {
            let relay = conn.relay;
            let sends = self.relays[relay].relay.gone(id);
            self.send_down(sends);
        }
    }

    pub(super) fn at_participant(&mut self, id: ConnId, reply: Reply) {
        let conn = &self.conns[id.0];
        let (who, session) = (conn.who, conn.session);
        if !conn.open {
            return;
        }
        let suspended = self.script.conditions.suspended_until(who, self.now.as_micros());
        if let Some(until) = suspended {
            self.at(until, What::AtParticipant(id, reply));
            return;
        }
        self.conns[id.0].received += 1;
        let input = match reply {
            Reply::NamespaceAccepted { epoch } => Input::NamespaceAccepted { session, epoch },
            Reply::NamespaceRefused { epoch } => Input::NamespaceRefused { session, epoch },
            Reply::WatchAccepted { watch } => Input::WatchAccepted { watch },
            Reply::WatchEnded { watch } => Input::WatchEnded { watch },
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
        self.tell(who, input);
    }
}
