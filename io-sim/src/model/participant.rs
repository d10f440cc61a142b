//! A participant: the state machine, the application that speaks and listens, and what the driver
//! would do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use holdline_core::{
    Config, Event, Input, Output, PublicationId, SessionId, Supervisor, Timestamp, TrackId,
};

use super::network::Network;
use super::relay::TrackIndex;
use super::sim_event::SimEvent;
use super::transition_coverage::TransitionCoverage;
use crate::conditions::AppAction;
use crate::digest::Digest;
use crate::run_log::{CallLog, DeliveredFrame, ParticipantLog, SentFrame, TrackLog};
use crate::script::{SCREEN, Script, name};

/// One participant, in the process that is there now, if there is one.
pub(super) struct Participant {
    pub(super) who: usize,
    script: Arc<Script>,
    pub(super) process: Option<Process>,
    /// When its call is to be woken, in microseconds.
    pub(super) alarm: Option<u64>,
    /// What its call is to be told at once, in answer to what it said; empty in between.
    pub(super) answers: VecDeque<Input>,
    /// Whether it has hung up, and has not called again.
    hung_up: bool,
    pub(super) record: ParticipantLog,
    pub(super) cells: TransitionCoverage,
    pub(super) digest: Digest,
    /// The bug that is planted in its calls.
    #[cfg(feature = "canaries")]
    pub(super) canary: Option<holdline_core::Canary>,
}

pub(super) struct Process {
    pub(super) call: Supervisor,
    /// Which of the participant's lives it is.
    pub(super) life: usize,
    pub(super) publications: BTreeMap<PublicationId, (SessionId, TrackIndex)>,
    /// How many frames it has said.
    frames: u64,
}

/// Its first track that it listens to; those that it speaks on come before.
const FIRST_HEARD: u64 = 100;
/// The track that it presents.
const PRESENTED: TrackId = TrackId(50);

impl Participant {
    pub(super) fn new(who: usize, script: Arc<Script>) -> Self {
        Self {
            who,
            script,
            process: None,
            alarm: None,
            answers: VecDeque::new(),
            hung_up: false,
            record: ParticipantLog::default(),
            cells: TransitionCoverage::default(),
            digest: Digest::default(),
            #[cfg(feature = "canaries")]
            canary: None,
        }
    }

    /// Begins a process, if it is time and there is none.
    pub(super) fn begin(&mut self, network: &mut Network) {
        let (begins, speaks) = self.script.begins(self.who);
        if network.now.as_micros() < begins || self.process.is_some() {
            return;
        }
        let life = self.record.lives.len();
        let inputs = self.call(network.now);
        self.tell(inputs, network);
        network.at(speaks, SimEvent::Speak(self.who, life));
    }

    /// Begins a process; gives what its application asks for first.
    fn call(&mut self, now: Timestamp) -> Vec<Input> {
        let (script, life) = (&self.script, self.record.lives.len());
        let mut config = Config::new("relay-0", "room", name(self.who));
        for relay in 1..script.topology.relays {
            config.relays.push(format!("relay-{relay}"));
        }
        config.first_epoch = script.first_epoch(self.who, life, now.as_micros());
        config.directory.provider = script.conditions.have_directory();
        config.directory.credentials = script.conditions.are_guarded();
        #[cfg(feature = "canaries")]
        {
            config.canary = self.canary;
        }
        let mut record =
            CallLog { since: now, incarnation: config.first_epoch, ..CallLog::default() };
        let seed = script.seed(self.who, life);
        let call = Supervisor::new(config, seed, now).expect("a valid configuration");
        self.hung_up = false;
        self.process = Some(Process { call, life, publications: BTreeMap::new(), frames: 0 });

        let mut inputs = Vec::new();
        for (id, spec) in (1..).zip(script.track_specs()) {
            inputs.push(Input::publish(TrackId(id), spec.track()));
            record.said.insert(spec.name.into(), Vec::new());
        }
        self.record.lives.push(record);
        inputs.extend(self.listen(now));
        inputs.push(Input::Connect);
        inputs
    }

    /// Listens to everybody.
    fn listen(&mut self, now: Timestamp) -> Vec<Input> {
        let script = Arc::clone(&self.script);
        let who = self.who;
        let Some(life) = self.life() else { return Vec::new() };
        let mut inputs = Vec::new();
        for speaker in script.others(who) {
            for spec in script.track_specs() {
                let id = TrackId(FIRST_HEARD + life.tracks.len() as u64);
                inputs.push(Input::subscribe(id, name(speaker), spec.track()));
                life.tracks.push(TrackLog {
                    track: Some(id),
                    speaker,
                    name: spec.name.into(),
                    since: now,
                    ..TrackLog::default()
                });
            }
        }
        inputs
    }

    fn life(&mut self) -> Option<&mut CallLog> {
        self.record.lives.last_mut()
    }

    /// Says the next frame, if it is still the process in that life who is to.
    pub(super) fn speak(&mut self, life: usize, network: &mut Network) {
        let now = network.now.as_micros();
        let of_this_life = self.record.lives.len() == life + 1;
        if now >= self.script.said || !of_this_life {
            return;
        }
        if let Some(until) = self.script.conditions.suspended_until(self.who, now) {
            // A suspended process says nothing.
            return network.at(until, SimEvent::Speak(self.who, life));
        }
        let inputs = self.next_frame(network.now);
        self.tell(inputs, network);
        network.at(now + self.script.topology.frame_ms * 1_000, SimEvent::Speak(self.who, life));
    }

    /// The next frame on each track.
    fn next_frame(&mut self, now: Timestamp) -> Vec<Input> {
        // A call that is over takes nothing more.
        let Some(process) = self.process.as_mut().filter(|p| !p.call.state().is_final()) else {
            return Vec::new();
        };
        let Some(life) = self.record.lives.last_mut() else { return Vec::new() };
        let number = process.frames;
        process.frames += 1;
        let of = (self.who, process.life);
        let mut inputs = Vec::new();
        for (id, spec) in (1..).zip(self.script.track_specs()) {
            let frame = self.script.frame(of, spec, number, now.as_micros());
            let said =
                SentFrame { at: now, keyframe: frame.keyframe, payload: frame.payload.clone() };
            life.said.get_mut(spec.name).into_iter().for_each(|all| all.push(said.clone()));
            inputs.push(Input::Send { track: TrackId(id), frame });
        }
        inputs
    }

    /// Does what its application is to do, if there is one.
    pub(super) fn act(&mut self, act: AppAction, network: &mut Network) {
        let inputs = self.asks(act, network.now);
        self.tell(inputs, network);
        match act {
            AppAction::HangUp if self.process.take().is_some() => {
                self.hung_up = true;
                self.alarm = None;
                network.left(self.who);
            }
            AppAction::CallAgain if self.hung_up => self.begin(network),
            _ => {}
        }
    }

    /// What its application tells its call when it is to do this, if there is one.
    fn asks(&mut self, act: AppAction, now: Timestamp) -> Vec<Input> {
        let Some(state) = self.process.as_ref().map(|process| process.call.state()) else {
            return Vec::new();
        };
        let screen =
            self.script.frame((self.who, self.record.lives.len() - 1), &SCREEN, 0, now.as_micros());
        let Some(life) = self.life() else { return Vec::new() };
        match act {
            AppAction::NetworkChanged => vec![Input::NetworkChanged],
            AppAction::ReconnectNow => vec![Input::ReconnectNow],
            AppAction::ReportDeviceError => {
                life.reports += u64::from(!state.is_final());
                vec![Input::MediaDeviceError { track: TrackId(1), detail: String::new() }]
            }
            AppAction::RaiseSafetyAlert => {
                life.reports += u64::from(!state.is_final());
                vec![Input::SafetyAlert { detail: String::new() }]
            }
            AppAction::StopListening => {
                let there = life.tracks.iter_mut().filter(|track| !track.left);
                let leave = |track: &mut TrackLog| {
                    track.left = true;
                    track.track.map(|track| Input::Unsubscribe { track })
                };
                there.filter_map(leave).collect()
            }
            AppAction::ListenAgain if life.tracks.iter().all(|track| track.left) => {
                self.listen(now)
            }
            AppAction::Present if !life.said.contains_key(SCREEN.name) && !state.is_final() => {
                let said = SentFrame {
                    at: now,
                    keyframe: screen.keyframe,
                    payload: screen.payload.clone(),
                };
                life.said.insert(SCREEN.name.into(), vec![said]);
                let publish = Input::publish(PRESENTED, SCREEN.track());
                vec![publish, Input::Send { track: PRESENTED, frame: screen }]
            }
            AppAction::StopPresenting => vec![Input::Finish { track: PRESENTED }],
            AppAction::HangUp => vec![Input::Close],
            AppAction::ListenAgain | AppAction::Present | AppAction::CallAgain => Vec::new(),
        }
    }

    /// Its process ends without a word.
    pub(super) fn killed(&mut self, network: &mut Network) {
        self.process = None;
        self.alarm = None;
        self.hung_up = false;
        network.killed(self.who);
    }

    /// Has said everything.
    pub(super) fn finish(&mut self, network: &mut Network) {
        let tracks = (1..).zip(self.script.track_specs());
        let finish = tracks.map(|(id, _)| Input::Finish { track: TrackId(id) });
        let inputs: Vec<Input> = finish.collect();
        self.tell(inputs, network);
    }

    /// Everybody has said everything, and it hangs up.
    pub(super) fn close(&mut self, network: &mut Network) {
        let state = self.process.as_ref().map(|process| process.call.state());
        if let Some(life) = self.life() {
            life.state = state;
        }
        self.tell([Input::Close], network);
    }
}

/// Takes note of what is for the application.
pub(super) fn note(life: &mut CallLog, now: Timestamp, output: &Output) {
    match output {
        Output::Deliver { track, object, gap } => {
            let heard = DeliveredFrame {
                at: now,
                number: object.number,
                captured_at: object.frame.captured_at,
                keyframe: object.frame.keyframe,
                payload: object.frame.payload.clone(),
                gap: *gap,
            };
            life.tracks[(track.0 - FIRST_HEARD) as usize].heard.push(heard);
        }
        Output::Event(event) => {
            if let Event::TrackFinished { track } = event {
                life.tracks[(track.0 - FIRST_HEARD) as usize].finished = true;
            }
            if let Event::Ended { summary } = event {
                life.summary = Some((**summary).clone());
            }
            life.events.push((now, event.clone()));
        }
        _ => {}
    }
}
