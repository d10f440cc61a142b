//! A model of the network: the bare state machines, driven event by event, thousands of calls a second.
//!
//! It knows what calls depend on and nothing more: sessions over paths with latency, loss and
//! partitions; streams that are each in order and delay one another in nothing; relays that remember
//! the current group; connections that die of silence. There is no packet in it.

mod agenda;
mod cells;
mod driver;
mod network;
mod participant;
mod path;
mod relay;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use holdline_core::{Cause, CauseKind, Input, RequestId, SessionId, Timestamp};

use self::agenda::Agenda;
use self::cells::Cells;
pub use self::cells::INPUTS;
use self::participant::Participant;
use self::path::Paths;
use self::relay::{Relay, Reply, Request};
use crate::conditions::Act;
use crate::digest::Digest;
use crate::error::RunError;
use crate::plan::{FaultKind, FaultPlan};
use crate::record::Record;
use crate::script::{Script, restarts};

/// A participant's own idle timeout, in microseconds.
const OWN_IDLE: u64 = 30_000_000;

/// A connection between a participant and a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ConnId(usize);

#[derive(Clone, Debug)]
struct Conn {
    who: usize,
    session: SessionId,
    relay: usize,
    /// Which life of the relay it is with.
    life: u64,
    /// Until when its relay accepts what it was shown, in microseconds from the start.
    admits_until: u64,
    /// Whether the participant still holds it.
    open: bool,
    /// Whether the relay does.
    known: bool,
    /// What the participant's counters say, and when the probes that are under way will have come back.
    received: u64,
    acknowledged: u64,
    probes: Vec<u64>,
    /// When the last of each stream arrives, each way, as far as that is still to come.
    streams: [Vec<(u64, u64)>; 2],
    dying: bool,
}

/// A relay, which remembers nothing of its former lives.
#[derive(Clone, Debug, Default)]
struct Living {
    life: u64,
    relay: Relay,
}

#[derive(Clone, Debug)]
enum What {
    Begin(usize),
    /// The process in that life of a participant says its next frame.
    Speak(usize, usize),
    Connected(ConnId),
    AtRelay(ConnId, Request),
    AtParticipant(ConnId, Reply),
    RelayForgets(ConnId),
    ParticipantForgets(ConnId),
    /// A session ended that the participant has left.
    Outdated(usize, SessionId),
    /// To the process in that life of a participant.
    DirectoryAnswers(usize, usize, RequestId),
    RelayCrashes(usize),
    Act(usize, Act),
    Killed(usize),
    Finish,
    Close,
}

struct World {
    script: Arc<Script>,
    now: Timestamp,
    agenda: Agenda<What>,
    /// When each call is to be woken, in microseconds.
    alarms: Vec<Option<u64>>,
    paths: Paths,
    relays: Vec<Living>,
    participants: Vec<Participant>,
    conns: Vec<Conn>,
    /// What calls are to be told at once, in answer to what they said; empty in between.
    answers: VecDeque<Input>,
    cells: Cells,
    digest: Digest,
}

/// Plays a plan.
///
/// # Errors
///
/// If a call panics.
pub fn run(plan: &FaultPlan) -> Result<Record, RunError> {
    caught(|| World::new(plan).play())
}

/// Likewise, with a bug planted in everybody's calls.
#[cfg(feature = "canaries")]
pub fn run_with(plan: &FaultPlan, canary: holdline_core::Canary) -> Result<Record, RunError> {
    caught(|| {
        let mut world = World::new(plan);
        world.participants.iter_mut().for_each(|participant| participant.canary = Some(canary));
        world.play()
    })
}

fn caught(play: impl FnOnce() -> Record) -> Result<Record, RunError> {
    // Nothing of a world is left after a panic.
    catch_unwind(AssertUnwindSafe(play)).map_err(|panic| RunError::panic(&*panic))
}

impl World {
    fn play(mut self) -> Record {
        // What happens at the same moment comes before a tick.
        while let Some(next) = self.agenda.peek() {
            match self.alarm().filter(|(at, _)| *at < next) {
                Some((at, who)) => {
                    self.now = Timestamp::from_micros(at);
                    self.tell(who, Input::Tick);
                }
                None => {
                    let Some((at, what)) = self.agenda.next() else { break };
                    self.now = Timestamp::from_micros(at);
                    self.happen(what);
                }
            }
        }
        Record {
            participants: self.participants.into_iter().map(|p| p.record).collect(),
            cells: self.cells.into_names(),
            digest: self.digest.finish(),
        }
    }

    fn new(plan: &FaultPlan) -> Self {
        let script = Arc::new(Script::new(plan));
        let participant = |who| Participant::new(who, Arc::clone(&script));
        let mut world = Self {
            now: Timestamp::ZERO,
            agenda: Agenda::default(),
            alarms: vec![None; script.participants()],
            paths: Paths::new(Arc::clone(&script)),
            relays: (0..plan.topology.relays).map(|_| Living::default()).collect(),
            participants: (0..script.participants()).map(participant).collect(),
            conns: Vec::new(),
            answers: VecDeque::new(),
            cells: Cells::default(),
            digest: Digest::default(),
            script: Arc::clone(&script),
        };
        for who in 0..script.participants() {
            world.at(script.begins(who).0, What::Begin(who));
            for (at, act) in script.conditions.acts(who) {
                world.at(at, What::Act(who, act));
            }
        }
        let relays = restarts(plan, |kind| match kind {
            FaultKind::RelayCrash { relay } => Some(*relay as usize),
            _ => None,
        });
        for (at, relay, begins) in relays {
            // What is away does not answer: its return needs nothing more.
            if !begins {
                world.at(at, What::RelayCrashes(relay));
            }
        }
        let processes = restarts(plan, |kind| match kind {
            FaultKind::Restart { participant } => Some(*participant as usize),
            _ => None,
        });
        for (at, who, begins) in processes {
            world.at(at, if begins { What::Begin(who) } else { What::Killed(who) });
        }
        world.at(script.said, What::Finish);
        world.at(script.over, What::Close);
        world
    }

    /// Which call is to be woken next, and when.
    fn alarm(&self) -> Option<(u64, usize)> {
        let alarms = self.alarms.iter().enumerate();
        alarms.filter_map(|(who, at)| at.map(|at| (at, who))).min()
    }

    fn at(&mut self, micros: u64, what: What) {
        self.agenda.put(micros.max(self.now.as_micros()), what);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Begin(who) => self.begin(who),
            What::Speak(who, life) => self.speak(who, life),
            What::Connected(id) => {
                let conn = &mut self.conns[id.0];
                if !conn.open || self.relays[conn.relay].life != conn.life {
                    return;
                }
                let (who, session) = (conn.who, conn.session);
                if self.now.as_micros() >= conn.admits_until {
                    conn.open = false;
                    let cause = Cause::new(CauseKind::Unauthorized);
                    self.tell(who, Input::DialFailed { session, cause });
                    return;
                }
                conn.known = true;
                self.tell(who, Input::Connected { session });
            }
            What::AtRelay(id, request) => self.at_relay(id, request),
            What::AtParticipant(id, reply) => self.at_participant(id, reply),
            What::RelayForgets(id) => self.relay_forgets(id),
            What::ParticipantForgets(id) => {
                let conn = &mut self.conns[id.0];
                if std::mem::take(&mut conn.open) {
                    let (who, session) = (conn.who, conn.session);
                    if let Some(process) = &mut self.participants[who].process {
                        process.conns.remove(&session);
                    }
                    let cause = Cause::new(CauseKind::TimedOut);
                    self.tell(who, Input::SessionClosed { session, cause });
                }
            }
            What::Outdated(who, session) => {
                let cause = Cause::new(CauseKind::ClosedByRelay);
                self.tell(who, Input::SessionClosed { session, cause });
            }
            What::DirectoryAnswers(who, life, request) => {
                if self.participants[who].record.lives.len() == life {
                    let relays = self.script.directory().map(|relay| format!("relay-{relay}"));
                    let relays = relays.collect();
                    self.tell(who, Input::DirectoryAnswered { request, relays });
                }
            }
            What::RelayCrashes(relay) => {
                let life = self.relays[relay].life + 1;
                self.relays[relay] = Living { life, relay: Relay::default() };
                for id in self.known(|conn| conn.relay == relay) {
                    self.conns[id.0].known = false;
                    self.at(self.now.as_micros() + OWN_IDLE, What::ParticipantForgets(id));
                }
            }
            What::Act(who, act) => self.act(who, act),
            What::Killed(who) => self.killed(who),
            What::Finish => {
                for who in 0..self.participants.len() {
                    let inputs = self.participants[who].finish();
                    self.tell_all(who, inputs);
                }
            }
            What::Close => {
                for who in 0..self.participants.len() {
                    self.participants[who].note_state();
                    self.tell(who, Input::Close);
                }
                self.agenda.clear();
            }
        }
    }

    fn begin(&mut self, who: usize) {
        let now = self.now.as_micros();
        let (begins, speaks) = self.script.begins(who);
        if now < begins || self.participants[who].process.is_some() {
            return;
        }
        let life = self.participants[who].record.lives.len();
        let inputs = self.participants[who].begin(self.now);
        self.tell_all(who, inputs);
        self.at(speaks, What::Speak(who, life));
    }

    fn speak(&mut self, who: usize, life: usize) {
        let now = self.now.as_micros();
        let of_this_life = self.participants[who].record.lives.len() == life + 1;
        if now >= self.script.said || !of_this_life {
            return;
        }
        if let Some(until) = self.script.conditions.suspended_until(who, now) {
            // A suspended process says nothing.
            self.at(until, What::Speak(who, life));
            return;
        }
        let inputs = self.participants[who].speak(self.now);
        self.tell_all(who, inputs);
        self.at(now + self.script.topology.frame_ms * 1_000, What::Speak(who, life));
    }

    fn act(&mut self, who: usize, act: Act) {
        let inputs = self.participants[who].act(act, self.now);
        self.tell_all(who, inputs);
        match act {
            Act::HangUp if self.participants[who].process.take().is_some() => {
                self.participants[who].hung_up = true;
                self.alarms[who] = None;
                self.conns.iter_mut().filter(|c| c.who == who).for_each(|c| c.open = false);
            }
            Act::CallAgain if self.participants[who].hung_up => self.begin(who),
            _ => {}
        }
    }

    /// A process ends without a word. Its relays learn of it by its silence.
    fn killed(&mut self, who: usize) {
        self.participants[who].process = None;
        self.alarms[who] = None;
        self.participants[who].hung_up = false;
        let now = self.now.as_micros();
        for id in self.known(|conn| conn.who == who) {
            self.at(now + path::IDLE, What::RelayForgets(id));
        }
        for conn in self.conns.iter_mut().filter(|conn| conn.who == who) {
            conn.open = false;
        }
    }

    /// The connections that a relay knows of.
    fn known(&self, of: impl Fn(&Conn) -> bool) -> Vec<ConnId> {
        let conns = self.conns.iter().enumerate();
        conns.filter(|(_, conn)| conn.known && of(conn)).map(|(id, _)| ConnId(id)).collect()
    }
}
