//! A participant: the state machine, the application that speaks and listens, and what the driver
//! would do.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdline_core::{
    Config, Event, Frame, Input, Output, PublicationId, SessionId, Supervisor, Timestamp, Track,
    TrackId,
};

use super::ConnId;
use crate::plan::{FaultPlan, Topology};
use crate::record::{Heard, ParticipantRecord, Said, TrackRecord};

/// The tracks that everybody speaks on.
pub(super) const TRACKS: [&str; 2] = ["lossless", "live"];

fn track(name: &str) -> Track {
    if name == TRACKS[0] { Track::audio(name).lossless() } else { Track::audio(name) }
}

pub(super) fn name(who: usize) -> String {
    format!("p{who}")
}

pub(super) struct Participant {
    pub(super) who: usize,
    pub(super) call: Supervisor,
    pub(super) conns: BTreeMap<SessionId, ConnId>,
    pub(super) publications: BTreeMap<PublicationId, (SessionId, String)>,
    pub(super) record: ParticipantRecord,
    listens: BTreeMap<TrackId, usize>,
    /// When it is woken next; an earlier wake-up is out of date.
    pub(super) wake: Option<Timestamp>,
    frames: u64,
}

impl Participant {
    pub(super) fn new(who: usize, plan: &FaultPlan, seed: u64) -> Self {
        let mut config = Config::new("relay-0", "room", name(who));
        for relay in 1..plan.topology.relays {
            config.relays.push(format!("relay-{relay}"));
        }
        // Nobody's epochs are anybody else's, and later ones are higher.
        config.first_epoch = 1_000_000 * (who as u64 + 1);
        let call = Supervisor::new(config, seed, Timestamp::ZERO).expect("a valid configuration");
        Self {
            who,
            call,
            conns: BTreeMap::new(),
            publications: BTreeMap::new(),
            record: ParticipantRecord::default(),
            listens: BTreeMap::new(),
            wake: None,
            frames: 0,
        }
    }

    /// What the application asks for first.
    pub(super) fn begin(&mut self, topology: &Topology) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (id, name) in (1..).zip(TRACKS) {
            inputs.push(Input::publish(TrackId(id), track(name)));
            self.record.said.insert(name.into(), Vec::new());
        }
        for speaker in (0..topology.participants as usize).filter(|other| *other != self.who) {
            for listened in TRACKS {
                let id = TrackId(100 + self.record.tracks.len() as u64);
                inputs.push(Input::subscribe(id, name(speaker), track(listened)));
                self.listens.insert(id, self.record.tracks.len());
                let track = TrackRecord { speaker, name: listened.into(), ..Default::default() };
                self.record.tracks.push(track);
            }
        }
        inputs.push(Input::Connect);
        inputs
    }

    /// Says the next frame on each track.
    pub(super) fn speak(&mut self, now: Timestamp) -> Vec<Input> {
        let said = (1..).zip(TRACKS).map(|(id, name)| {
            let mut payload = [0; 16];
            payload[..8].copy_from_slice(&self.frames.to_be_bytes());
            payload[8] = u8::try_from(self.who).unwrap_or(u8::MAX);
            payload[9] = name.as_bytes()[1];
            let payload = Bytes::copy_from_slice(&payload);
            let of_track = self.record.said.entry(name.into()).or_default();
            of_track.push(Said { at: now, payload: payload.clone() });
            Input::Send { track: TrackId(id), frame: Frame::new(now.as_micros(), payload) }
        });
        let said = said.collect();
        self.frames += 1;
        said
    }

    pub(super) fn finish() -> Vec<Input> {
        (1..).zip(TRACKS).map(|(id, _)| Input::Finish { track: TrackId(id) }).collect()
    }

    /// Takes note of what is for the application.
    pub(super) fn note(&mut self, now: Timestamp, output: &Output) {
        match output {
            Output::Deliver { track, object, gap } => {
                let heard = Heard {
                    at: now,
                    number: object.number,
                    captured_at: object.frame.captured_at,
                    payload: object.frame.payload.clone(),
                    gap: *gap,
                };
                self.record.tracks[self.listens[track]].heard.push(heard);
            }
            Output::Event(event) => {
                if let Event::TrackFinished { track } = event {
                    self.record.tracks[self.listens[track]].finished = true;
                }
                if let Event::Ended { summary } = event {
                    self.record.summary = Some((**summary).clone());
                }
                self.record.events.push((now, event.clone()));
            }
            _ => {}
        }
    }
}
