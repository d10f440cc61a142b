//! A model of the network: the bare state machines, driven event by event, thousands of calls a
//! second.
//!
//! The model has only what calls depend on: sessions over paths with latency, loss and partitions;
//! streams that are each in order and do not block one another; relays that cache the current
//! group; connections that time out. It has no packets.

mod agenda;
mod connection;
mod driver;
mod network;
mod participant;
mod path;
mod relay;
mod sim_event;
mod transition_coverage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use holdline_core::error::{Cause, CauseKind};
use holdline_core::{Input, Timestamp};

use self::network::Network;
use self::participant::Participant;
use self::sim_event::SimEvent;
pub use self::transition_coverage::INPUTS;
use crate::conditions::span;
use crate::digest::Digest;
use crate::error::RunError;
use crate::plan::{FaultKind, FaultPlan};
use crate::run_log::RunLog;
use crate::script::{Script, restarts};

struct Simulation {
    participants: Vec<Participant>,
    network: Network,
}

/// Plays a plan.
///
/// # Errors
///
/// If a call panics.
pub fn run(plan: &FaultPlan) -> Result<RunLog, RunError> {
    catch_panic(|| Simulation::new(plan).play())
}

fn catch_panic(play: impl FnOnce() -> RunLog) -> Result<RunLog, RunError> {
    // A panic drops the whole simulation, so no code can see a broken invariant.
    catch_unwind(AssertUnwindSafe(play)).map_err(|panic| RunError::panic(&*panic))
}

impl Simulation {
    fn new(plan: &FaultPlan) -> Self {
        let script = Arc::new(Script::new(plan));
        let participant = |who| Participant::new(who, Arc::clone(&script));
        let participants = (0..script.participants()).map(participant).collect();
        let mut network = Network::new(Arc::clone(&script));
        for who in 0..script.participants() {
            network.schedule(script.starts(who).0, SimEvent::StartProcess(who));
            for (at, action) in script.conditions.app_actions(who) {
                network.schedule(at, SimEvent::AppAction(who, action));
            }
        }
        for fault in &plan.faults {
            // A relay that is down does not answer, so its return needs no event. Every crash
            // counts, as in `crashes_so_far`.
            if let FaultKind::RelayCrash { relay } = fault.kind {
                network.schedule(span(fault).0, SimEvent::RelayCrashes(relay as usize));
            }
        }
        let processes = restarts(plan, |kind| match kind {
            FaultKind::Restart { participant } => Some(*participant as usize),
            _ => None,
        });
        for (at, who, begins) in processes {
            network.schedule(
                at,
                if begins { SimEvent::StartProcess(who) } else { SimEvent::KillProcess(who) },
            );
        }
        network.schedule(script.speech_end, SimEvent::FinishTracks);
        network.schedule(script.end, SimEvent::CloseCalls);
        Self { participants, network }
    }

    fn play(mut self) -> RunLog {
        // Events of a moment come before ticks of that moment.
        while let Some(next) = self.network.agenda.peek() {
            match self.alarm().filter(|(at, _)| *at < next) {
                Some((at, who)) => {
                    self.network.now = Timestamp::from_micros(at);
                    self.feed(who, Input::Tick);
                }
                None => {
                    let Some((at, event)) = self.network.agenda.next() else { break };
                    self.network.now = Timestamp::from_micros(at);
                    self.handle(event);
                }
            }
        }
        self.into_log()
    }

    fn into_log(self) -> RunLog {
        let mut run_log = RunLog::default();
        let mut digest = Digest::default();
        for participant in self.participants {
            digest.add(participant.digest.finish());
            run_log.cells.extend(participant.coverage.into_names());
            run_log.participants.push(participant.log);
        }
        run_log.digest = digest.finish();
        run_log
    }

    /// The next call to wake, and when.
    fn alarm(&self) -> Option<(u64, usize)> {
        let participants = self.participants.iter().enumerate();
        participants.filter_map(|(who, participant)| participant.alarm.map(|at| (at, who))).min()
    }

    fn feed(&mut self, who: usize, input: Input) {
        self.participants[who].feed([input], &mut self.network);
    }

    fn handle(&mut self, event: SimEvent) {
        let network = &mut self.network;
        let fed = match event {
            SimEvent::AtParticipant(id, reply) => network.at_participant(id, reply),
            SimEvent::Connected(id) => network.connected(id),
            SimEvent::ParticipantTimesOut(id) => network.participant_times_out(id),
            SimEvent::StaleSessionClosed(who, session) => {
                let cause = Cause::new(CauseKind::ClosedByRelay);
                Some((who, Input::SessionClosed { session, cause }))
            }
            SimEvent::DirectoryAnswers(who, call_index, request) => {
                let is_current = self.participants[who].log.calls.len() == call_index + 1;
                let relays = network.script.relay_list().map(|relay| format!("relay-{relay}"));
                let relays = relays.collect();
                is_current.then_some((who, Input::DirectoryAnswered { query: request, relays }))
            }
            SimEvent::AtRelay(id, request) => return network.at_relay(id, request),
            SimEvent::RelayTimesOut(id) => return network.relay_times_out(id),
            SimEvent::RelayCrashes(relay) => return network.relay_crashes(relay),
            SimEvent::StartProcess(who) => return self.participants[who].start_process(network),
            SimEvent::SendFrames(who, call_index) => {
                return self.participants[who].send_frames(call_index, network);
            }
            SimEvent::AppAction(who, action) => {
                return self.participants[who].perform(action, network);
            }
            SimEvent::KillProcess(who) => return self.participants[who].kill_process(network),
            SimEvent::FinishTracks => {
                return self.participants.iter_mut().for_each(|p| p.finish(network));
            }
            SimEvent::CloseCalls => {
                self.participants.iter_mut().for_each(|p| p.close(network));
                return network.agenda.clear();
            }
        };
        if let Some((who, input)) = fed {
            self.feed(who, input);
        }
    }
}
