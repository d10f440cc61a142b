//! A participant: the state machine, the application that speaks and listens, and what the driver
//! would do.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdline_core::{
    Config, Event, Input, Output, PublicationId, SessionId, Supervisor, Timestamp, TrackId,
};

use super::ConnId;
use super::relay::TrackIndex;
use crate::conditions::Act;
use crate::record::{Heard, Life, ParticipantRecord, Said, TrackRecord};
use crate::script::{SCREEN, Script, name};

/// One participant, in the process that is there now, if there is one.
pub(super) struct Participant {
    pub(super) who: usize,
    script: Arc<Script>,
    pub(super) process: Option<Process>,
    pub(super) record: ParticipantRecord,
    /// Whether it has hung up, and has not called again.
    pub(super) hung_up: bool,
    /// The bug that is planted in its calls.
    #[cfg(feature = "canaries")]
    pub(super) canary: Option<holdline_core::Canary>,
}

pub(super) struct Process {
    pub(super) call: Supervisor,
    pub(super) conns: BTreeMap<SessionId, ConnId>,
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
            record: ParticipantRecord::default(),
            hung_up: false,
            #[cfg(feature = "canaries")]
            canary: None,
        }
    }

    /// Begins a process; gives what its application asks for first.
    pub(super) fn begin(&mut self, now: Timestamp) -> Vec<Input> {
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
        let mut record = Life { since: now, incarnation: config.first_epoch, ..Life::default() };
        let seed = script.seed(self.who, life);
        let call = Supervisor::new(config, seed, now).expect("a valid configuration");
        self.hung_up = false;
        self.process = Some(Process {
            call,
            conns: BTreeMap::new(),
            publications: BTreeMap::new(),
            frames: 0,
        });

        let mut inputs = Vec::new();
        for (id, voice) in (1..).zip(script.voices()) {
            inputs.push(Input::publish(TrackId(id), voice.track()));
            record.said.insert(voice.name.into(), Vec::new());
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
            for voice in script.voices() {
                let id = TrackId(FIRST_HEARD + life.tracks.len() as u64);
                inputs.push(Input::subscribe(id, name(speaker), voice.track()));
                life.tracks.push(TrackRecord {
                    track: Some(id),
                    speaker,
                    name: voice.name.into(),
                    since: now,
                    ..TrackRecord::default()
                });
            }
        }
        inputs
    }

    fn life(&mut self) -> Option<&mut Life> {
        self.record.lives.last_mut()
    }

    /// Says the next frame on each track.
    pub(super) fn speak(&mut self, now: Timestamp) -> Vec<Input> {
        // A call that is over takes nothing more.
        let Some(process) = self.process.as_mut().filter(|p| !p.call.state().is_final()) else {
            return Vec::new();
        };
        let life = self.record.lives.len() - 1;
        let number = process.frames;
        process.frames += 1;
        let mut inputs = Vec::new();
        for (id, voice) in (1..).zip(self.script.voices()) {
            let frame = self.script.frame((self.who, life), voice, number, now.as_micros());
            let said = Said { at: now, keyframe: frame.keyframe, payload: frame.payload.clone() };
            let life = &mut self.record.lives[life];
            life.said.get_mut(voice.name).into_iter().for_each(|all| all.push(said.clone()));
            inputs.push(Input::Send { track: TrackId(id), frame });
        }
        inputs
    }

    /// What its application tells its call when it is to do this, if there is one.
    pub(super) fn act(&mut self, act: Act, now: Timestamp) -> Vec<Input> {
        let Some(state) = self.process.as_ref().map(|process| process.call.state()) else {
            return Vec::new();
        };
        let screen =
            self.script.frame((self.who, self.record.lives.len() - 1), &SCREEN, 0, now.as_micros());
        let Some(life) = self.life() else { return Vec::new() };
        match act {
            Act::NetworkChanged => vec![Input::NetworkChanged],
            Act::ReconnectNow => vec![Input::ReconnectNow],
            Act::ReportDeviceError => {
                life.reports += u64::from(!state.is_final());
                vec![Input::MediaDeviceError { track: TrackId(1), detail: String::new() }]
            }
            Act::RaiseSafetyAlert => {
                life.reports += u64::from(!state.is_final());
                vec![Input::SafetyAlert { detail: String::new() }]
            }
            Act::StopListening => {
                let there = life.tracks.iter_mut().filter(|track| !track.left);
                let leave = |track: &mut TrackRecord| {
                    track.left = true;
                    track.track.map(|track| Input::Unsubscribe { track })
                };
                there.filter_map(leave).collect()
            }
            Act::ListenAgain if life.tracks.iter().all(|track| track.left) => self.listen(now),
            Act::Present if !life.said.contains_key(SCREEN.name) && !state.is_final() => {
                let said =
                    Said { at: now, keyframe: screen.keyframe, payload: screen.payload.clone() };
                life.said.insert(SCREEN.name.into(), vec![said]);
                let publish = Input::publish(PRESENTED, SCREEN.track());
                vec![publish, Input::Send { track: PRESENTED, frame: screen }]
            }
            Act::StopPresenting => vec![Input::Finish { track: PRESENTED }],
            Act::HangUp => vec![Input::Close],
            Act::ListenAgain | Act::Present | Act::CallAgain => Vec::new(),
        }
    }

    pub(super) fn finish(&self) -> Vec<Input> {
        let tracks = (1..).zip(self.script.voices());
        tracks.map(|(id, _)| Input::Finish { track: TrackId(id) }).collect()
    }

    /// Takes note of the state when all is over.
    pub(super) fn note_state(&mut self) {
        let state = self.process.as_ref().map(|process| process.call.state());
        if let Some(life) = self.life() {
            life.state = state;
        }
    }

    /// Takes note of what is for the application.
    pub(super) fn note(&mut self, now: Timestamp, output: &Output) {
        let Some(life) = self.life() else { return };
        match output {
            Output::Deliver { track, object, gap } => {
                let heard = Heard {
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
}
