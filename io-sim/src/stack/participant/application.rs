//! An application that embeds the library: it publishes, subscribes, and performs the actions of
//! its user.

use std::sync::Arc;

use futures::StreamExt as _;
use holdline_core::{Event, Timestamp};
use holdline_quinn::{Call, CallEnded, PublishedTrack, SubscribedTrack};
use tokio::task::{AbortHandle, JoinSet, yield_now};

use super::shared_log::SharedLog;
use crate::conditions::AppAction;
use crate::run_log::{CallLog, DeliveredFrame, SentFrame, TrackLog};
use crate::script::{SCREEN, Script, TrackSpec, participant_name};
use crate::stack::clock;

/// The application of one call.
pub(crate) struct Application {
    call: Call,
    script: Arc<Script>,
    who: usize,
    /// The index of the call in the participant's log.
    call_index: usize,
    shared_log: SharedLog,
    published: Arc<[PublishedTrack]>,
    /// The screen share, if one was started.
    screen: Option<PublishedTrack>,
    /// The tasks that receive the subscribed tracks.
    subscriptions: Vec<AbortHandle>,
    /// The tasks that log events and frames; they end with the call.
    log_tasks: JoinSet<()>,
}

impl Application {
    pub(crate) fn new(
        call: Call,
        script: Arc<Script>,
        (who, call_index): (usize, usize),
        shared_log: SharedLog,
    ) -> Self {
        let mut log_tasks = JoinSet::new();
        let (mut events, event_log) = (call.events(), shared_log.clone());
        log_tasks.spawn(async move {
            while let Some(event) = events.next().await {
                event_log.write(call_index, |call| log_event(call, event));
            }
        });
        let (published, subscriptions) = (Arc::default(), Vec::new());
        Self {
            call,
            script,
            who,
            call_index,
            shared_log,
            published,
            screen: None,
            subscriptions,
            log_tasks,
        }
    }

    /// Publishes its tracks and subscribes to all others.
    pub(crate) fn start(&mut self) -> turmoil::Result {
        let published =
            self.script.track_specs().iter().map(|spec| self.call.publish(spec.track()));
        self.published = published.collect::<Result<_, _>>()?;
        self.shared_log.write(self.call_index, |call| {
            let names = self.script.track_specs().iter().map(|spec| spec.name.to_owned());
            call.sent.extend(names.map(|name| (name, Vec::new())));
        });
        self.subscribe_all()
    }

    /// Subscribes to every track of the other participants.
    fn subscribe_all(&mut self) -> turmoil::Result {
        for publisher in self.script.others(self.who) {
            for spec in self.script.track_specs() {
                let track = self.call.subscribe(&participant_name(publisher), spec.track())?;
                let log = TrackLog {
                    track: Some(track.id()),
                    publisher,
                    name: spec.name.into(),
                    since: now(),
                    ..TrackLog::default()
                };
                let index = {
                    let tracks = &mut self.shared_log.lock().calls[self.call_index].tracks;
                    tracks.push(log);
                    tracks.len() - 1
                };
                let delivered = receive(self.shared_log.clone(), (self.call_index, index), track);
                self.subscriptions.push(self.log_tasks.spawn(delivered));
            }
        }
        Ok(())
    }

    /// Sends frames and performs actions, until the end of the run or until the user hangs up.
    /// Returns when the user calls again, if they do.
    pub(crate) async fn run(&mut self) -> turmoil::Result<Option<u64>> {
        let script = Arc::clone(&self.script);
        let published = Arc::clone(&self.published);
        let sending =
            send_frames(self.shared_log.clone(), script, (self.who, self.call_index), published);
        tokio::pin!(sending);
        let started = clock::now();
        let actions = self.script.conditions.app_actions(self.who);
        let mut actions = actions.into_iter().filter(|(at, _)| *at >= started);
        while let Some((at, action)) = actions.next() {
            tokio::select! {
                biased;
                () = &mut sending => return Ok(None),
                () = clock::sleep_until(at) => {}
            }
            if action == AppAction::HangUp {
                return Ok(actions
                    .find(|(_, action)| *action == AppAction::CallAgain)
                    .map(|(at, _)| at));
            }
            self.perform(action).await?;
        }
        sending.await;
        Ok(None)
    }

    async fn perform(&mut self, action: AppAction) -> turmoil::Result {
        let call_index = self.call_index;
        match action {
            // An ended call returns an error, which is ignored.
            AppAction::NetworkChanged => drop(self.call.network_changed()),
            AppAction::ReconnectNow => drop(self.call.reconnect_now()),
            AppAction::ReportDeviceError => {
                let microphone = self.published[0].id();
                self.count_report(self.call.report_device_error(microphone, "as it was planned"));
            }
            AppAction::RaiseSafetyAlert => {
                self.count_report(self.call.raise_safety_alert("as it was planned"));
            }
            AppAction::StopListening => {
                self.subscriptions.drain(..).for_each(|track| track.abort());
                self.shared_log.write(call_index, |call| {
                    call.tracks.iter_mut().for_each(|track| track.unsubscribed = true);
                });
                // The aborted tasks drop their tracks, which unsubscribes.
                yield_now().await;
            }
            AppAction::ListenAgain if self.subscriptions.is_empty() => self.subscribe_all()?,
            AppAction::Present if self.screen.is_none() => {
                let screen = self.call.publish(SCREEN.track())?;
                let at = clock::now();
                send_frame(
                    &self.shared_log,
                    &self.script,
                    (self.who, call_index),
                    (&SCREEN, &screen),
                    (0, at),
                );
                self.screen = Some(screen);
            }
            AppAction::StopPresenting => {
                if let Some(screen) = &self.screen {
                    let _ = screen.finish();
                }
            }
            AppAction::ListenAgain
            | AppAction::Present
            | AppAction::HangUp
            | AppAction::CallAgain => {}
        }
        Ok(())
    }

    /// Counts a report, if the call accepted it.
    fn count_report(&self, accepted: Result<(), CallEnded>) {
        self.shared_log.write(self.call_index, |call| call.reports += u64::from(accepted.is_ok()));
    }

    /// Closes the call and logs how it ended.
    pub(crate) async fn close(mut self) {
        let stats = self.call.stats().await;
        self.shared_log.write(self.call_index, |call| call.state = Some(stats.state));
        let summary = self.call.close().await;
        while self.log_tasks.join_next().await.is_some() {}
        self.shared_log.write(self.call_index, |call| call.summary = Some(summary));
    }
}

async fn send_frames(
    shared_log: SharedLog,
    script: Arc<Script>,
    (who, call_index): (usize, usize),
    tracks: Arc<[PublishedTrack]>,
) {
    clock::sleep_until(script.starts(who).1).await;
    let mut at = clock::now();
    let mut number = 0;
    while at < script.speech_end {
        clock::sleep_until(at).await;
        if let Some(until) = script.conditions.suspended_until(who, at) {
            // A suspended process sends nothing.
            at = until;
            continue;
        }
        for track in script.track_specs().iter().zip(&*tracks) {
            send_frame(&shared_log, &script, (who, call_index), track, (number, at));
        }
        number += 1;
        at += script.topology.frame_ms * 1_000;
    }
    clock::sleep_until(script.speech_end).await;
    for track in &*tracks {
        let _ = track.finish();
    }
    clock::sleep_until(script.end).await;
}

/// Sends a frame, and logs it if the call accepted it.
fn send_frame(
    shared_log: &SharedLog,
    script: &Script,
    (who, call_index): (usize, usize),
    (spec, track): (&TrackSpec, &PublishedTrack),
    (number, at): (u64, u64),
) {
    let frame = script.frame((who, call_index), spec, number, at);
    let sent = SentFrame {
        at: Timestamp::from_micros(at),
        keyframe: frame.keyframe,
        payload: frame.payload.clone(),
    };
    if track.send(frame).is_ok() {
        shared_log
            .write(call_index, |call| call.sent.entry(spec.name.into()).or_default().push(sent));
    }
}

async fn receive(
    shared_log: SharedLog,
    (call_index, index): (usize, usize),
    mut track: SubscribedTrack,
) {
    while let Some(frame) = track.next().await {
        let delivered = DeliveredFrame {
            at: now(),
            number: frame.number,
            captured_at: frame.captured_at,
            keyframe: frame.keyframe,
            payload: frame.payload,
            gap: frame.gap,
        };
        shared_log.write(call_index, |call| call.tracks[index].delivered.push(delivered));
    }
}

fn log_event(call: &mut CallLog, event: Event) {
    if let Event::TrackFinished { track } = &event {
        let finished = call.tracks.iter_mut().find(|log| log.track == Some(*track));
        finished.into_iter().for_each(|log| log.finished = true);
    }
    call.events.push((now(), event));
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
