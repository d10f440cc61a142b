//! A participant's process: an application that embeds the library, speaks and listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use holdline_core::{Event, Timestamp};
use holdline_dev_relay::Guard;
use holdline_quinn::{Call, CallConfig, PublishedTrack, SubscribedTrack, Trust};
use tokio::task::JoinSet;

use super::clock;
use super::ether::Ether;
use super::issuer::Issuer;
use super::network::{SimNetwork, relay_name};
use crate::conditions::Hint;
use crate::record::{Heard, Life, ParticipantRecord, Said, TrackRecord};
use crate::script::{Script, name};

/// What becomes of a participant. Its processes come and go; what they saw stays.
#[derive(Clone)]
pub(crate) struct Participant {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
    pub(crate) ether: Ether,
    pub(crate) trust: Trust,
    /// Of its relays, if they want to see tokens.
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) diary: Diary,
}

/// What everybody saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<ParticipantRecord>>);

impl Diary {
    pub(crate) fn open(&self) -> MutexGuard<'_, ParticipantRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into one life.
    fn write(&self, life: usize, write: impl FnOnce(&mut Life)) {
        write(&mut self.open().lives[life]);
    }
}

impl Participant {
    /// One process, from its beginning until everything is over or it is killed.
    pub(crate) async fn live(self) -> turmoil::Result {
        let (who, script) = (self.who, Arc::clone(&self.script));
        let life = self.diary.open().lives.len();
        let (begins, speaks) = script.begins(who);
        clock::sleep_until(begins).await;
        let network = SimNetwork { ether: self.ether.clone(), script: Arc::clone(&script), who };
        let mut config = CallConfig::new(url(0), "room", name(who))
            .trust(self.trust.clone())
            .seed(script.seed(who, life));
        for relay in 1..script.topology.relays as usize {
            config = config.relay(url(relay));
        }
        if let Some(guard) = self.guard.clone() {
            config = config.credential_provider(Issuer { who, script: Arc::clone(&script), guard });
        }
        self.diary.open().lives.push(Life {
            since: now(),
            incarnation: script.first_epoch(who, life, clock::now()),
            ..Life::default()
        });
        let call = Call::connect_on(Arc::new(network), config)?;
        let mut listening = JoinSet::new();
        let mut events = call.events();
        let diary = self.diary.clone();
        listening.spawn(async move {
            while let Some(event) = events.next().await {
                diary.write(life, |life| note(life, event));
            }
        });
        let mut voices = Vec::new();
        for voice in script.voices() {
            voices.push((voice, call.publish(voice.track())?));
            self.diary.write(life, |life| drop(life.said.insert(voice.name.into(), Vec::new())));
        }
        for speaker in script.others(who) {
            for voice in script.voices() {
                let track = call.subscribe(&name(speaker), voice.track())?;
                let record = TrackRecord {
                    track: Some(track.id()),
                    speaker,
                    name: voice.name.into(),
                    ..TrackRecord::default()
                };
                let index = {
                    let tracks = &mut self.diary.open().lives[life].tracks;
                    tracks.push(record);
                    tracks.len() - 1
                };
                listening.spawn(listen(self.diary.clone(), (life, index), track));
            }
        }
        let hints = async {
            let mut hints: Vec<(u64, Hint)> = script.conditions.hints(who).collect();
            hints.sort_unstable();
            for (at, hint) in hints.into_iter().filter(|(at, _)| *at >= clock::now()) {
                clock::sleep_until(at).await;
                let _ = match hint {
                    Hint::NetworkChanged => call.network_changed(),
                    Hint::ReconnectNow => call.reconnect_now(),
                };
            }
        };
        let speech = async {
            clock::sleep_until(speaks).await;
            self.speak(life, &voices).await;
            clock::sleep_until(script.over).await;
        };
        tokio::join!(hints, speech);
        let stats = call.stats().await;
        self.diary.write(life, |life| life.state = Some(stats.state));
        let summary = call.close().await;
        while listening.join_next().await.is_some() {}
        self.diary.write(life, |life| life.summary = Some(summary));
        Ok(())
    }

    async fn speak(&self, life: usize, voices: &[(&crate::script::Voice, PublishedTrack)]) {
        let (who, script) = (self.who, &self.script);
        let mut at = clock::now();
        let mut number = 0;
        while at < script.said {
            clock::sleep_until(at).await;
            if let Some(until) = script.conditions.suspended_until(who, at) {
                // A suspended process says nothing.
                at = until;
                continue;
            }
            for (voice, track) in voices {
                let frame = script.frame((who, life), voice, number, at);
                let said = Said {
                    at: Timestamp::from_micros(at),
                    keyframe: frame.keyframe,
                    payload: frame.payload.clone(),
                };
                if track.send(frame).is_ok() {
                    let name = voice.name;
                    self.diary.write(life, |life| {
                        life.said.entry(name.into()).or_default().push(said);
                    });
                }
            }
            number += 1;
            at += script.topology.frame_ms * 1_000;
        }
        clock::sleep_until(script.said).await;
        for (_, track) in voices {
            let _ = track.finish();
        }
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

fn url(relay: usize) -> String {
    format!("moqt://{}", relay_name(relay))
}
