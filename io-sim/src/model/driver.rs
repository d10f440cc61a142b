//! What the driver does: tells a call what happened, carries out what it says, wakes it in time.

use std::collections::BTreeMap;

use holdline_core::{Input, Output, SessionId, Timestamp};

use super::path::span;
use super::relay::Request;
use super::{Conn, ConnId, What, World};
use crate::plan::FaultKind;

impl World<'_> {
    /// Tells a call, carries out what it says, and wakes it when it wants to be. One that is
    /// suspended hears of it afterwards.
    pub(super) fn tell(&mut self, who: usize, inputs: Vec<Input>) {
        let mut inputs = std::collections::VecDeque::from(inputs);
        while let Some(input) = inputs.pop_front() {
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
        // A relay that is away now has another life by then.
        let life = self.crashes_until(relay, up.unwrap_or(0));
        self.conns.push(Conn {
            who,
            session,
            relay,
            life,
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
