//! The model's driver: feeds inputs to a call, carries out its outputs and schedules its next tick.

use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::QueryId;
use holdline_core::{Input, Output};

use super::network::Network;
use super::participant::{Participant, Process, log_output};
use super::relay::{CONTROL, Request, TrackIndex};
use super::sim_event::SimEvent;
use crate::script::Script;

impl Participant {
    /// Feeds inputs to a call in turn, carries out its outputs and sets the alarm for its deadline.
    ///
    /// A suspended participant wakes after its suspension. A participant without a process ignores
    /// the inputs.
    pub(super) fn feed(&mut self, inputs: impl IntoIterator<Item = Input>, network: &mut Network) {
        inputs.into_iter().for_each(|input| self.handle(input, network));
        let deadline = self.process.as_ref().and_then(|process| process.supervisor.deadline());
        self.alarm = deadline.map(|deadline| {
            let at = deadline.at.max(network.now).as_micros();
            network.script.conditions.suspended_until(self.who, at).unwrap_or(at)
        });
    }

    /// Feeds one input to the call, and the inputs that its outputs cause at once.
    fn handle(&mut self, input: Input, network: &mut Network) {
        let Some(process) = &mut self.process else { return };
        let Some(call_log) = self.log.calls.last_mut() else { return };
        let mut next = Some(input);
        while let Some(input) = next {
            self.coverage.record(process.supervisor.state(), &input);
            process.supervisor.handle(network.now, input);
            while let Some(output) = process.supervisor.poll_output() {
                self.digest.add((network.now, std::mem::discriminant(&output)));
                if let Output::Deliver { object, .. } = &output {
                    self.digest.add((object.number, &object.frame.payload[..8]));
                }
                log_output(call_log, network.now, &output);
                if let Some(answer) = process.carry_out(self.who, output, network) {
                    self.pending_inputs.push_back(answer);
                }
            }
            next = self.pending_inputs.pop_front();
        }
    }
}

impl Process {
    /// Carries out an output; returns the input that answers it at once, if there is one.
    fn carry_out(&mut self, who: usize, output: Output, network: &mut Network) -> Option<Input> {
        match output {
            Output::Dial { session, relay, token } => {
                let admits_until = token.as_ref().map_or(u64::MAX, admits_until);
                network.dial(who, session, &relay, admits_until);
            }
            Output::QueryDirectory { query } => {
                let conditions = &network.script.conditions;
                let at = conditions.directory_answers_at(who, network.now.as_micros());
                network.schedule(at, SimEvent::DirectoryAnswers(who, self.call_index, query));
            }
            Output::QueryCredential { query, .. } => {
                return Some(issue_token(who, query, network));
            }
            Output::CloseSession { session } => network.close(who, session),
            Output::ProbePath { session } => return network.probe(who, session),
            Output::PublishTrack { session, publication, name, .. } => {
                let track = track_index(&network.script, &name);
                self.publications.insert(publication, (session, track));
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                let query = Request::PublishNamespace { namespace, epoch };
                network.send(who, session, CONTROL, query);
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                network.send(
                    who,
                    session,
                    CONTROL,
                    Request::SubscribeNamespace { namespace_subscription, prefix },
                );
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                let track = track_index(&network.script, &name);
                let request = Request::Subscribe { subscription, namespace, track };
                network.send(who, session, CONTROL, request);
            }
            Output::Unsubscribe { subscription } => {
                network.send_to_all(who, &Request::Unsubscribe { subscription });
            }
            Output::SendObject { publication, object } => {
                let (session, track) = *self.publications.get(&publication)?;
                let stream = group_stream(track, object.location.group);
                network.send(who, session, stream, Request::Object { track, object });
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let (session, track) = *self.publications.get(&publication)?;
                let stream = group_stream(track, location.group);
                let request = Request::EndOfTrack { track, location, number };
                network.send(who, session, stream, request);
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                let request = Request::Fetch { fetch, namespace, name, first, last };
                network.send(who, session, CONTROL, request);
            }
            Output::CancelFetch { fetch } => {
                network.send_to_all(who, &Request::CancelFetch { fetch });
            }
            Output::FetchObject { session, moq_request: request, object } => {
                let answer = Request::FetchObject { request, object };
                network.send(who, session, fetch_stream(request), answer);
            }
            Output::EndFetch { session, moq_request: request } => {
                let answer = Request::EndFetch { request, complete: true };
                network.send(who, session, fetch_stream(request), answer);
            }
            Output::RefuseFetch { session, moq_request: request } => {
                let answer = Request::EndFetch { request, complete: false };
                network.send(who, session, fetch_stream(request), answer);
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
}

/// The token issuer's answer, which comes at once.
fn issue_token(who: usize, query: QueryId, network: &Network) -> Input {
    let now = network.now.as_micros();
    let Some(token) = network.script.conditions.token(who, now) else {
        let cause = Cause::new(CauseKind::CredentialUnavailable);
        return Input::CredentialFailed { query, cause };
    };
    let until = token.expires.unwrap_or(u64::MAX).to_be_bytes();
    let secret = Secret::new(until.to_vec());
    let valid_for = token.valid_for(now);
    let credential = Credential { token: Token { token_type: 0, secret }, valid_for };
    Input::CredentialAnswered { query, credential }
}

/// The expiry time that a token carries: relays accept it until then.
fn admits_until(token: &Token) -> u64 {
    token.secret.expose().try_into().map_or(0, u64::from_be_bytes)
}

fn track_index(script: &Script, name: &str) -> TrackIndex {
    let track_specs = script.track_specs();
    TrackIndex(track_specs.iter().position(|spec| spec.name == name).unwrap_or(track_specs.len()))
}

/// The stream of a group: each group of each track has its own.
fn group_stream(track: TrackIndex, group: u64) -> u64 {
    (1 << 63) | ((track.0 as u64) << 48) | (group & 0xffff_ffff_ffff)
}

/// The stream of a FETCH response: each response has its own.
fn fetch_stream(query: u64) -> u64 {
    (1 << 62) | query
}
