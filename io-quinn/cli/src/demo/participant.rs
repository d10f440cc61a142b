//! One side of the demonstration: speaks, listens, and notes when what happened.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use holdline_dev_relay::Forwarder;
use holdline_quinn::{
    Call, CallConfig, Event, Events, Outcome, PublishedTrack, ReceivedFrame, SubscribedTrack,
    Track, Trust,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::demo::timeline::Timeline;
use crate::pcm::Speech;
use crate::{talk, wording};

/// A frame that was said, and when.
pub(crate) struct Said {
    pub(crate) at: Instant,
    pub(crate) captured_at: u64,
    pub(crate) payload: bytes::Bytes,
}

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
    speaking: JoinHandle<Vec<Said>>,
    /// To the track without loss, and to the live one.
    listening: [JoinHandle<Vec<Heard>>; 2],
    watching: JoinHandle<Vec<IncidentSeen>>,
}

/// What a participant knows when the call is over.
pub(crate) struct Account {
    pub(crate) name: &'static str,
    /// What it put in.
    pub(crate) said: Vec<Said>,
    /// Of the track without loss, and of the live one.
    pub(crate) heard: [Vec<Heard>; 2],
    pub(crate) incidents: Vec<IncidentSeen>,
    pub(crate) outcome: Outcome,
}

impl Account {
    /// When a frame of that capture timestamp was said.
    pub(crate) fn said_at(&self, captured_at: u64) -> Option<Instant> {
        let index = self.said.binary_search_by_key(&captured_at, |said| said.captured_at);
        index.ok().map(|index| self.said[index].at)
    }
}

impl Participant {
    /// Joins the call now; the future is done when the first frame of the other side was heard.
    pub(crate) fn join(
        (name, peer): (&'static str, &str),
        speech: Speech,
        seed: u64,
        network: &Forwarder,
        trust: &Trust,
        timeline: &Timeline,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let relay = format!("moqt://{}", network.address());
        let config = CallConfig::new(relay, "demo", name).trust(trust.clone()).seed(seed);
        let call = Call::connect(config)?;
        let wanted = [Track::audio(talk::TRACK).lossless(), Track::audio(talk::LIVE_TRACK)];
        let tracks = wanted.iter().map(|track| call.publish(track.clone()));
        let tracks = tracks.collect::<Result<Vec<_>, _>>()?;
        let [lossless, live] = wanted.map(|track| call.subscribe(peer, track));
        let (here, peer_is_here) = oneshot::channel();
        let (first, heard_first) = oneshot::channel();
        let participant = Self {
            name,
            speaking: tokio::spawn(say(tracks, speech, peer_is_here)),
            listening: [
                tokio::spawn(listen(lossless?, Some(first))),
                tokio::spawn(listen(live?, None)),
            ],
            watching: tokio::spawn(watch(name, call.events(), timeline.clone(), here)),
            call,
        };
        Ok(async move {
            heard_first.await.map_err(|_| anyhow::anyhow!("{name} never heard the other side"))?;
            Ok(participant)
        })
    }

    /// Waits until both have said everything, or the call has ended.
    pub(crate) async fn talk_to_the_end(&mut self) {
        let conversation = async {
            let listening = |this: &Self| this.listening.iter().any(|ear| !ear.is_finished());
            while !self.speaking.is_finished() || listening(self) {
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
        let [lossless, live] = self.listening;
        Account {
            name: self.name,
            said: self.speaking.await.unwrap_or_default(),
            heard: [lossless.await.unwrap_or_default(), live.await.unwrap_or_default()],
            incidents: self.watching.await.unwrap_or_default(),
            outcome,
        }
    }
}

async fn say(
    tracks: Vec<PublishedTrack>,
    speech: Speech,
    peer_is_here: oneshot::Receiver<()>,
) -> Vec<Said> {
    if peer_is_here.await.is_err() {
        return Vec::new();
    }
    let said = talk::speak(&tracks, &speech.frames).await.unwrap_or_default();
    said.into_iter()
        .zip(speech.frames)
        .map(|((captured_at, at), payload)| Said { at, captured_at, payload })
        .collect()
}

async fn listen(mut track: SubscribedTrack, mut first: Option<oneshot::Sender<()>>) -> Vec<Heard> {
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
