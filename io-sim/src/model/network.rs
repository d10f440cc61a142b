//! What the network does: brings requests to relays and their replies back, or does not.

use holdline_core::{FetchEnd, Input};

use super::path::{IDLE, Way};
use super::relay::{self, Reply, Request};
use super::{ConnId, OWN_IDLE, What, World};

impl World<'_> {
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

    pub(super) fn send_up(&mut self, id: ConnId, stream: u64, request: Request) {
        if let Some(at) = self.arrival(id, Way::Up, stream) {
            self.at(at, What::AtRelay(id, request));
        }
    }

    /// A probe counts when it has come back, if nothing was in its way.
    pub(super) fn probe(&mut self, id: ConnId) {
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

    pub(super) fn at_relay(&mut self, id: ConnId, request: Request) {
        let conn = &self.conns[id.0 as usize];
        let relay = conn.relay;
        if !conn.known || self.relays[relay].life != conn.life {
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
        let sends = self.relays[relay].relay.take(id, request);
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

    pub(super) fn relay_forgets(&mut self, id: ConnId) {
        let conn = &mut self.conns[id.0 as usize];
        if std::mem::take(&mut conn.known) && self.relays[conn.relay].life == conn.life {
            let relay = conn.relay;
            let sends = self.relays[relay].relay.gone(id);
            self.send_down(sends);
        }
    }

    pub(super) fn at_participant(&mut self, id: ConnId, reply: Reply) {
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
