//! What the driver does: tells a call what happened, carries out what it says, wakes it in time.

use holdline_core::{
    Cause, CauseKind, Credential, Input, Output, RequestId, Secret, SessionId, Token,
};

use super::relay::{Request, TrackIndex};
use super::{Conn, ConnId, What, World};

impl World {
    /// Tells a call, carries out what it says, and wakes it when it wants to be. One that is
    /// suspended is woken afterwards; one that is not there hears nothing.
    pub(super) fn tell(&mut self, who: usize, input: Input) {
        self.hand_in(who, input);
        self.see_to_wake(who);
    }

    /// The same, one after another.
    pub(super) fn tell_all(&mut self, who: usize, inputs: impl IntoIterator<Item = Input>) {
        inputs.into_iter().for_each(|input| self.hand_in(who, input));
        self.see_to_wake(who);
    }

    /// Tells a call, carries out what it says, and tells it what that brings at once.
    fn hand_in(&mut self, who: usize, mut input: Input) {
        loop {
            // Mostly there is one, and it need not wait for its turn.
            let mut first = None;
            let Some(process) = &mut self.participants[who].process else {
                return self.answers.clear();
            };
            self.cells.meet(process.call.state(), &input);
            process.call.handle(self.now, input);
            while let Some(output) =
                self.participants[who].process.as_mut().and_then(|p| p.call.poll_output())
            {
                self.add_to_digest(who, &output);
                self.participants[who].note(self.now, &output);
                match self.carry_out(who, output) {
                    answer if first.is_none() && self.answers.is_empty() => first = answer,
                    Some(answer) => self.answers.push_back(answer),
                    None => {}
                }
            }
            let Some(next) = first.or_else(|| self.answers.pop_front()) else { return };
            input = next;
        }
    }

    /// Sees to it that a call is woken in time.
    fn see_to_wake(&mut self, who: usize) {
        let deadline = self.participants[who].process.as_ref().and_then(|p| p.call.deadline());
        self.alarms[who] = deadline.map(|deadline| {
            let at = deadline.at.max(self.now).as_micros();
            self.script.conditions.suspended_until(who, at).unwrap_or(at)
        });
    }

    fn add_to_digest(&mut self, who: usize, output: &Output) {
        self.digest.add((who, self.now, std::mem::discriminant(output)));
        if let Output::Deliver { object, .. } = output {
            self.digest.add((object.number, &object.frame.payload[..8]));
        }
    }

    /// A session of a participant that is there.
    fn conn(&self, who: usize, session: SessionId) -> Option<ConnId> {
        self.participants[who].process.as_ref()?.conns.get(&session).copied()
    }

    fn carry_out(&mut self, who: usize, output: Output) -> Option<Input> {
        match output {
            Output::Dial { session, relay, token } => {
                self.dial(who, session, &relay, token.as_ref().map_or(u64::MAX, admits_until));
            }
            Output::AskDirectory { request } => {
                let at = self.script.conditions.directory_answers(who, self.now.as_micros());
                let life = self.participants[who].record.lives.len();
                self.at(at, What::DirectoryAnswers(who, life, request));
            }
            Output::AskCredential { request, .. } => {
                return Some(self.issue(who, request));
            }
            Output::CloseSession { session } => {
                let id = self.conn(who, session)?;
                self.participants[who].process.as_mut()?.conns.remove(&session);
                self.send_up(id, 0, Request::Close);
                self.conns[id.0].open = false;
                // It may have ended by itself at that moment, and that is heard only now.
                self.at(self.now.as_micros() + 1_000, What::Outdated(who, session));
            }
            Output::ProbePath { session } => {
                let id = self.conn(who, session)?;
                self.probe(id);
                let now = self.now.as_micros();
                let rtt_micros = self.script.conditions.latency(who, now) * 2;
                let conn = &mut self.conns[id.0];
                let back = conn.probes.extract_if(.., |back| *back <= now).count() as u64;
                conn.received += back;
                conn.acknowledged += back;
                let (received, acknowledged) = (conn.received, conn.acknowledged);
                return Some(Input::PathReport { session, received, acknowledged, rtt_micros });
            }
            Output::PublishTrack { session, publication, name, .. } => {
                let track = self.index(&name);
                let process = self.participants[who].process.as_mut()?;
                process.publications.insert(publication, (session, track));
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                self.request(who, session, Request::PublishNamespace { namespace, epoch });
            }
            Output::Watch { session, watch, prefix } => {
                self.request(who, session, Request::Watch { watch, prefix });
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                let track = self.index(&name);
                self.request(who, session, Request::Subscribe { subscription, namespace, track });
            }
            Output::Unsubscribe { subscription } => {
                self.request_everywhere(who, &Request::Unsubscribe { subscription });
            }
            Output::SendObject { publication, object } => {
                let (session, track) =
                    *self.participants[who].process.as_ref()?.publications.get(&publication)?;
                let id = self.conn(who, session)?;
                let stream = group_stream(track, object.location.group);
                self.send_up(id, stream, Request::Object { track, object });
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let (session, track) =
                    *self.participants[who].process.as_ref()?.publications.get(&publication)?;
                let id = self.conn(who, session)?;
                let stream = group_stream(track, location.group);
                self.send_up(id, stream, Request::EndOfTrack { track, location, number });
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                let request = Request::Fetch { fetch, namespace, name, first, last };
                self.request(who, session, request);
            }
            Output::CancelFetch { fetch } => {
                self.request_everywhere(who, &Request::CancelFetch { fetch });
            }
            Output::FetchObject { session, request, object } => {
                let id = self.conn(who, session)?;
                let said = Request::FetchObject { request, object };
                self.send_up(id, (1 << 62) | request, said);
            }
            Output::EndFetch { session, request } => {
                let id = self.conn(who, session)?;
                self.send_up(
                    id,
                    (1 << 62) | request,
                    Request::EndFetch { request, complete: true },
                );
            }
            Output::RefuseFetch { session, request } => {
                let id = self.conn(who, session)?;
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
            | Output::RememberDirectory { .. }
            | Output::CheckHost => {}
        }
        None
    }

    /// Whoever issues tokens answers at once.
    fn issue(&self, who: usize, request: RequestId) -> Input {
        let now = self.now.as_micros();
        let Some(token) = self.script.conditions.token(who, now) else {
            let cause = Cause::new(CauseKind::CredentialUnavailable);
            return Input::CredentialFailed { request, cause };
        };
        let until = token.expires.unwrap_or(u64::MAX).to_be_bytes();
        let secret = Secret::new(until.to_vec());
        let valid_for = token.valid_for(now);
        let credential = Credential { token: Token { token_type: 0, secret }, valid_for };
        Input::CredentialAnswered { request, credential }
    }

    fn dial(&mut self, who: usize, session: SessionId, relay: &str, admits_until: u64) {
        let relay = relay.trim_start_matches("relay-").parse().unwrap_or(0);
        let id = ConnId(self.conns.len());
        let handshake = self.paths.handshake(who, relay, self.now.as_micros());
        self.conns.push(Conn {
            who,
            session,
            relay,
            // A relay that is away now has another life by then. One that crashes before the session is up has
            // forgotten it.
            life: handshake.map_or(0, |(at, _)| self.script.conditions.crashes_so_far(relay, at)),
            admits_until,
            open: true,
            known: false,
            received: 0,
            acknowledged: 0,
            probes: Vec::new(),
            streams: [Vec::new(), Vec::new()],
            dying: false,
        });
        if let Some(process) = &mut self.participants[who].process {
            process.conns.insert(session, id);
        }
        if let Some((_, up)) = handshake {
            self.at(up, What::Connected(id));
        }
    }

    fn request(&mut self, who: usize, session: SessionId, request: Request) {
        if let Some(id) = self.conn(who, session) {
            self.send_up(id, 0, request);
        }
    }

    fn request_everywhere(&mut self, who: usize, request: &Request) {
        let process = self.participants[who].process.as_ref();
        let conns: Vec<ConnId> = process.iter().flat_map(|p| p.conns.values().copied()).collect();
        for id in conns {
            self.send_up(id, 0, request.clone());
        }
    }

    fn index(&self, name: &str) -> TrackIndex {
        let voices = self.script.voices();
        TrackIndex(voices.iter().position(|voice| voice.name == name).unwrap_or(voices.len()))
    }
}

/// What is written on a token: until when relays accept it.
fn admits_until(token: &Token) -> u64 {
    token.secret.expose().try_into().map_or(0, u64::from_be_bytes)
}

/// Each group of each track is a stream of its own.
fn group_stream(track: TrackIndex, group: u64) -> u64 {
    (1 << 63) | ((track.0 as u64) << 48) | (group & 0xffff_ffff_ffff)
}
