//! A participant: its state machine, its application and its process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use holdline_core::id::{PublicationId, SessionId, TrackId};
use holdline_core::{Config, Event, Input, Output, Supervisor, Timestamp};

use super::network::Network;
use super::relay::TrackIndex;
use super::sim_event::SimEvent;
use super::transition_coverage::TransitionCoverage;
use crate::conditions::AppAction;
use crate::digest::Digest;
use crate::run_log::{CallLog, DeliveredFrame, ParticipantLog, SentFrame, TrackLog};
use crate::script::{SCREEN, Script, participant_name};

/// A participant and its current process, if it has one.
pub(super) struct Participant {
    pub(super) who: usize,
    script: Arc<Script>,
    pub(super) process: Option<Process>,
    /// When the call wakes for its deadline, in microseconds.
    pub(super) alarm: Option<u64>,
    /// The inputs that outputs have caused and the call has not handled; empty between events.
    pub(super) pending_inputs: VecDeque<Input>,
    /// Whether the participant has hung up and not called again.
    hung_up: bool,
    pub(super) log: ParticipantLog,
    pub(super) coverage: TransitionCoverage,
    pub(super) digest: Digest,
}

pub(super) struct Process {
    pub(super) supervisor: Supervisor,
    /// The index of the call in the participant's log.
    pub(super) call_index: usize,
    pub(super) publications: BTreeMap<PublicationId, (SessionId, TrackIndex)>,
    /// How many frames the process has sent on each track.
    frames: u64,
}

/// The first identifier of a subscribed track; published tracks have lower ones.
const FIRST_SUBSCRIBED: u64 = 100;
/// The track of the screen share.
const SCREEN_TRACK: TrackId = TrackId(50);

impl Participant {
    pub(super) fn new(who: usize, script: Arc<Script>) -> Self {
        Self {
            who,
            script,
            process: None,
            alarm: None,
            pending_inputs: VecDeque::new(),
            hung_up: false,
            log: ParticipantLog::default(),
            coverage: TransitionCoverage::default(),
            digest: Digest::default(),
        }
    }

    /// Starts a process, if it is due and none runs.
    pub(super) fn start_process(&mut self, network: &mut Network) {
        let (starts, sends_from) = self.script.starts(self.who);
        if network.now.as_micros() < starts || self.process.is_some() {
            return;
        }
        let call_index = self.log.calls.len();
        let inputs = self.new_call(network.now);
        self.feed(inputs, network);
        network.schedule(sends_from, SimEvent::SendFrames(self.who, call_index));
    }

    /// Starts a call; returns the first inputs of its application.
    fn new_call(&mut self, now: Timestamp) -> Vec<Input> {
        let (script, call_index) = (&self.script, self.log.calls.len());
        let mut config = Config::new("relay-0", "room", participant_name(self.who));
        for relay in 1..script.topology.relays {
            config.relays.push(format!("relay-{relay}"));
        }
        config.first_epoch = script.first_epoch(self.who, call_index, now.as_micros());
        config.directory.provider = script.conditions.uses_directory();
        config.directory.credentials = script.conditions.require_tokens();
        let mut call_log =
            CallLog { since: now, incarnation: config.first_epoch, ..CallLog::default() };
        let seed = script.seed(self.who, call_index);
        let supervisor = Supervisor::new(config, seed, now).expect("the configuration is valid");
        self.hung_up = false;
        self.process =
            Some(Process { supervisor, call_index, publications: BTreeMap::new(), frames: 0 });

        let mut inputs = Vec::new();
        for (id, spec) in (1..).zip(script.track_specs()) {
            inputs.push(Input::publish(TrackId(id), spec.track()));
            call_log.sent.insert(spec.name.into(), Vec::new());
        }
        self.log.calls.push(call_log);
        inputs.extend(self.subscribe_all(now));
        inputs.push(Input::Connect);
        inputs
    }

    /// Subscribes to every track of the other participants.
    fn subscribe_all(&mut self, now: Timestamp) -> Vec<Input> {
        let script = Arc::clone(&self.script);
        let who = self.who;
        let Some(call) = self.current_call() else { return Vec::new() };
        let mut inputs = Vec::new();
        for publisher in script.others(who) {
            for spec in script.track_specs() {
                let id = TrackId(FIRST_SUBSCRIBED + call.tracks.len() as u64);
                inputs.push(Input::subscribe(id, participant_name(publisher), spec.track()));
                call.tracks.push(TrackLog {
                    track: Some(id),
                    publisher,
                    name: spec.name.into(),
                    since: now,
                    ..TrackLog::default()
                });
            }
        }
        inputs
    }

    fn current_call(&mut self) -> Option<&mut CallLog> {
        self.log.calls.last_mut()
    }

    /// Sends the next frame of each track, if the call with that index is still current.
    pub(super) fn send_frames(&mut self, call_index: usize, network: &mut Network) {
        let now = network.now.as_micros();
        let is_current = self.log.calls.len() == call_index + 1;
        if now >= self.script.speech_end || !is_current {
            return;
        }
        if let Some(until) = self.script.conditions.suspended_until(self.who, now) {
            // A suspended process sends nothing.
            return network.schedule(until, SimEvent::SendFrames(self.who, call_index));
        }
        let inputs = self.next_frames(network.now);
        self.feed(inputs, network);
        network.schedule(
            now + self.script.topology.frame_ms * 1_000,
            SimEvent::SendFrames(self.who, call_index),
        );
    }

    /// The inputs with the next frame of each track.
    fn next_frames(&mut self, now: Timestamp) -> Vec<Input> {
        // An ended call takes no frames.
        let Some(process) = self.process.as_mut().filter(|p| !p.supervisor.state().is_final())
        else {
            return Vec::new();
        };
        let Some(call) = self.log.calls.last_mut() else { return Vec::new() };
        let number = process.frames;
        process.frames += 1;
        let of = (self.who, process.call_index);
        let mut inputs = Vec::new();
        for (id, spec) in (1..).zip(self.script.track_specs()) {
            let frame = self.script.frame(of, spec, number, now.as_micros());
            let sent =
                SentFrame { at: now, keyframe: frame.keyframe, payload: frame.payload.clone() };
            call.sent.get_mut(spec.name).into_iter().for_each(|all| all.push(sent.clone()));
            inputs.push(Input::Send { track: TrackId(id), frame });
        }
        inputs
    }

    /// Performs an action of the application, if there is a process.
    pub(super) fn perform(&mut self, action: AppAction, network: &mut Network) {
        let inputs = self.inputs_for(action, network.now);
        self.feed(inputs, network);
        match action {
            AppAction::HangUp if self.process.take().is_some() => {
                self.hung_up = true;
                self.alarm = None;
                network.process_ended(self.who);
            }
            AppAction::CallAgain if self.hung_up => self.start_process(network),
            _ => {}
        }
    }

    /// The inputs that an action brings to the call, if there is a process.
    fn inputs_for(&mut self, action: AppAction, now: Timestamp) -> Vec<Input> {
        let Some(state) = self.process.as_ref().map(|process| process.supervisor.state()) else {
            return Vec::new();
        };
        let screen =
            self.script.frame((self.who, self.log.calls.len() - 1), &SCREEN, 0, now.as_micros());
        let Some(call) = self.current_call() else { return Vec::new() };
        match action {
            AppAction::NetworkChanged => vec![Input::NetworkChanged],
            AppAction::ReconnectNow => vec![Input::ReconnectNow],
            AppAction::ReportDeviceError => {
                call.reports += u64::from(!state.is_final());
                vec![Input::MediaDeviceError { track: TrackId(1), detail: String::new() }]
            }
            AppAction::RaiseSafetyAlert => {
                call.reports += u64::from(!state.is_final());
                vec![Input::SafetyAlert { detail: String::new() }]
            }
            AppAction::StopListening => {
                let subscribed = call.tracks.iter_mut().filter(|track| !track.unsubscribed);
                let leave = |track: &mut TrackLog| {
                    track.unsubscribed = true;
                    track.track.map(|track| Input::Unsubscribe { track })
                };
                subscribed.filter_map(leave).collect()
            }
            AppAction::ListenAgain if call.tracks.iter().all(|track| track.unsubscribed) => {
                self.subscribe_all(now)
            }
            AppAction::Present if !call.sent.contains_key(SCREEN.name) && !state.is_final() => {
                let sent = SentFrame {
                    at: now,
                    keyframe: screen.keyframe,
                    payload: screen.payload.clone(),
                };
                call.sent.insert(SCREEN.name.into(), vec![sent]);
                let publish = Input::publish(SCREEN_TRACK, SCREEN.track());
                vec![publish, Input::Send { track: SCREEN_TRACK, frame: screen }]
            }
            AppAction::StopPresenting => vec![Input::Finish { track: SCREEN_TRACK }],
            AppAction::HangUp => vec![Input::Close],
            AppAction::ListenAgain | AppAction::Present | AppAction::CallAgain => Vec::new(),
        }
    }

    /// The process dies without closing its sessions.
    pub(super) fn kill_process(&mut self, network: &mut Network) {
        self.process = None;
        self.alarm = None;
        self.hung_up = false;
        network.process_killed(self.who);
    }

    /// Finishes every published track.
    pub(super) fn finish(&mut self, network: &mut Network) {
        let tracks = (1..).zip(self.script.track_specs());
        let finish = tracks.map(|(id, _)| Input::Finish { track: TrackId(id) });
        let inputs: Vec<Input> = finish.collect();
        self.feed(inputs, network);
    }

    /// Logs the state of the call and closes it.
    pub(super) fn close(&mut self, network: &mut Network) {
        let state = self.process.as_ref().map(|process| process.supervisor.state());
        if let Some(call) = self.current_call() {
            call.state = state;
        }
        self.feed([Input::Close], network);
    }
}

/// Logs an output that concerns the application.
pub(super) fn log_output(call: &mut CallLog, now: Timestamp, output: &Output) {
    match output {
        Output::Deliver { track, object, gap } => {
            let delivered = DeliveredFrame {
                at: now,
                number: object.number,
                captured_at: object.frame.captured_at,
                keyframe: object.frame.keyframe,
                payload: object.frame.payload.clone(),
                gap: *gap,
            };
            call.tracks[(track.0 - FIRST_SUBSCRIBED) as usize].delivered.push(delivered);
        }
        Output::Event(event) => {
            if let Event::TrackFinished { track } = event {
                call.tracks[(track.0 - FIRST_SUBSCRIBED) as usize].finished = true;
            }
            if let Event::Ended { summary } = event {
                call.summary = Some((**summary).clone());
            }
            call.events.push((now, event.clone()));
        }
        _ => {}
    }
}
