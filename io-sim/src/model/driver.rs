//! What the driver does: tells a call what happened, carries out what it says, wakes it in time.

use holdline_core::{Cause, CauseKind, Credential, Input, Output, RequestId, Secret, Token};

use super::network::Network;
use super::participant::{Participant, Process, note};
use super::relay::{CONTROL, Request, TrackIndex};
use super::sim_event::SimEvent;
use crate::script::Script;

impl Participant {
    /// Tells a call one thing after another, carries out what it says, and has it woken when it wants to be. One that
    /// is suspended is woken afterwards; one that is not there hears nothing.
    pub(super) fn tell(&mut self, inputs: impl IntoIterator<Item = Input>, network: &mut Network) {
        inputs.into_iter().for_each(|input| self.hand_in(input, network));
        let deadline = self.process.as_ref().and_then(|process| process.call.deadline());
        self.alarm = deadline.map(|deadline| {
            let at = deadline.at.max(network.now).as_micros();
            network.script.conditions.suspended_until(self.who, at).unwrap_or(at)
        });
    }

    /// Tells a call something, and what that brings at once.
    fn hand_in(&mut self, input: Input, network: &mut Network) {
        let Some(process) = &mut self.process else { return };
        let Some(life) = self.record.lives.last_mut() else { return };
        let mut next = Some(input);
        while let Some(input) = next {
            self.cells.meet(process.call.state(), &input);
            process.call.handle(network.now, input);
            while let Some(output) = process.call.poll_output() {
                self.digest.add((network.now, std::mem::discriminant(&output)));
                if let Output::Deliver { object, .. } = &output {
                    self.digest.add((object.number, &object.frame.payload[..8]));
                }
                note(life, network.now, &output);
                if let Some(answer) = process.carry_out(self.who, output, network) {
                    self.answers.push_back(answer);
                }
            }
            next = self.answers.pop_front();
        }
    }
}

impl Process {
    /// What the call is to be told in answer.
    fn carry_out(&mut self, who: usize, output: Output, network: &mut Network) -> Option<Input> {
        match output {
            Output::Dial { session, relay, token } => {
                let admits_until = token.as_ref().map_or(u64::MAX, admits_until);
                network.dial(who, session, &relay, admits_until);
            }
            Output::AskDirectory { request } => {
                let conditions = &network.script.conditions;
                let at = conditions.directory_answers(who, network.now.as_micros());
                network.at(at, SimEvent::DirectoryAnswers(who, self.life, request));
            }
            Output::AskCredential { request, .. } => return Some(issue(who, request, network)),
            Output::CloseSession { session } => network.close(who, session),
            Output::ProbePath { session } => return network.probe(who, session),
            Output::PublishTrack { session, publication, name, .. } => {
                let track = index(&network.script, &name);
                self.publications.insert(publication, (session, track));
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                let request = Request::PublishNamespace { namespace, epoch };
                network.say(who, session, CONTROL, request);
            }
            Output::Watch { session, watch, prefix } => {
                network.say(who, session, CONTROL, Request::Watch { watch, prefix });
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                let track = index(&network.script, &name);
                let request = Request::Subscribe { subscription, namespace, track };
                network.say(who, session, CONTROL, request);
            }
            Output::Unsubscribe { subscription } => {
                network.say_everywhere(who, &Request::Unsubscribe { subscription });
            }
            Output::SendObject { publication, object } => {
                let (session, track) = *self.publications.get(&publication)?;
                let stream = group_stream(track, object.location.group);
                network.say(who, session, stream, Request::Object { track, object });
            }
            Output::SendEndOfTrack { publication, location, number } => {
                let (session, track) = *self.publications.get(&publication)?;
                let stream = group_stream(track, location.group);
                let request = Request::EndOfTrack { track, location, number };
                network.say(who, session, stream, request);
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                let request = Request::Fetch { fetch, namespace, name, first, last };
                network.say(who, session, CONTROL, request);
            }
            Output::CancelFetch { fetch } => {
                network.say_everywhere(who, &Request::CancelFetch { fetch });
            }
            Output::FetchObject { session, request, object } => {
                let said = Request::FetchObject { request, object };
                network.say(who, session, answer_stream(request), said);
            }
            Output::EndFetch { session, request } => {
                let said = Request::EndFetch { request, complete: true };
                network.say(who, session, answer_stream(request), said);
            }
            Output::RefuseFetch { session, request } => {
                let said = Request::EndFetch { request, complete: false };
                network.say(who, session, answer_stream(request), said);
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

/// Whoever issues tokens answers at once.
fn issue(who: usize, request: RequestId, network: &Network) -> Input {
    let now = network.now.as_micros();
    let Some(token) = network.script.conditions.token(who, now) else {
        let cause = Cause::new(CauseKind::CredentialUnavailable);
        return Input::CredentialFailed { request, cause };
    };
    let until = token.expires.unwrap_or(u64::MAX).to_be_bytes();
    let secret = Secret::new(until.to_vec());
    let valid_for = token.valid_for(now);
    let credential = Credential { token: Token { token_type: 0, secret }, valid_for };
    Input::CredentialAnswered { request, credential }
}

/// What is written on a token: until when relays accept it.
fn admits_until(token: &Token) -> u64 {
    token.secret.expose().try_into().map_or(0, u64::from_be_bytes)
}

fn index(script: &Script, name: &str) -> TrackIndex {
    let track_specs = script.track_specs();
    TrackIndex(track_specs.iter().position(|spec| spec.name == name).unwrap_or(track_specs.len()))
}

/// Each group of each track is a stream of its own.
fn group_stream(track: TrackIndex, group: u64) -> u64 {
    (1 << 63) | ((track.0 as u64) << 48) | (group & 0xffff_ffff_ffff)
}

/// And so is each answer to a FETCH.
fn answer_stream(request: u64) -> u64 {
    (1 << 62) | request
}
