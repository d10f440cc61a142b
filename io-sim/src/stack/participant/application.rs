//! An application that embeds the library: it speaks and listens, and does what people want it to in between.

use std::sync::Arc;

use futures::StreamExt as _;
use holdline_core::{Event, Timestamp};
use holdline_quinn::{Call, CallEnded, PublishedTrack, SubscribedTrack};
use tokio::task::{AbortHandle, JoinSet, yield_now};

use super::diary::Diary;
use crate::conditions::Act;
use crate::record::{Heard, Life, Said, TrackRecord};
use crate::script::{SCREEN, Script, Voice, name};
use crate::stack::clock;

/// The application of one call.
pub(crate) struct Application {
    call: Call,
    script: Arc<Script>,
    who: usize,
    /// Which of its participant's calls it is.
    life: usize,
    diary: Diary,
    voices: Arc<[PublishedTrack]>,
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
        diary: Diary,
    ) -> Self {
        let mut noting = JoinSet::new();
        let (mut events, notes) = (call.events(), diary.clone());
        noting.spawn(async move {
            while let Some(event) = events.next().await {
                notes.write(life, |life| note(life, event));
            }
        });
        let (voices, tracks) = (Arc::default(), Vec::new());
        Self { call, script, who, life, diary, voices, screen: None, tracks, noting }
    }

    /// Publishes what it will speak on, and listens.
    pub(crate) fn begin(&mut self) -> turmoil::Result {
        let voices = self.script.voices().iter().map(|voice| self.call.publish(voice.track()));
        self.voices = voices.collect::<Result<_, _>>()?;
        self.diary.write(self.life, |life| {
            let names = self.script.voices().iter().map(|voice| voice.name.to_owned());
            life.said.extend(names.map(|name| (name, Vec::new())));
        });
        self.listen()
    }

    /// Listens to everybody.
    fn listen(&mut self) -> turmoil::Result {
        for speaker in self.script.others(self.who) {
            for voice in self.script.voices() {
                let track = self.call.subscribe(&name(speaker), voice.track())?;
                let record = TrackRecord {
                    track: Some(track.id()),
                    speaker,
                    name: voice.name.into(),
                    since: now(),
                    ..TrackRecord::default()
                };
                let index = {
                    let tracks = &mut self.diary.open().lives[self.life].tracks;
                    tracks.push(record);
                    tracks.len() - 1
                };
                let heard = listen(self.diary.clone(), (self.life, index), track);
                self.tracks.push(self.noting.spawn(heard));
            }
        }
        Ok(())
    }

    /// Speaks, and acts meanwhile, until everything is over or it hangs up: then, when it calls again.
    pub(crate) async fn run(&mut self) -> turmoil::Result<Option<u64>> {
        let script = Arc::clone(&self.script);
        let voices = Arc::clone(&self.voices);
        let speech = speak(self.diary.clone(), script, (self.who, self.life), voices);
        tokio::pin!(speech);
        let begun = clock::now();
        let acts = self.script.conditions.acts(self.who);
        let mut acts = acts.into_iter().filter(|(at, _)| *at >= begun);
        while let Some((at, act)) = acts.next() {
            tokio::select! {
                biased;
                () = &mut speech => return Ok(None),
                () = clock::sleep_until(at) => {}
            }
            if act == Act::HangUp {
                return Ok(acts.find(|(_, act)| *act == Act::CallAgain).map(|(at, _)| at));
            }
            self.act(act).await?;
        }
        speech.await;
        Ok(None)
    }

    async fn act(&mut self, act: Act) -> turmoil::Result {
        let life = self.life;
        match act {
            // A call that is over is told nothing.
            Act::NetworkChanged => drop(self.call.network_changed()),
            Act::ReconnectNow => drop(self.call.reconnect_now()),
            Act::ReportDeviceError => {
                let microphone = self.voices[0].id();
                self.reported(self.call.report_device_error(microphone, "as it was planned"));
            }
            Act::RaiseSafetyAlert => {
                self.reported(self.call.raise_safety_alert("as it was planned"));
            }
            Act::StopListening => {
                self.tracks.drain(..).for_each(|track| track.abort());
                self.diary.write(life, |life| {
                    life.tracks.iter_mut().for_each(|track| track.left = true);
                });
                // Whoever listens no more lets go of its track.
                yield_now().await;
            }
            Act::ListenAgain if self.tracks.is_empty() => self.listen()?,
            Act::Present if self.screen.is_none() => {
                let screen = self.call.publish(SCREEN.track())?;
                let at = clock::now();
                say(&self.diary, &self.script, (self.who, life), (&SCREEN, &screen), (0, at));
                self.screen = Some(screen);
            }
            Act::StopPresenting => {
                if let Some(screen) = &self.screen {
                    let _ = screen.finish();
                }
            }
            Act::ListenAgain | Act::Present | Act::HangUp | Act::CallAgain => {}
        }
        Ok(())
    }

    /// Notes that something was reported, if there was a call to report it to.
    fn reported(&self, told: Result<(), CallEnded>) {
        self.diary.write(self.life, |life| life.reports += u64::from(told.is_ok()));
    }

    /// Ends the call, and notes how.
    pub(crate) async fn end(mut self) {
        let stats = self.call.stats().await;
        self.diary.write(self.life, |life| life.state = Some(stats.state));
        let summary = self.call.close().await;
        while self.noting.join_next().await.is_some() {}
        self.diary.write(self.life, |life| life.summary = Some(summary));
    }
}

async fn speak(
    diary: Diary,
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
        for spoken in script.voices().iter().zip(&*tracks) {
            say(&diary, &script, (who, life), spoken, (number, at));
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
    diary: &Diary,
    script: &Script,
    (who, life): (usize, usize),
    (voice, track): (&Voice, &PublishedTrack),
    (number, at): (u64, u64),
) {
    let frame = script.frame((who, life), voice, number, at);
    let said = Said {
        at: Timestamp::from_micros(at),
        keyframe: frame.keyframe,
        payload: frame.payload.clone(),
    };
    if track.send(frame).is_ok() {
        diary.write(life, |life| life.said.entry(voice.name.into()).or_default().push(said));
    }
}

async fn listen(diary: Diary, (life, index): (usize, usize), mut track: SubscribedTrack) {
    while let Some(frame) = track.next().await {
        let heard = Heard {
            at: now(),
            number: frame.number,
            captured_at: frame.captured_at,
            keyframe: frame.keyframe,
            payload: frame.payload,
            gap: frame.gap,
        };
        diary.write(life, |life| life.tracks[index].heard.push(heard));
    }
}

fn note(life: &mut Life, event: Event) {
    if let Event::TrackFinished { track } = &event {
        let finished = life.tracks.iter_mut().find(|record| record.track == Some(*track));
        finished.into_iter().for_each(|record| record.finished = true);
    }
    life.events.push((now(), event));
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
