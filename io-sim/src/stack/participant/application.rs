//! An application that embeds the library: it speaks and listens, and does what people want it to in between.

use std::sync::Arc;

use futures::StreamExt as _;
use holdline_core::{Event, Timestamp};
use holdline_quinn::{Call, CallEnded, PublishedTrack, SubscribedTrack};
use tokio::task::{AbortHandle, JoinSet, yield_now};

use super::shared_log::SharedLog;
use crate::conditions::AppAction;
use crate::run_log::{CallLog, DeliveredFrame, SentFrame, TrackLog};
use crate::script::{SCREEN, Script, TrackSpec, name};
use crate::stack::clock;

/// The application of one call.
pub(crate) struct Application {
    call: Call,
    script: Arc<Script>,
    who: usize,
    /// Which of its participant's calls it is.
    life: usize,
    shared_log: SharedLog,
    track_specs: Arc<[PublishedTrack]>,
    /// What it presents.
    screen: Option<PublishedTrack>,
    /// What it listens to, as long as it does.
    tracks: Vec<AbortHandle>,
    /// All that it notes, until there is nothing more.
    noting: JoinSet<()>,
}

impl Application {
    pub(crate) fn new(
        call: Call,
        script: Arc<Script>,
        (who, life): (usize, usize),
        shared_log: SharedLog,
    ) -> Self {
        let mut noting = JoinSet::new();
        let (mut events, notes) = (call.events(), shared_log.clone());
        noting.spawn(async move {
            while let Some(event) = events.next().await {
                notes.write(life, |life| note(life, event));
            }
        });
        let (track_specs, tracks) = (Arc::default(), Vec::new());
        Self { call, script, who, life, shared_log, track_specs, screen: None, tracks, noting }
    }

    /// Publishes what it will speak on, and listens.
    pub(crate) fn begin(&mut self) -> turmoil::Result {
        let track_specs =
            self.script.track_specs().iter().map(|spec| self.call.publish(spec.track()));
        self.track_specs = track_specs.collect::<Result<_, _>>()?;
        self.shared_log.write(self.life, |life| {
            let names = self.script.track_specs().iter().map(|spec| spec.name.to_owned());
            life.said.extend(names.map(|name| (name, Vec::new())));
        });
        self.listen()
    }

    /// Listens to everybody.
    fn listen(&mut self) -> turmoil::Result {
        for speaker in self.script.others(self.who) {
            for spec in self.script.track_specs() {
                let track = self.call.subscribe(&name(speaker), spec.track())?;
                let record = TrackLog {
                    track: Some(track.id()),
                    speaker,
                    name: spec.name.into(),
                    since: now(),
                    ..TrackLog::default()
                };
                let index = {
                    let tracks = &mut self.shared_log.open().lives[self.life].tracks;
                    tracks.push(record);
                    tracks.len() - 1
                };
                let heard = listen(self.shared_log.clone(), (self.life, index), track);
                self.tracks.push(self.noting.spawn(heard));
            }
        }
        Ok(())
    }

    /// Speaks, and acts meanwhile, until everything is over or it hangs up: then, when it calls again.
    pub(crate) async fn run(&mut self) -> turmoil::Result<Option<u64>> {
        let script = Arc::clone(&self.script);
        let track_specs = Arc::clone(&self.track_specs);
        let speech = speak(self.shared_log.clone(), script, (self.who, self.life), track_specs);
        tokio::pin!(speech);
        let begun = clock::now();
        let app_actions = self.script.conditions.app_actions(self.who);
        let mut app_actions = app_actions.into_iter().filter(|(at, _)| *at >= begun);
        while let Some((at, act)) = app_actions.next() {
            tokio::select! {
                biased;
                () = &mut speech => return Ok(None),
                () = clock::sleep_until(at) => {}
            }
            if act == AppAction::HangUp {
                return Ok(app_actions
                    .find(|(_, act)| *act == AppAction::CallAgain)
                    .map(|(at, _)| at));
            }
            self.act(act).await?;
        }
        speech.await;
        Ok(None)
    }

    async fn act(&mut self, act: AppAction) -> turmoil::Result {
        let life = self.life;
        match act {
            // A call that is over is told nothing.
            AppAction::NetworkChanged => drop(self.call.network_changed()),
            AppAction::ReconnectNow => drop(self.call.reconnect_now()),
            AppAction::ReportDeviceError => {
                let microphone = self.track_specs[0].id();
                self.reported(self.call.report_device_error(microphone, "as it was planned"));
            }
            AppAction::RaiseSafetyAlert => {
                self.reported(self.call.raise_safety_alert("as it was planned"));
            }
            AppAction::StopListening => {
                self.tracks.drain(..).for_each(|track| track.abort());
                self.shared_log.write(life, |life| {
                    life.tracks.iter_mut().for_each(|track| track.left = true);
                });
                // Whoever listens no more lets go of its track.
                yield_now().await;
            }
            AppAction::ListenAgain if self.tracks.is_empty() => self.listen()?,
            AppAction::Present if self.screen.is_none() => {
                let screen = self.call.publish(SCREEN.track())?;
                let at = clock::now();
                say(&self.shared_log, &self.script, (self.who, life), (&SCREEN, &screen), (0, at));
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

    /// Notes that something was reported, if there was a call to report it to.
    fn reported(&self, told: Result<(), CallEnded>) {
        self.shared_log.write(self.life, |life| life.reports += u64::from(told.is_ok()));
    }

    /// Ends the call, and notes how.
    pub(crate) async fn end(mut self) {
        let stats = self.call.stats().await;
        self.shared_log.write(self.life, |life| life.state = Some(stats.state));
        let summary = self.call.close().await;
        while self.noting.join_next().await.is_some() {}
        self.shared_log.write(self.life, |life| life.summary = Some(summary));
    }
}

async fn speak(
    shared_log: SharedLog,
    script: Arc<Script>,
    (who, life): (usize, usize),
    tracks: Arc<[PublishedTrack]>,
) {
    clock::sleep_until(script.begins(who).1).await;
    let mut at = clock::now();
    let mut number = 0;
    while at < script.said {
        clock::sleep_until(at).await;
        if let Some(until) = script.conditions.suspended_until(who, at) {
            // A suspended process says nothing.
            at = until;
            continue;
        }
        for spoken in script.track_specs().iter().zip(&*tracks) {
            say(&shared_log, &script, (who, life), spoken, (number, at));
        }
        number += 1;
        at += script.topology.frame_ms * 1_000;
    }
    clock::sleep_until(script.said).await;
    for track in &*tracks {
        let _ = track.finish();
    }
    clock::sleep_until(script.over).await;
}

/// Says a frame, and notes it if there is a call to say it in.
fn say(
    shared_log: &SharedLog,
    script: &Script,
    (who, life): (usize, usize),
    (spec, track): (&TrackSpec, &PublishedTrack),
    (number, at): (u64, u64),
) {
    let frame = script.frame((who, life), spec, number, at);
    let said = SentFrame {
        at: Timestamp::from_micros(at),
        keyframe: frame.keyframe,
        payload: frame.payload.clone(),
    };
    if track.send(frame).is_ok() {
        shared_log.write(life, |life| life.said.entry(spec.name.into()).or_default().push(said));
    }
}

async fn listen(shared_log: SharedLog, (life, index): (usize, usize), mut track: SubscribedTrack) {
    while let Some(frame) = track.next().await {
        let heard = DeliveredFrame {
            at: now(),
            number: frame.number,
            captured_at: frame.captured_at,
            keyframe: frame.keyframe,
            payload: frame.payload,
            gap: frame.gap,
        };
        shared_log.write(life, |life| life.tracks[index].heard.push(heard));
    }
}

fn note(life: &mut CallLog, event: Event) {
    if let Event::TrackFinished { track } = &event {
        let finished = life.tracks.iter_mut().find(|record| record.track == Some(*track));
        finished.into_iter().for_each(|record| record.finished = true);
    }
    life.events.push((now(), event));
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
