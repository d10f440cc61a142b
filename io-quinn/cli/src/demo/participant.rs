//! One side of the demonstration: speaks, listens, and notes when what happened.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use holdline_quinn::{
    Call, CallConfig, Event, Events, Outcome, PublishedTrack, ReceivedFrame, SubscribedTrack,
    Track, Trust,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::demo::relay_process::RelayProcess;
use crate::demo::timeline::Timeline;
use crate::pcm::Speech;
use crate::{talk, wording};

/// A frame that was heard, and when.
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) frame: ReceivedFrame,
}

/// An incident as the application was told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IncidentSeen {
    pub(crate) detected: Instant,
    pub(crate) attempts: Option<u32>,
}

pub(crate) struct Participant {
    name: &'static str,
    call: Call,
    /// Kept to the end: the same handle from before the crash.
    _track: PublishedTrack,
    speaking: JoinHandle<Vec<(u64, bytes::Bytes)>>,
    listening: JoinHandle<Vec<Heard>>,
    watching: JoinHandle<Vec<IncidentSeen>>,
}

/// What a participant knows when the call is over.
pub(crate) struct Account {
    pub(crate) name: &'static str,
    /// What it put in: capture timestamp and payload of each frame.
    pub(crate) said: Vec<(u64, bytes::Bytes)>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) incidents: Vec<IncidentSeen>,
    pub(crate) outcome: Outcome,
}

impl Participant {
    /// Joins the call now; the future is done when the first frame of the other side was heard.
    pub(crate) fn join(
        name: &'static str,
        peer: &str,
        speech: Speech,
        seed: u64,
        relay: &RelayProcess,
        trust: &Trust,
        timeline: &Timeline,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let config = CallConfig::new(relay.url(), "demo", name).trust(trust.clone()).seed(seed);
        let call = Call::connect(config)?;
        let track = call.publish(Track::audio(talk::TRACK).lossless())?;
        let from_peer = call.subscribe(peer, Track::audio(talk::TRACK).lossless())?;
        let (here, peer_is_here) = oneshot::channel();
        let (first, heard_first) = oneshot::channel();
        let participant = Self {
            name,
            speaking: tokio::spawn(say(track.clone(), speech, peer_is_here)),
            listening: tokio::spawn(listen(from_peer, first)),
            watching: tokio::spawn(watch(name, call.events(), timeline.clone(), here)),
            call,
            _track: track,
        };
        Ok(async move {
            heard_first.await.map_err(|_| anyhow::anyhow!("{name} never heard the other side"))?;
            Ok(participant)
        })
    }

    /// Waits until both have said everything, or the call has ended.
    pub(crate) async fn talk_to_the_end(&mut self) {
        let conversation = async {
            while !(self.speaking.is_finished() && self.listening.is_finished()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = conversation => {}
            _ = self.call.ended() => {}
        }
    }

    pub(crate) async fn leave(self) -> Account {
        let outcome = self.call.close().await.outcome;
        Account {
            name: self.name,
            said: self.speaking.await.unwrap_or_default(),
            heard: self.listening.await.unwrap_or_default(),
            incidents: self.watching.await.unwrap_or_default(),
            outcome,
        }
    }
}

async fn say(
    track: PublishedTrack,
    speech: Speech,
    peer_is_here: oneshot::Receiver<()>,
) -> Vec<(u64, bytes::Bytes)> {
    if peer_is_here.await.is_err() {
        return Vec::new();
    }
    let said = talk::speak(&track, &speech.frames).await.unwrap_or_default();
    said.into_iter().zip(speech.frames).collect()
}

async fn listen(mut track: SubscribedTrack, first: oneshot::Sender<()>) -> Vec<Heard> {
    let mut first = Some(first);
    let mut heard = Vec::new();
    while let Some(frame) = track.next().await {
        heard.push(Heard { at: Instant::now(), frame });
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
    }
    heard
}

async fn watch(
    name: &'static str,
    mut events: Events,
    timeline: Timeline,
    here: oneshot::Sender<()>,
) -> Vec<IncidentSeen> {
    let mut here = Some(here);
    let mut incidents: Vec<IncidentSeen> = Vec::new();
    while let Some(event) = events.next().await {
        match &event {
            Event::ParticipantJoined { .. } => {
                here.take().map(|here| here.send(()));
            }
            Event::IncidentStarted { .. } => {
                incidents.push(IncidentSeen { detected: Instant::now(), attempts: None });
            }
            Event::Recovered { attempts, .. } => {
                if let Some(incident) = incidents.last_mut() {
                    incident.attempts = Some(*attempts);
                }
            }
            _ => {}
        }
        if let Some(sentence) = wording::of_event(&event) {
            timeline.say(name, &sentence);
        }
    }
    incidents
}
