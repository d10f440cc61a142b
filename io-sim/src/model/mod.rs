//! A model of the network: the bare state machines, driven event by event, thousands of calls a second.
//!
//! It knows what calls depend on and nothing more: sessions over paths with latency, loss and
//! partitions; streams that are each in order and delay one another in nothing; relays that remember
//! the current group; connections that die of silence. There is no packet in it.

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

use holdline_core::{Cause, CauseKind, Input, Timestamp};

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
    caught(|| Simulation::new(plan).play())
}

/// Likewise, with a bug planted in everybody's calls.
#[cfg(feature = "canaries")]
pub fn run_with(plan: &FaultPlan, canary: holdline_core::Canary) -> Result<RunLog, RunError> {
    caught(|| {
        let mut world = Simulation::new(plan);
        world.participants.iter_mut().for_each(|participant| participant.canary = Some(canary));
        world.play()
    })
}

fn caught(play: impl FnOnce() -> RunLog) -> Result<RunLog, RunError> {
    // Nothing of a world is left after a panic.
    catch_unwind(AssertUnwindSafe(play)).map_err(|panic| RunError::panic(&*panic))
}

impl Simulation {
    fn new(plan: &FaultPlan) -> Self {
        let script = Arc::new(Script::new(plan));
        let participant = |who| Participant::new(who, Arc::clone(&script));
        let participants = (0..script.participants()).map(participant).collect();
        let mut network = Network::new(Arc::clone(&script));
        for who in 0..script.participants() {
            network.at(script.begins(who).0, SimEvent::Begin(who));
            for (at, act) in script.conditions.app_actions(who) {
                network.at(at, SimEvent::AppAction(who, act));
            }
        }
        for fault in &plan.faults {
            // What is away does not answer: its return needs nothing more. Each crash counts, as `crashes_so_far` counts.
            if let FaultKind::RelayCrash { relay } = fault.kind {
                network.at(span(fault).0, SimEvent::RelayCrashes(relay as usize));
            }
        }
        let processes = restarts(plan, |kind| match kind {
            FaultKind::Restart { participant } => Some(*participant as usize),
            _ => None,
        });
        for (at, who, begins) in processes {
            network.at(at, if begins { SimEvent::Begin(who) } else { SimEvent::Killed(who) });
        }
        network.at(script.said, SimEvent::Finish);
        network.at(script.over, SimEvent::Close);
        Self { participants, network }
    }

    fn play(mut self) -> RunLog {
        // What happens at the same moment comes before a tick.
        while let Some(next) = self.network.agenda.peek() {
            match self.alarm().filter(|(at, _)| *at < next) {
                Some((at, who)) => {
                    self.network.now = Timestamp::from_micros(at);
                    self.tell(who, Input::Tick);
                }
                None => {
                    let Some((at, what)) = self.network.agenda.next() else { break };
                    self.network.now = Timestamp::from_micros(at);
                    self.happen(what);
                }
            }
        }
        self.into_record()
    }

    fn into_record(self) -> RunLog {
        let mut record = RunLog::default();
        let mut digest = Digest::default();
        for participant in self.participants {
            digest.add(participant.digest.finish());
            record.cells.extend(participant.cells.into_names());
            record.participants.push(participant.record);
        }
        record.digest = digest.finish();
        record
    }

    /// Which call is to be woken next, and when.
    fn alarm(&self) -> Option<(u64, usize)> {
        let participants = self.participants.iter().enumerate();
        participants.filter_map(|(who, participant)| participant.alarm.map(|at| (at, who))).min()
    }

    fn tell(&mut self, who: usize, input: Input) {
        self.participants[who].tell([input], &mut self.network);
    }

    fn happen(&mut self, what: SimEvent) {
        let network = &mut self.network;
        let told = match what {
            SimEvent::AtParticipant(id, reply) => network.at_participant(id, reply),
            SimEvent::Connected(id) => network.connected(id),
            SimEvent::ParticipantForgets(id) => network.participant_forgets(id),
            SimEvent::Outdated(who, session) => {
                let cause = Cause::new(CauseKind::ClosedByRelay);
                Some((who, Input::SessionClosed { session, cause }))
            }
            SimEvent::DirectoryAnswers(who, life, request) => {
                let of_this_life = self.participants[who].record.lives.len() == life + 1;
                let relays = network.script.directory().map(|relay| format!("relay-{relay}"));
                let relays = relays.collect();
                of_this_life.then_some((who, Input::DirectoryAnswered { request, relays }))
            }
            SimEvent::AtRelay(id, request) => return network.at_relay(id, request),
            SimEvent::RelayForgets(id) => return network.relay_forgets(id),
            SimEvent::RelayCrashes(relay) => return network.relay_crashes(relay),
            SimEvent::Begin(who) => return self.participants[who].begin(network),
            SimEvent::Speak(who, life) => return self.participants[who].speak(life, network),
            SimEvent::AppAction(who, act) => return self.participants[who].act(act, network),
            SimEvent::Killed(who) => return self.participants[who].killed(network),
            SimEvent::Finish => {
                return self.participants.iter_mut().for_each(|p| p.finish(network));
            }
            SimEvent::Close => {
                self.participants.iter_mut().for_each(|p| p.close(network));
                return network.agenda.clear();
            }
        };
        if let Some((who, input)) = told {
            self.tell(who, input);
        }
    }
}
